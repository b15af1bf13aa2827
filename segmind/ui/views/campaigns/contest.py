"""The test of a campaign's variants: what each did, who leads or won, and what the rest is sent."""

from __future__ import annotations

import plotly.graph_objects as go
import polars as pl
import streamlit as st

from segmind.campaigns.campaign import Campaign
from segmind.campaigns.groups import NotLaunchedYet
from segmind.campaigns.lifecycle import FINAL
from segmind.campaigns.standing import Standing
from segmind.campaigns.variant_test import CONTROL
from segmind.experiments.contest import Metric
from segmind.experiments.effect import Effect
from segmind.experiments.sentences import sentence
from segmind.ui import figures
from segmind.ui.access import Viewer
from segmind.ui.beginnings import beginning
from segmind.ui.charts.intervals import Interval, dots
from segmind.ui.components.chart_card import chart_card
from segmind.ui.components.confirm import confirm
from segmind.ui.data import campaigns, workspace
from segmind.ui.store import now
from segmind.ui.views.campaigns.draft import kept_content
from segmind.workspace.permissions import Action

_INTERVAL = ("More than A", "At least", "At most", "p")


def show(campaign: Campaign, viewer: Viewer) -> None:
    """The variants beside A, the verdict in words, and the choice where a person has it."""
    try:
        found = campaigns.standing(campaign.id)
    except NotLaunchedYet:
        st.caption("The test begins when its last message is queued.")
        return
    unit = figures.sign(workspace.settings().currency) if _is_money(found) else "points"
    chart_card(
        "Variants",
        unit,
        f"How much more each variant has of {found.metric.label} than A, per customer drawn for "
        "it, delivered or not, until the test's end. Intervals hold together for all pairs "
        "(Bonferroni); p-values are Holm's. Shares: Newcombe's interval and the score test; "
        "revenue: Welch's after CUPED.",
        _chart(found, unit),
        _table(campaign, found),
        key="cmp_contest",
        takeaway=verdict_words(campaign, found),
        empty=verdict_words(campaign, found),
        stretch=False,
    )
    if not found.ratio.is_sound:
        st.warning(found.ratio.sentence, icon=":material/balance:")
    if campaign.winner is None and campaign.status not in FINAL:
        _choice(campaign, viewer)


def _is_money(found: Standing) -> bool:
    return found.metric is Metric.REVENUE


def _shown(value: float, found: Standing) -> str:
    if _is_money(found):
        return figures.money(round(value), workspace.settings().currency)
    return f"{100 * value:.2f} points"


def _scaled(value: float, found: Standing) -> float:
    return figures.major(value, workspace.settings().currency) if _is_money(found) else 100 * value


def _chart(found: Standing, unit: str) -> go.Figure | None:
    rows = []
    for arm in found.arms:
        duel = found.verdict.duel(arm.name, CONTROL)
        if duel is not None and isinstance(duel.effect, Effect):
            its = duel.effect
            bounds = (_scaled(value, found) for value in (its.estimate, its.low, its.high))
            rows.append(Interval(f"{arm.name} more than {CONTROL}", *bounds))
    return dots(rows, unit) if rows else None


def _table(campaign: Campaign, found: Standing) -> pl.DataFrame:
    currency = workspace.settings().currency
    rows = []
    for arm in found.arms:
        duel = found.verdict.duel(arm.name, CONTROL)
        its = duel.effect if duel is not None and isinstance(duel.effect, Effect) else None
        rows.append(
            {
                "Variant": arm.name,
                "Says": _says(campaign, arm.name),
                "Customers": arm.customers,
                "Clicked": arm.clicked,
                "Ordered": arm.ordered,
                "Net revenue": figures.major(arm.net_revenue, currency),
                "More than A": _scaled(its.estimate, found) if its else None,
                "At least": _scaled(its.low, found) if its else None,
                "At most": _scaled(its.high, found) if its else None,
                "p": duel.p_value if duel is not None else None,
            }
        )
    return pl.DataFrame(rows, schema_overrides=dict.fromkeys(_INTERVAL, pl.Float64))


def _says(campaign: Campaign, name: str) -> str:
    """What tells the variant from the others at a glance: its subject, title or text."""
    return beginning(kept_content(campaign, name), 120)


def verdict_words(campaign: Campaign, found: Standing) -> str:
    """Who leads or won, by how much, and what became of the rest."""
    parts = [_figures_words(found), _leader_words(found)]
    zone = workspace.settings().zone
    if campaign.winner is not None:
        by = "by itself" if campaign.decided_by == "scheduler" else f"by {campaign.decided_by}"
        when = figures.instant(campaign.decided_at, zone)
        parts.append(f"The rest is sent **{campaign.winner}**, decided {by} on {when}.")
    elif not found.is_over:
        end = figures.ago(campaign.decide_at, now())
        parts.append(
            f"The test is over {end}. Until then the intervals are wider, so that looking early "
            "does not mislead."
        )
    elif campaign.status not in FINAL:
        parts.append("The test is over and nothing is sent to the rest until you choose.")
    return " ".join(parts).replace("$", "\\$")


def _figures_words(found: Standing) -> str:
    told = []
    for arm in found.arms:
        value = arm.figure(found.metric)
        if value is None:
            told.append(f"{arm.name} nobody")
        elif _is_money(found):
            money = figures.money(round(value), workspace.settings().currency)
            told.append(f"{arm.name} {money}")
        else:
            told.append(f"{arm.name} {figures.percent(value, 2)}")
    return f"{found.metric.label.capitalize()}: {', '.join(told)}."


def _leader_words(found: Standing) -> str:
    leader, winner = found.verdict.leader, found.verdict.winner
    if leader is None:
        return "Nobody was drawn for a variant."
    others = [arm.name for arm in found.arms if arm.name != leader]
    if winner is not None:
        by = [
            sentence(duel.effect, lambda value: _shown(value, found)).rstrip(".").lower()
            for other in others
            if (duel := found.verdict.duel(winner, other)) is not None
        ]
        beaten = "; ".join(f"than {name}: {said}" for name, said in zip(others, by, strict=True))
        return f"**{winner} wins** ({beaten})."
    if not found.is_over:
        return f"{leader} leads, which may be chance."
    return f"No variant is clearly better; {leader} leads, which may be chance."


def _choice(campaign: Campaign, viewer: Viewer) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key="cmp_choose"):
        st.caption("Choose what the rest is sent:", width="content")
        test = campaign.variant_test
        for name in [arm.name for arm in test.arms] if test else []:
            if st.button(
                f"Send {name}", disabled=not viewer.may(Action.LAUNCH), key=f"cmp_choose_{name}"
            ):
                st.session_state["cmp_ask_winner"] = (campaign.id, name)
                st.rerun()


def ask(campaign: Campaign) -> None:
    """The dialog before a choice, when asked for (dialogs open from the page, not a card)."""
    asked = st.session_state.pop("cmp_ask_winner", None)
    if asked is None or asked[0] != campaign.id or campaign.winner is not None:
        return
    name = str(asked[1])
    ends = campaign.decide_at
    early = " The test is not over: what it shows now may turn." if ends and now() < ends else ""
    confirm(
        f"Send variant {name} to the rest?",
        f"Everybody of the audience who has not been written to gets it.{early}",
        f"Send {name}",
        lambda: campaigns.choose(campaign.id, name),
        key="cmp_choose_dialog",
        done=f"Variant {name} goes to the rest",
    )
