"""Spans of time: half-open, subtracted without loss, days of 0 to 25 hours."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segmind.events.spans import Span, any_holds, day_of, day_span, minus, start_of

START = datetime(2026, 3, 1, tzinfo=UTC)
bounds = st.none() | st.integers(0, 12).map(lambda h: START + timedelta(hours=h))
spans = st.builds(Span, bounds, bounds)
HOURS = pl.DataFrame({"ts": [START + timedelta(hours=h) for h in range(-1, 14)]})


def held(span: Span) -> set[datetime]:
    return set(HOURS.filter(span.holds(pl.col("ts")))["ts"])


@given(spans, st.lists(spans, max_size=4))
def test_what_is_subtracted_is_gone_and_the_rest_stays(whole: Span, parts: list[Span]) -> None:
    left = minus(whole, parts)
    gone = set().union(*(held(p) for p in parts))
    assert set(HOURS.filter(any_holds(left, pl.col("ts")))["ts"]) == held(whole) - gone
    assert all(not span.is_empty for span in left)


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("UTC", date(2026, 3, 1), 24),
        ("Europe/Berlin", date(2026, 3, 29), 23),
        ("Europe/Berlin", date(2026, 10, 25), 25),
        ("America/Sao_Paulo", date(2017, 10, 15), 23),  # begins at 01:00
        ("Pacific/Apia", date(2011, 12, 30), 0),  # did not happen
    ],
)
def test_a_day_is_as_long_as_its_clocks_say(zone: str, day: date, hours: int) -> None:
    span = day_span(day, ZoneInfo(zone))
    assert span.until - span.since == timedelta(hours=hours)  # type: ignore[operator]
    if hours:
        edges = pl.DataFrame({"ts": [span.since, span.until]})
        days = edges.select(day_of(pl.col("ts"), ZoneInfo(zone)))["ts"].to_list()
        assert days[0] == day
        assert days[1] > day


def test_an_instant_without_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="aware"):
        Span(START.replace(tzinfo=None))
    assert start_of(date(2026, 3, 1), ZoneInfo("Asia/Kolkata")).tzinfo is UTC
