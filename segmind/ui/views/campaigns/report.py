"""A campaign looked back upon."""

from __future__ import annotations

from datetime import timedelta

import polars as pl
import streamlit as st

from segmind.audiences import waterfall
from segmind.campaigns.campaign import Campaign
from segmind.campaigns.report import Figures, Reason, Report
from segmind.messages.explained import reason_label
from segmind.ui import figures, problems
from segmind.ui.access import Viewer
from segmind.ui.charts.bars import funnel
from segmind.ui.charts.timeseries import lines
from segmind.ui.components.chart_card import chart_card
from segmind.ui.components.metrics import Kpi, metric_row
from segmind.ui.data import campaigns, earned, revenue, workspace
from segmind.ui.store import now
from segmind.ui.views.campaigns import contest, fates
from segmind.ui.views.campaigns.lift import lift_card

_SHOWN = ("sent", "delivered", "opened", "clicked")
_WHY = {"excluded": "left out", "skipped": "not sent", "failed": "failed", "expired": "too late"}


def report(campaign: Campaign, viewer: Viewer) -> None:
    """The report; while receipts are likely to come in, it asks again every five seconds."""
    began = campaign.launched_at
    fresh = began is not None and now() - began < timedelta(hours=2)
    st.fragment(_report, run_every="5s" if fresh else None)(campaign.id, viewer)


@problems.guarded
def _report(campaign_id: int, viewer: Viewer) -> None:
    """Key figures, the funnel, the first hours, the waterfall and the reasons."""
    found = campaigns.report(campaign_id)
    settings = workspace.settings()
    st.caption(
        f"Figures as of {figures.instant(found.as_of, settings.zone)} · "
        f"{figures.plural(found.holdout, 'customer')} held out · "
        f"orders are credited to the last click within {earned.click_window()}"
    )
    _key_figures(found)
    if found.campaign.variant_test is not None:
        contest.show(found.campaign, viewer)
    lift_card(found.campaign)
    left, right = st.columns(2)
    with left:
        _funnel(found)
    with right:
        _timeline(found)
    left, right = st.columns(2)
    with left:
        fates.show(found)
    with right:
        _reasons(found)


def _key_figures(found: Report) -> None:
    numbers, currency = found.figures, workspace.settings().currency
    credited = revenue.of_source("campaign", found.campaign.id)
    kpis = [
        Kpi(
            "Delivered",
            figures.share(numbers.delivered, numbers.accepted),
            help=f"{figures.count(numbers.delivered)} of {figures.count(numbers.accepted)} "
            "messages that the provider took",
        ),
        Kpi(
            "Clicked",
            figures.share(numbers.clicked, numbers.delivered),
            help=f"{figures.count(numbers.clicked)} recipients clicked at least once, of those "
            f"delivered. {figures.count(numbers.clicked_by_machine)} clicked only by machines "
            "are not counted.",
        ),
        Kpi(
            "Revenue",
            figures.money(credited.revenue, currency, compact=credited.revenue > 10**7),
            help=f"{figures.plural(credited.orders, 'order')}, net of refunds, credited to the "
            "last click",
        ),
        Kpi(
            "Cost",
            figures.micros(numbers.cost_micros, currency),
            help=f"{figures.plural(numbers.parts, 'part')} at the prices in Settings"
            if numbers.parts
            else "At the prices in Settings",
        ),
        Kpi("Bounced", _rare(numbers.bounced, numbers.accepted, 2)),
        Kpi("Unsubscribed", _rare(numbers.unsubscribed, numbers.delivered, 2)),
        Kpi("Complained", _rare(numbers.complained, numbers.delivered, 3)),
    ]
    if found.campaign.channel == "email":
        kpis.append(
            Kpi(
                "Opened*",
                figures.share(numbers.opened, numbers.delivered),
                help="By people. Mail privacy proxies open by themselves: "
                f"{figures.count(numbers.opened_by_machine)} were opened only by machines. "
                "Rank by clicks and orders.",
            )
        )
    metric_row(kpis)


def _rare(part: int, whole: int, places: int) -> str:
    """A small share with so many places; nothing at all is ``0%``."""
    return figures.share(part, whole, places if part else 0)


def _funnel(found: Report) -> None:
    numbers: Figures = found.figures
    credited = revenue.of_source("campaign", found.campaign.id)
    steps = [
        ("Queued", numbers.enqueued),
        ("Taken by the provider", numbers.accepted),
        ("Delivered", numbers.delivered),
        *([("Opened*", numbers.opened)] if found.campaign.channel == "email" else []),
        ("Clicked", numbers.clicked),
        ("Ordered", credited.orders),
    ]
    chart_card(
        "Funnel",
        "messages",
        "Each message once a step. Orders are those credited to this campaign.",
        funnel(steps, "messages") if numbers.enqueued else None,
        pl.DataFrame({"Step": [s for s, _ in steps], "Messages": [n for _, n in steps]}),
        key="cmp_funnel",
        empty="Nothing was queued yet.",
    )


def _timeline(found: Report) -> None:
    table = found.timeline
    if table.height:
        table = table.filter(pl.col("at") < pl.col("at").min() + pl.duration(hours=48))
    names = [name for name in _SHOWN if table.height and table[name].sum()]
    chart_card(
        "First 48 hours",
        "messages",
        "Messages that for the first time in that hour were sent, delivered, opened, clicked.",
        lines(
            table["at"].to_list(),
            {name.capitalize(): table[name].to_list() for name in names},
            "messages",
        )
        if names
        else None,
        table,
        key="cmp_timeline",
        empty="Nothing has happened yet.",
    )


def _reasons(found: Report) -> None:
    reasons = found.reasons
    with st.container(border=True, height="stretch", key="cmp_reasons"):
        st.subheader(
            "Why somebody got nothing",
            anchor=False,
            help="Left out before the launch, not sent at the last look, or failed.",
        )
        if not reasons:
            st.caption("Everybody in the segment got the message.")
            return
        st.dataframe(
            {
                "Reason": [_in_words(each.reason) for each in reasons],
                "When": [_WHY.get(each.kind, each.kind) for each in reasons],
                "Customers": [each.count for each in reasons],
                "Messages": [_link(found.campaign, each) for each in reasons],
            },
            hide_index=True,
            placeholder=figures.DASH,
            column_config={
                "Customers": st.column_config.NumberColumn(format="localized"),
                "Messages": st.column_config.LinkColumn(display_text="Show"),
            },
            alt="Reasons for which customers got no message",
        )


def _in_words(reason: str) -> str:
    """As the waterfall says it, which is short; else as a message's own page does."""
    try:
        return waterfall.Reason(reason).label
    except ValueError:
        return reason_label(reason)


def _link(campaign: Campaign, reason: Reason) -> str | None:
    """Where the messages are listed; who was left out before the launch has none."""
    status = {"skipped": "Skipped", "failed": "Failed", "expired": "Expired"}.get(reason.kind)
    if status is None:
        return None
    narrowed = f"&reason={reason.reason}" if reason.kind == "skipped" else ""
    return f"/messages?campaign={campaign.id}&msg_status={status}{narrowed}"
