"""How the size of a segment went: count by count, and day by day."""

from __future__ import annotations

import polars as pl
import streamlit as st

from segmind.segments.history import DayFile
from segmind.segments.segment import Segment
from segmind.ui import figures, problems
from segmind.ui.access import Viewer
from segmind.ui.charts.timeseries import size_history
from segmind.ui.components.chart_card import chart_card
from segmind.ui.components.confirm import say
from segmind.ui.components.empty import empty_state
from segmind.ui.data import segment_time, segments, workspace
from segmind.workspace.permissions import Action


def show(segment: Segment, viewer: Viewer) -> None:
    """The size over the last 90 days, who came and went; and the size by day, as far as kept."""
    _counted(segment)
    _by_day(segment, viewer)


def _counted(segment: Segment) -> None:
    past = segments.history(segment.id)
    zone = workspace.settings().zone
    if not past:
        empty_state(
            "No history yet",
            "The scheduler counts every segment every few minutes; the first count will show here.",
            icon="timeline",
            key="history",
        )
        return
    table = pl.DataFrame(
        {
            "As of": [each.as_of for each in past],
            "Customers": [each.size for each in past],
            "Entered": [each.entered for each in past],
            "Left": [each.left for each in past],
        }
    )
    came, went = sum(each.entered for each in past), sum(each.left for each in past)
    chart_card(
        "Size",
        "customers",
        "Counted by the scheduler, shown by the hour once it goes back over two days; entered and "
        "left since the line before. Counts older than eight days are kept by the hour. A changed "
        "rule begins anew.",
        size_history(table["As of"].to_list(), table["Customers"].to_list()),
        table,
        key=f"segment_{segment.id}_history",
        takeaway=f"{figures.plural(came, 'customer')} entered and {figures.count(went)} left since "
        f"{figures.instant(past[0].as_of, zone)}.",
    )
    st.caption(f"Last counted {figures.instant(past[-1].as_of, zone)}")


def _by_day(segment: Segment, viewer: Viewer) -> None:
    kept = segment_time.days(segment.id)
    if kept:
        _days_card(segment, kept)
    open_days = segment_time.missing(segment)
    if not open_days:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        pressed = st.button(
            "Fill the history",
            icon=":material/history:",
            disabled=not viewer.may(Action.EDIT_SEGMENTS),
            key="seg_fill",
            help="Computes past days from the log with the present rule, newest first.",
        )
        st.caption(
            f"{figures.plural(open_days, 'day')} of the last 60 are not kept yet. The scheduler "
            "fills them by and by.",
            width="content",
        )
    if pressed:
        with problems.shown("Fill the history"):
            done = segment_time.fill(segment.id)
            say(f"{figures.plural(done.days, 'day')} filled, {done.left} left")
            st.rerun()


def _days_card(segment: Segment, kept: list[DayFile]) -> None:
    line = [each for each in kept if each.rule_hash == kept[-1].rule_hash]
    table = pl.DataFrame(
        {
            "Day": [each.day for each in kept],
            "Customers": [each.size for each in kept],
            "Kept": ["that day" if each.origin == "refresh" else "later" for each in kept],
            "Rule": ["present" if each in line else "an earlier one" for each in kept],
        }
    )
    change = line[-1].size - line[0].size
    span = f"{line[0].day:%-d %B} to {line[-1].day:%-d %B %Y}"
    takeaway = f"{change:+,} customers from {span}." if len(line) > 1 else "One day is kept so far."
    chart_card(
        "Size by day",
        "customers",
        "The members at the day's first count, kept for 13 months; a day without a count is "
        "computed later from the log as of its first instant, with the present rule. A changed "
        "rule begins a new line: the chart shows the present one.",
        size_history([each.day for each in line], [each.size for each in line]),
        table,
        key=f"segment_{segment.id}_days",
        takeaway=takeaway,
    )
