"""Revenue: what the shop took, what of it followed a message, and what that cost."""

import streamlit as st

from segmind.ui import access, figures
from segmind.ui.components.empty import empty_state
from segmind.ui.components.header import page_header
from segmind.ui.components.period_picker import period_picker
from segmind.ui.components.sections import open_section
from segmind.ui.data import earned as credited
from segmind.ui.data import overview, revenue, workspace
from segmind.ui.navigation import page
from segmind.ui.store import now
from segmind.ui.views.revenue import (
    course,
    funnel,
    groups,
    kpis,
    performance,
    returns,
    sides,
    sources,
)
from segmind.ui.views.revenue.credited import credited_card
from segmind.ui.views.revenue.rule import rule_picker

access.gate()
actions = page_header("Revenue")
if not overview.has_events():
    empty_state(
        "No orders yet",
        "Revenue appears as soon as the log holds orders.",
        icon="payments",
        action="Import events",
        page=page("data"),
        params={"dat_tab": "Import"},
        key="revenue",
    )
    st.stop()
with actions:
    rule = rule_picker("rev_rule")
    stretch = period_picker("rev_range", dates=True)
settings = workspace.settings()
st.caption(
    f"The {stretch.label} in {settings.timezone}, {stretch.versus} · as of "
    f"{figures.clock_time(now(), settings.zone)} · credited by {rule.name}: {rule.sharing}; "
    f"{rule.touches}; net of refunds"
)
if reason := credited.no_sum(stretch.asked):
    st.warning(
        f"{reason}\n\nSet the workspace's currency to that of the orders (Settings), choose a "
        "period with one currency, or convert amounts before they are sent.",
        icon=":material/currency_exchange:",
    )
    st.stop()
chosen = open_section(["Revenue", "Attribution", "Return", "Segments and funnel"], key="rev_tab")
if chosen == "Attribution":
    groups.show(stretch, rule)
    sides.show(stretch)
elif chosen == "Return":
    returns.show(stretch, rule)
elif chosen == "Segments and funnel":
    performance.show(stretch)
    funnel.show(stretch)
else:
    earned = revenue.earned(stretch.asked, rule.key)
    kpis.show(earned, stretch)
    left, right = st.columns([3, 2])
    with left:
        credited_card(earned, key="rev_credited")
    with right:
        course.show(earned)
    sources.show(earned)
