"""Instants exactly at the edges of windows, one by one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from segmind.customers.facts import Facts
from segmind.segments.compile import matching
from segmind.segments.rule import parse

NOW = datetime(2026, 3, 8, 20, tzinfo=UTC)
TICK = timedelta(microseconds=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
VIEWED, ADDED, REMOVED, BOUGHT = 1, 2, 3, 5
HOURS = {"unit": "hours"}
A_DAY = {"type": "last", "amount": 1, "unit": "days"}

CART = {"type": "cart", "newest": {"amount": 1, **HOURS}, "oldest": {"amount": 2, **HOURS}}
VIEWED_LATELY = {"type": "did", "event": "product_viewed", "window": A_DAY}
WITHIN = {"type": "recency", "event": "product_viewed", "op": "within", "ago": {"amount": 1}}
LONGER = {**WITHIN, "op": "more_than"}
FOLLOWED = {
    "type": "sequence",
    "first": {"event": "product_viewed"},
    "then": {"event": "order"},
    "within": {"amount": 1, **HOURS},
}
NOT_FOLLOWED = {**FOLLOWED, "followed": False}
FEWER = {
    "type": "trend",
    "event": "product_viewed",
    "length": {"amount": 1},
    "op": "less_than",
    "ratio": 1,
}
ON_TWO_DAYS = {
    "type": "did",
    "event": "product_viewed",
    "metric": "distinct_days",
    "n": 2,
    "where": [{"field": "quantity", "op": "is_not", "value": 5}],
}
#: Clocks in New York go from 2:00 to 3:00 on 8 March 2026: the day begins at 05:00 UTC.
ON_THE_8TH = {
    "type": "did",
    "event": "product_viewed",
    "window": {"type": "between", "since": "2026-03-08", "until": "2026-03-08"},
}
BEGIN = datetime(2026, 3, 8, 5, tzinfo=UTC)

CASES = [
    # what, rule, events (kind, how long ago), met
    ("an event at the moment counts", VIEWED_LATELY, [(VIEWED, 0 * DAY)], True),
    ("one just after does not", VIEWED_LATELY, [(VIEWED, -TICK)], False),
    ("the window's first instant counts", VIEWED_LATELY, [(VIEWED, DAY)], True),
    ("the instant before does not", VIEWED_LATELY, [(VIEWED, DAY + TICK)], False),
    ("exactly so long ago is within", WITHIN, [(VIEWED, DAY)], True),
    ("exactly so long ago is not more", LONGER, [(VIEWED, DAY)], False),
    ("an instant longer is more", LONGER, [(VIEWED, DAY + TICK)], True),
    ("added exactly newest ago", CART, [(ADDED, HOUR)], True),
    ("added an instant too late", CART, [(ADDED, HOUR - TICK)], False),
    ("added exactly oldest ago", CART, [(ADDED, 2 * HOUR)], True),
    ("added an instant too early", CART, [(ADDED, 2 * HOUR + TICK)], False),
    ("bought at the same instant empties", CART, [(ADDED, HOUR), (BOUGHT, HOUR)], False),
    ("bought just before does not", CART, [(ADDED, HOUR), (BOUGHT, HOUR + TICK)], True),
    ("what was removed is gone", CART, [(ADDED, HOUR), (REMOVED, HOUR)], False),
    ("older items still count", CART, [(ADDED, 9 * DAY), (ADDED, HOUR), (REMOVED, HOUR)], True),
    ("removed before the order", CART, [(REMOVED, 3 * DAY), (BOUGHT, DAY), (ADDED, HOUR)], True),
    ("then at the limit follows", FOLLOWED, [(VIEWED, 2 * HOUR), (BOUGHT, HOUR)], True),
    ("then past the limit does not", FOLLOWED, [(VIEWED, 2 * HOUR), (BOUGHT, HOUR - TICK)], False),
    ("the same instant is not after", FOLLOWED, [(VIEWED, 2 * HOUR), (BOUGHT, 2 * HOUR)], False),
    ("the time for then is just over", NOT_FOLLOWED, [(VIEWED, HOUR)], True),
    ("the time for then still runs", NOT_FOLLOWED, [(VIEWED, HOUR - TICK)], False),
    ("a later first may go unfollowed", NOT_FOLLOWED, [(VIEWED, DAY), (BOUGHT, 9 * HOUR)], True),
    ("the boundary belongs to now", FEWER, [(VIEWED, DAY), (VIEWED, DAY + TICK)], False),
    ("an instant before to before", FEWER, [(VIEWED, DAY + TICK)], True),
    ("before has a beginning too", FEWER, [(VIEWED, 2 * DAY + TICK)], False),
    ("and it belongs to before", FEWER, [(VIEWED, 2 * DAY)], True),
    (
        "days are those of the zone",
        ON_TWO_DAYS,
        [(VIEWED, NOW - BEGIN + TICK), (VIEWED, HOUR)],
        True,
    ),
    ("not those of UTC", ON_TWO_DAYS, [(VIEWED, NOW - BEGIN), (VIEWED, HOUR)], False),
    ("a calendar day's first instant", ON_THE_8TH, [(VIEWED, NOW - BEGIN)], True),
    ("the instant before it", ON_THE_8TH, [(VIEWED, NOW - BEGIN + TICK)], False),
]


@pytest.mark.parametrize(("rule", "acts", "met"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_edges(rule: dict[str, Any], acts: list[tuple[int, timedelta]], met: bool) -> None:
    assert is_met(rule, acts, NOW) == met


def test_a_calendar_day_ends_an_hour_earlier_when_clocks_go_forward() -> None:
    later = NOW + 5 * DAY
    end = datetime(2026, 3, 9, 4, tzinfo=UTC)
    assert is_met(ON_THE_8TH, [(VIEWED, later - end + TICK)], later)
    assert not is_met(ON_THE_8TH, [(VIEWED, later - end)], later)


def is_met(rule: dict[str, Any], acts: list[tuple[int, timedelta]], as_of: datetime) -> bool:
    events = pl.DataFrame(
        [(1, kind, as_of - age) for kind, age in acts],
        schema={
            "customer_id": pl.Int64(),
            "kind": pl.Int16(),
            "ts": pl.Datetime("us", "UTC"),
        },
        orient="row",
    )
    facts = Facts.of(events, pl.DataFrame({"customer_id": [1]}), zone="America/New_York")
    return not matching(parse(rule), facts, as_of).collect().is_empty()
