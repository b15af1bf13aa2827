"""The list of automations, and the dialog of the recipe."""

from __future__ import annotations

from typing import cast

import streamlit as st

from segmind.automations.automation import Automation
from segmind.automations.definition import ChannelName, Send
from segmind.automations.recipes import cart_recovery
from segmind.segments.acts import phrase
from segmind.ui import figures, problems
from segmind.ui.components.badges import CHANNELS, channel_text, state_text
from segmind.ui.components.rows import list_row
from segmind.ui.data import automations
from segmind.ui.navigation import open_page


def one_row(automation: Automation) -> None:
    """An automation with its state, what starts it, and its numbers."""
    totals = automations.totals(automation.id)
    used = dict.fromkeys(s.channel for s in automation.definition.steps if isinstance(s, Send))
    facts = [
        f"When a customer {phrase(automation.definition.trigger.event).past}",
        figures.plural(len(automation.definition.steps), "step"),
        *(channel_text(channel) for channel in used),
    ]
    list_row(
        "automation",
        automation.id,
        automation.name,
        badges=[state_text(automation.state)],
        facts=" · ".join(facts),
        figures=[
            ("entered", figures.count(totals.entered)),
            ("waiting now", figures.count(totals.waiting)),
            ("reached the goal", figures.share(totals.converted, totals.entered)),
        ],
        key=f"automation_{automation.id}",
    )


@st.dialog("Cart recovery", width="medium")
def new_cart_recovery() -> None:
    """Ask for the recipe's ingredients, make the draft and open it."""
    name = st.text_input("Name", "Cart recovery", key="aus_name")
    minutes = st.number_input(
        "Remind them so many minutes after the last change of the cart",
        1,
        43_200,
        60,
        key="aus_minutes",
    )
    channels = st.pills(
        "By, in this order",
        list(CHANNELS),
        selection_mode="multi",
        default=["email"],
        format_func=lambda each: CHANNELS[each][0],
        key="aus_channels",
    )
    st.caption(
        "Each further channel is used 22 hours after the one before, only where the customer may "
        "be reached by it. An order ends it at every step. The texts can be changed afterwards."
    )
    if st.button("Create the draft", type="primary", key="aus_create"):
        with problems.shown("Cart recovery"):
            chosen = [cast(ChannelName, each) for each in channels or ()]
            definition = cart_recovery(wait_minutes=int(minutes), channels=chosen)
            made = automations.create(name or "", definition)
            open_page("automation", id=made.id)
