"""Automations: messages that send themselves."""

import streamlit as st

from segmind.ui import access
from segmind.ui.components.confirm import say_what_was_done
from segmind.ui.components.empty import empty_state
from segmind.ui.components.header import page_header
from segmind.ui.data import automations
from segmind.ui.views.automations.list import new_cart_recovery, one_row
from segmind.workspace.permissions import Action

viewer = access.gate()
say_what_was_done()
actions = page_header(
    "Automations", "Steps that customers move through by themselves: trigger, wait, ask, send."
)
allowed = viewer.may(Action.EDIT_AUTOMATIONS)
with actions:
    if st.button(
        "Cart recovery",
        type="primary",
        icon=":material/shopping_cart_checkout:",
        disabled=not allowed,
        help="A recipe: remind customers of the cart that they left",
        key="aus_new",
    ):
        new_cart_recovery()

listed = automations.listed()
if not listed:
    if empty_state(
        "No automations yet",
        "Begin with cart recovery: an hour after somebody leaves a cart, they get a reminder, "
        "unless they bought meanwhile.",
        icon="account_tree",
        action="Set up cart recovery",
        key="automations",
    ):
        new_cart_recovery()
    st.stop()
for automation in listed:
    one_row(automation)
