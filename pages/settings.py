"""Settings: the workspace, how it sends, who may use it, what was done."""

from segmind.ui import access
from segmind.ui.components.confirm import say_what_was_done
from segmind.ui.components.header import page_header
from segmind.ui.components.sections import open_section
from segmind.ui.views.settings import (
    audit,
    consent,
    keys,
    members,
    prices,
    sending,
    webhooks,
    workspace,
)

viewer = access.gate()
say_what_was_done()
page_header("Settings")

SECTIONS = {
    "Workspace": workspace.show,
    "Sending": sending.show,
    "Costs": prices.show,
    "Consent": consent.show,
    "API keys": keys.show,
    "Webhooks": webhooks.show,
    "Members": members.show,
    "Audit": audit.show,
}
SECTIONS[open_section(SECTIONS, key="set_tab")](viewer)
