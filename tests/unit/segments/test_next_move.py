"""The next moment at which time alone moves a customer: exact, against asking at every moment."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from segment_oracle import World
from segment_worlds import EDGES, FAMILIES, facts_of, rules, worlds

from segmind.customers.facts import Facts
from segmind.events.spans import start_of
from segmind.segments.built_ins import BUILT_INS
from segmind.segments.next_move import MOST_EVENTS, NextMove, next_move
from segmind.segments.rule import parse
from tests.trying import examples

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
TICK = timedelta(microseconds=1)
DAY = timedelta(days=1)
RELAXED = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
#: Conditions that compare with others are taken to stay as they are.
OWN = sorted(set(FAMILIES) - {"rank", "rfm", "predicted"})


@pytest.mark.parametrize("family", OWN)
def test_the_move_is_the_first_moment_at_which_the_oracle_turns(family: str) -> None:
    @settings(RELAXED, max_examples=examples(4))
    @given(worlds(), FAMILIES[family], st.integers(1, 12))
    def holds(world: World, rule: dict, customer: int) -> None:
        check(world, rule, customer)

    holds()


@settings(RELAXED, max_examples=examples(10))
@given(worlds(), rules(), st.integers(1, 12))
def test_whole_rules_move_when_the_oracle_says_so(world: World, rule: dict, customer: int) -> None:
    check(world, rule, customer)


def check(world: World, rule: dict, customer: int) -> None:
    parsed = parse(rule)
    world.segments = {n: parse(r).as_json() for n, r in world.segments.items()}
    found = next_move(
        parsed, facts_of(world), customer, world.as_of, lambda n: parse(world.segments[n])
    )
    if found.assumed:
        return
    note(f"{parsed.as_json()} {found}")
    past = replace(world, events=world.known)

    def meets(at: datetime) -> bool:
        return replace(past, as_of=at).meets(parsed.as_json(), customer)

    assert found.is_member == meets(world.as_of)
    if found.at is not None:
        assert found.at > world.as_of
        assert meets(found.at) != found.is_member
        assert found.turns
    until = world.as_of + 500 * DAY if found.at is None else found.at
    for at in _moments(past, customer, until):
        assert meets(at) == found.is_member, at


def _moments(world: World, customer: int, until: datetime) -> list[datetime]:
    """Moments before ``until`` at which a rule's answer could turn, and some others."""
    lengths = [*EDGES, *(2 * edge for edge in EDGES), *(n * DAY for n in range(1, 41))]
    instants = {e["ts"] for e in world.known if e["customer_id"] == customer}
    edges = {ts + length + off for ts in instants for length in lengths for off in (0 * TICK, TICK)}
    nights = {start_of((world.as_of + n * DAY).date(), world.zone) for n in range(1, 400)}
    near = {until - TICK, world.as_of + TICK}
    likely = [at for at in edges | nights if world.as_of < at < until]
    chance = random.Random(len(likely))
    return [
        *(at for at in near if world.as_of < at < until),
        *chance.sample(likely, min(60, len(likely))),
    ]


def shop(*events: tuple[int, timedelta], customers: int = 1) -> Facts:
    rows = [{"ts": NOW - ago, "customer_id": 1, "kind": kind, "value": 500} for kind, ago in events]
    schema = {
        "ts": pl.Datetime("us", "UTC"),
        "customer_id": pl.Int64,
        "kind": pl.Int16,
        "value": pl.Int64,
    }
    people = pl.DataFrame({"customer_id": range(1, customers + 1)})
    return Facts.of(pl.DataFrame(rows, schema=schema), people)


def built_in(key: str):
    return next(b.rule for b in BUILT_INS if b.key == key)


def test_a_window_shopper_leaves_when_the_tenth_newest_view_gets_thirty_days_old() -> None:
    facts = shop(*((1, n * DAY) for n in range(12)))
    found = next_move(built_in("window_shoppers"), facts, 1, NOW)
    assert found.is_member
    assert found.at == NOW - 9 * DAY + 30 * DAY + TICK
    assert [(t.path, t.becomes) for t in found.turns] == [("all[0]", False)]


def test_a_cart_counts_as_abandoned_an_hour_after_it_was_filled_to_the_microsecond() -> None:
    facts = shop((2, timedelta(minutes=10)))
    found = next_move(built_in("cart_abandoners"), facts, 1, NOW)
    assert not found.is_member
    assert found.at == NOW + timedelta(minutes=50)
    later = next_move(built_in("cart_abandoners"), facts, 1, NOW + timedelta(hours=2))
    assert later.is_member
    assert later.at == NOW - timedelta(minutes=10) + 7 * DAY + TICK


def test_a_birthday_moves_at_midnight_of_the_workspaces_zone() -> None:
    birthday = {"type": "trait", "field": "birthday", "op": "in_month", "value": "current"}
    people = pl.DataFrame({"customer_id": [1], "birthday": [date(1990, 4, 9)]})
    facts = Facts.of(shop().log.events().collect(), people, zone="Europe/Berlin")
    found = next_move(parse(birthday), facts, 1, NOW)
    assert found.at == datetime(2026, 3, 31, 22, tzinfo=UTC)


def test_what_time_cannot_change_never_moves() -> None:
    ever = parse({"type": "did", "event": "product_viewed", "n": 1})
    assert next_move(ever, shop((1, DAY)), 1, NOW) == NextMove(True, None)


def test_events_after_the_moment_do_not_count() -> None:
    lately = parse(
        {"type": "recency", "event": "product_viewed", "op": "within", "ago": {"amount": 5}}
    )
    found = next_move(lately, shop((1, DAY), (1, -DAY)), 1, NOW)
    assert found.at == NOW - DAY + 5 * DAY + TICK


def test_a_comparison_with_others_is_said_to_be_taken_as_it_is() -> None:
    found = next_move(built_in("high_value"), shop((5, DAY)), 1, NOW)
    assert found.at is None
    assert found.assumed == (
        "Are in the top 20% of customers with orders by net revenue in the last 365 days",
    )


def test_the_next_move_of_a_customer_with_endless_events_is_refused() -> None:
    facts = shop(*((1, timedelta(minutes=n)) for n in range(MOST_EVENTS + 1)))
    found = next_move(built_in("window_shoppers"), facts, 1, NOW)
    assert (found.at, found.refused) == (
        None,
        f"The customer has more than {MOST_EVENTS:,} events.",
    )


def test_a_customer_with_many_events_is_answered_exactly() -> None:
    facts = shop(*((1, timedelta(minutes=n)) for n in range(2_000)))
    found = next_move(built_in("window_shoppers"), facts, 1, NOW)
    assert found.at == NOW - timedelta(minutes=9) + 30 * DAY + TICK
