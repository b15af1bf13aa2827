"""Automations: messages that send themselves."""

import streamlit as st

from segmind.ui import access
from segmind.ui.components.confirm import say_what_was_done
from segmind.ui.components.empty import empty_state
from segmind.ui.components.header import page_header
from segmind.ui.data import automations
from segmind.ui.views.automations.list import from_scratch, recipes, rows
from segmind.workspace.permissions import Action

viewer = access.gate()
say_what_was_done()
actions = page_header(
    "Automations", "Steps that customers move through by themselves: trigger, wait, ask, send."
)
allowed = viewer.may(Action.EDIT_AUTOMATIONS)
with actions:
    if st.button(
        "From scratch",
        icon=":material/add:",
        disabled=not allowed,
        key="aus_new",
    ):
        from_scratch()

listed = automations.listed()
if not listed:
    empty_state(
        "No automations yet",
        "Begin with a recipe below: cart recovery reminds people an hour after they left a cart, "
        "unless they bought meanwhile.",
        icon="account_tree",
        key="automations",
    )
rows()
recipes(allowed=allowed)
