"""Step 5: everything once more, then the launch."""

from __future__ import annotations

import streamlit as st

from segmind.campaigns.campaign import Campaign
from segmind.campaigns.review import Review
from segmind.templates.check import Finding
from segmind.ui import figures, problems
from segmind.ui.access import Viewer
from segmind.ui.components.confirm import confirm
from segmind.ui.components.message_editor import preview_message, show_findings
from segmind.ui.components.metrics import Kpi, metric_row
from segmind.ui.components.waterfall_card import waterfall_card
from segmind.ui.data import campaigns, persons, segments, workspace
from segmind.ui.views.campaigns.schedule import chosen_start, start_words
from segmind.workspace.permissions import Action

#: From so many recipients on, the number has to be typed.
TYPED_FROM = 10_000


def show(campaign: Campaign, viewer: Viewer) -> None:
    """Recipients, cost, what to correct, the waterfall, the message, the button."""
    with problems.shown("Review the campaign"):
        found = campaigns.review(campaign.id)
        _numbers(campaign, found)
        show_findings([Finding(f.level, f.field, f.message, f.hint) for f in found.findings])
        _launch(campaign, found, viewer)
        left, right = st.columns([1.25, 1])
        with left:
            waterfall_card(
                found.waterfall.as_json() if found.waterfall else None, key="cmp_review_waterfall"
            )
        with right:
            if campaign.content:
                people = persons.persons(campaign.segment_id, 1)
                preview_message(
                    campaign.content,
                    people[0].context,
                    workspace.settings(),
                    key=f"cmp_{campaign.id}_review",
                    recipients=found.waterfall.recipients if found.waterfall else None,
                    editable=False,
                )


def _numbers(campaign: Campaign, found: Review) -> None:
    segment = segments.names().get(campaign.segment_id or 0, "no segment")
    drawn, cost = found.waterfall, found.cost
    kpis = [
        Kpi("In the segment", figures.count(drawn.segment if drawn else None), help=segment),
        Kpi("Will receive", figures.count(drawn.recipients if drawn else None)),
        Kpi(
            "Held out",
            figures.count(drawn.removed("holdout") if drawn else None),
            help=f"{figures.per_cent(campaign.holdout_percent)} of those who could receive it",
        ),
        Kpi(
            "Cost, about",
            figures.micros(cost.total_micros, cost.currency) if cost else figures.DASH,
            help=f"{cost.parts:.2f} parts a message, judged by {cost.sampled} recipients"
            if cost and campaign.channel == "sms"
            else "At the prices in Settings",
        ),
    ]
    metric_row(kpis)


def _launch(campaign: Campaign, found: Review, viewer: Viewer) -> None:
    at = chosen_start(campaign)
    word = "Schedule" if at else "Launch"
    with st.container(horizontal=True, vertical_alignment="center", key="cmp_launch_row"):
        pressed = st.button(
            f"{word} the campaign",
            type="primary",
            icon=":material/rocket_launch:",
            disabled=not found.launchable or not viewer.may(Action.LAUNCH),
            key="cmp_launch",
        )
        st.caption(f"It starts {start_words(campaign)}.", width="content")
    if not pressed:
        return
    count = found.waterfall.recipients if found.waterfall else 0
    cost = (
        f", about {figures.micros(found.cost.total_micros, found.cost.currency)}"
        if found.cost
        else ""
    )

    def go() -> None:
        if at:
            campaigns.schedule(campaign.id, at)
        else:
            campaigns.send_now(campaign.id)

    confirm(
        f"{word} “{campaign.name}”?",
        f"**{figures.plural(count, campaign.channel.label + ' message')}**{cost}, starting "
        f"{start_words(campaign)}. You can pause it at any moment.".replace("$", "\\$"),
        f"{word} now" if not at else "Schedule",
        go,
        key="cmp_launch_dialog",
        typed=str(count) if count > TYPED_FROM else "",
        done="Scheduled" if at else "Launched: it starts within a second or two",
    )
