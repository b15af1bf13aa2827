"""What a rule costs is known before it is asked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from segmind.customers.facts import Facts
from segmind.segments.built_ins import BUILT_INS
from segmind.segments.cost import FREE_SECONDS, Cost, cost
from segmind.segments.rule import parse

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
WEEK = {"type": "last", "amount": 7}
ON_VALUE = [{"field": "value", "op": "at_least", "value": 100}]


@pytest.fixture(scope="module")
def facts() -> Facts:
    """10 views and 2 order lines in the last week, 5 views before."""
    views = [(1, 1, NOW - timedelta(days=n % 7)) for n in range(10)]
    lines = [(1, 5, NOW - timedelta(days=n)) for n in range(2)]
    older = [(1, 1, NOW - timedelta(days=20)) for _ in range(5)]
    events = pl.DataFrame(
        [*views, *lines, *older],
        schema={"customer_id": pl.Int64, "kind": pl.Int16, "ts": pl.Datetime("us", "UTC")},
        orient="row",
    )
    return Facts.of(events, pl.DataFrame({"customer_id": [1]}))


def did(event: str = "product_viewed", **more: Any) -> dict[str, Any]:
    return {"type": "did", "event": event, "window": WEEK, **more}


READS = [
    (did(), 0),
    (did(metric="distinct_days"), 0),
    ({"type": "rank", "top_percent": 10}, 0),
    ({"type": "rfm", "groups": ["lost"]}, 0),
    ({"type": "predicted", "what": "predicted_orders", "n": 1}, 0),
    ({"type": "trait", "field": "country", "op": "is", "value": "DE"}, 0),
    (did(where=ON_VALUE), 10),
    (did(where=ON_VALUE, window={"type": "ever"}), 15),
    (did(metric="distinct_products"), 10),
    (did(metric="distinct_values", of="properties.size"), 10),
    (did("order", where=ON_VALUE), 2),
    ({"type": "all", "conditions": [did(where=ON_VALUE), did(where=ON_VALUE, n=3)]}, 10),
    (
        {"type": "sequence", "first": {"event": "product_viewed"}, "then": {"event": "session"},
         "window": WEEK},
        0,
    ),
    (
        {"type": "sequence", "first": {"event": "product_viewed", "where": ON_VALUE},
         "then": {"event": "session"}, "window": WEEK},
        10,
    ),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "events"), READS)
def test_only_what_looks_into_single_events_reads_them(
    facts: Facts, rule: dict[str, Any], events: int
) -> None:
    found = cost(parse(rule), facts, NOW)
    assert found.events == events
    assert (found.seconds > 0) == (events > 0)


def test_a_referred_segment_is_part_of_the_cost(facts: Facts) -> None:
    dear = parse(did(where=ON_VALUE))
    rule = parse({"type": "in_segment", "segment_id": 3})
    assert cost(rule, facts, NOW, lambda n: dear if n == 3 else None).events == 10


def test_the_built_in_segments_are_free(facts: Facts) -> None:
    assert all(cost(built_in.rule, facts, NOW).is_free for built_in in BUILT_INS)


def test_a_cost_is_said_in_round_figures() -> None:
    assert str(Cost(0, 0.0)) == "Answered from rollups: no event has to be read."
    assert str(Cost(34_000_000, 12.4)) == "Reads about 34 million events: about 12 s."
    assert str(Cost(1_234_567, 0.2)) == "Reads about 1.2 million events: less than a second."
    assert not Cost(10**8, FREE_SECONDS + 0.1).is_free
