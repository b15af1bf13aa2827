"""The first page's figures, what just happened, and what waits for a person."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import streamlit as st

from segmind.analytics import currencies, overview
from segmind.analytics.live import recent_events
from segmind.analytics.overview import Figure
from segmind.analytics.rules import Windows, rule_of, windows_of
from segmind.events.schema import Kind
from segmind.ui.data import campaigns, facts, log, segment_time, segments, workspace
from segmind.ui.data.periods import period_of
from segmind.ui.figures import day
from segmind.ui.store import now

#: Segments of fewer customers come and go by chance.
_FEW: Final = 20
#: A change worth a look, as a share.
_MOVED: Final = 0.1


@dataclass(frozen=True, slots=True)
class Need:
    """Something that waits for a person: a sentence, an icon, and the page to go to."""

    icon: str
    text: str
    page: str
    params: dict[str, str]


def figures(days: int) -> dict[str, Figure]:
    """The six figures of the last ``days``; money is compared with the days before only where
    those are in the workspace's currency."""
    settings = workspace.settings()
    return _figures(days, windows_of(settings), settings.currency, facts.version())


@st.cache_data(ttl=60, max_entries=8, show_spinner=False)
def _figures(days: int, windows: Windows, currency: str, version: str) -> dict[str, Figure]:
    del version
    period, rule = period_of(days), rule_of("last_click", windows)
    found = overview.summary(facts.facts(), period, rule)
    if not currencies.foreign(facts.facts(), period.before(), currency):
        return found
    return {
        key: replace(figure, before=None) if figure.is_money else figure
        for key, figure in found.items()
    }


def has_events() -> bool:
    """Whether the log holds anything."""
    return facts.facts().log.first_ts is not None


def live(limit: int = 14) -> list[dict[str, Any]]:
    """The newest events but memberships, newest first; asked anew whenever the log moved."""
    return _live(limit, facts.version())


@st.cache_data(ttl=10, max_entries=4, show_spinner=False)
def _live(limit: int, version: str) -> list[dict[str, Any]]:
    del version
    without = (Kind.SEGMENT_ENTERED, Kind.SEGMENT_LEFT)
    return recent_events(facts.facts(), now(), limit, without=without).to_dicts()


def needs() -> list[Need]:
    """What waits for a person, the gravest first."""
    found = [*_of_schedulers(), *_of_the_log(), *_of_campaigns(), *_of_jobs(), *_of_segments()]
    return found[:6]


def _of_schedulers() -> list[Need]:
    if any(each.alive for each in log.schedulers()):
        return []
    text = "**No scheduler runs**: nothing is sent and no segment is counted"
    return [Need("warning", text, "data", {"dat_tab": "Jobs"})]


def _of_the_log() -> list[Need]:
    missing = facts.facts().log.incomplete
    if not missing:
        return []
    text = f"**{len(missing)} event file{'s' * (len(missing) != 1)}** cannot be read"
    return [Need("warning", text, "data", {})]


def _of_campaigns() -> list[Need]:
    found = []
    for campaign in campaigns.newest():
        params = {"id": str(campaign.id)}
        if campaign.problem:
            text = f"**{campaign.name}**: {campaign.problem}"
            found.append(Need("error", text, "campaign", params))
        elif campaign.standing and not campaign.winner and campaign.status == "sending":
            text = f"**{campaign.name}**: its test is over, choose what the rest is sent"
            found.append(Need("science", text, "campaign", params))
        elif campaign.status == "missed":
            text = f"**{campaign.name}** missed its start"
            found.append(Need("event_busy", text, "campaign", params))
        elif campaign.status == "paused":
            text = f"**{campaign.name}** is paused"
            found.append(Need("pause_circle", text, "campaign", params))
    return found


def _of_jobs() -> list[Need]:
    return [
        Need("sync_problem", f"**{job.title}** failed", "data", {"dat_tab": "Jobs"})
        for job in workspace.jobs()
        if job.state == "failed"
    ][:2]


def _of_segments() -> list[Need]:
    """Segments that moved by a tenth or more in a week."""
    found = []
    for segment in segments.listed():
        course = segment_time.course(segment)
        if course is None or (course.then or 0) < _FEW:
            continue
        change = course.growth or 0.0
        if abs(change) >= _MOVED:
            icon = "trending_up" if change > 0 else "trending_down"
            text = f"**{segment.name}** {change:+.0%} since {day(course.since)}"
            found.append(Need(icon, text, "segment", {"id": str(segment.id), "seg_tab": "History"}))
    return found[:3]
