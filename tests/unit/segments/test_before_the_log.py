"""A moment before the log: nobody is in anything, and the answer says why."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from segmind.customers.facts import Facts
from segmind.segments.compile import matching, matching_many
from segmind.segments.explain import explain
from segmind.segments.preview import preview
from segmind.segments.rule import parse

FIRST = datetime(2026, 3, 2, 12, 30, tzinfo=UTC)
TICK = timedelta(microseconds=1)
RULES = [
    {"type": "all", "conditions": []},
    {"type": "did", "event": "order", "op": "exactly", "n": 0},
    {"type": "trait", "field": "country", "op": "is", "value": "DE"},
]


@pytest.fixture
def facts() -> Facts:
    events = pl.DataFrame(
        {"customer_id": [1], "kind": [1], "ts": [FIRST]},
        schema={"customer_id": pl.Int64, "kind": pl.Int16, "ts": pl.Datetime("us", "UTC")},
    )
    people = pl.DataFrame({"customer_id": [1, 2], "country": ["DE", "DE"]})
    return Facts.of(events, people, zone="Europe/Berlin")


@pytest.mark.parametrize("given", RULES)
def test_nobody_is_in_anything_before_the_first_event(facts: Facts, given: dict) -> None:
    rule = parse(given)
    before = preview(rule, facts, FIRST - TICK)
    assert (before.count, before.sample, set(before.reach.values())) == (0, [], {0})
    assert before.notice.startswith("The log begins on 2 March 2026 at 13:30 (Europe/Berlin).")
    assert matching(rule, facts, FIRST - TICK).collect().is_empty()
    assert matching_many({1: rule}, facts, FIRST - TICK)[1].is_empty()
    told = explain(rule, facts, 1, FIRST - TICK)
    assert not told.met
    assert told.detail == before.notice


@pytest.mark.parametrize("given", RULES)
def test_from_the_first_event_on_there_are_members_and_no_notice(facts: Facts, given: dict) -> None:
    at = preview(parse(given), facts, FIRST)
    assert (at.count, at.notice) == (2, "")


def test_a_shop_without_events_can_still_be_asked_about_its_customers() -> None:
    empty = pl.DataFrame(schema={"customer_id": pl.Int64, "kind": pl.Int16,
                                 "ts": pl.Datetime("us", "UTC")})  # fmt: skip
    facts = Facts.of(empty, pl.DataFrame({"customer_id": [1], "country": ["DE"]}))
    found = preview(parse(RULES[2]), facts, FIRST)
    assert (found.count, found.notice) == (1, "")
