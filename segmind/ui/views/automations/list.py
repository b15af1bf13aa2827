"""The list of automations, and the recipes to begin with."""

from __future__ import annotations

from typing import Final

import streamlit as st

from segmind.automations.automation import Automation
from segmind.automations.definition import Definition, parse
from segmind.automations.describe import cause
from segmind.automations.lifecycle import State
from segmind.automations.recipes import RECIPES, Recipe
from segmind.automations.steps import Send
from segmind.ui import figures, problems
from segmind.ui.components.badges import channel_text, state_text
from segmind.ui.components.rows import list_row
from segmind.ui.data import automations, segments
from segmind.ui.navigation import open_page
from segmind.ui.views.automations.words import plain

#: What an automation from scratch begins as: valid, and obviously to be changed.
_BLANK: Final = {
    "trigger": {"kind": "event", "event": "order"},
    "key": "order",
    "steps": [
        {"kind": "wait", "id": "wait_1", "seconds": 86_400},
        {
            "kind": "send",
            "id": "send_1",
            "channel": "email",
            "content": {
                "channel": "email",
                "subject": "Thank you, {{ first_name | default: 'and see you soon' }}",
                "blocks": [
                    {"kind": "heading", "text": "Thank you for your order"},
                    {"kind": "text", "text": "We hope that it is all you wanted."},
                ],
            },
        },
    ],
}


@st.fragment(run_every="10s")
@problems.guarded
def rows() -> None:
    """Every automation with its numbers, which follow what happens; the stopped ones folded."""
    listed = automations.listed()
    stopped = [each for each in listed if each.state is State.STOPPED]
    for automation in listed:
        if automation.state is not State.STOPPED:
            one_row(automation)
    if stopped:
        with st.expander(f"Stopped: {len(stopped)}", key="aus_stopped"):
            for automation in stopped:
                one_row(automation)


def one_row(automation: Automation) -> None:
    """An automation with its state, what starts it, and its numbers."""
    totals = automations.totals(automation.id)
    facts = [
        plain(cause(automation.definition, segments.words())),
        figures.plural(len(automation.definition.steps), "step"),
        *(channel_text(channel) for channel in _channels(automation.definition)),
    ]
    badges = [state_text(automation.state)]
    if totals.failed:
        badges.append(f":red-badge[:material/error: {figures.count(totals.failed)} failed]")
    list_row(
        "automation",
        automation.id,
        automation.name,
        badges=badges,
        facts=" · ".join(facts),
        figures=[
            ("entered", figures.count(totals.entered)),
            ("waiting now", figures.count(totals.waiting)),
            ("messages", figures.count(totals.messages)),
            ("reached goal", figures.share(totals.converted, totals.entered)),
        ],
        key=f"automation_{automation.id}",
    )


def recipes(*, allowed: bool) -> None:
    """Every recipe as a card: one click makes a draft of it, and opens it."""
    st.subheader("Begin with a recipe", anchor=False)
    st.caption("Each makes a draft with texts that you can change; nothing is sent before you say.")
    with st.grid(3, min_column_width=240):
        for recipe in RECIPES:
            _card(recipe, allowed)


def _card(recipe: Recipe, allowed: bool) -> None:
    with st.container(border=True, gap="small", height="stretch", key=f"aus_recipe_{recipe.key}"):
        st.markdown(f":material/{recipe.icon}: **{recipe.name}**")
        st.caption(recipe.sentence)
        st.space("stretch")
        pressed = st.button("Set up", disabled=not allowed, key=f"aus_set_up_{recipe.key}")
    if pressed:
        with problems.shown(recipe.name):
            made = automations.set_up(recipe)
            segments.read_anew()  # a recipe may bring the segment that it starts with
            open_page("automation", id=made.id)


@st.dialog("New automation")
def from_scratch() -> None:
    """Ask for a name, make a draft with two steps, to be changed, and open it."""
    name = st.text_input("Name", placeholder="Ask for a review", max_chars=200, key="aus_name")
    st.caption("It begins with an order, a day's wait and an e-mail: change all of it.")
    if st.button("Create the draft", type="primary", key="aus_create"):
        with problems.shown("New automation"):
            made = automations.create(name or "", parse(_BLANK))
            open_page("automation", id=made.id)


def _channels(definition: Definition) -> list[str]:
    options = [o for step in definition.steps if isinstance(step, Send) for o in step.options]
    return list(dict.fromkeys(option.channel for option in options))
