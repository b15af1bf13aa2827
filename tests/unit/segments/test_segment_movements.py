"""Who moved and by which condition; the matrix of moves; overlaps: all against counting by hand."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import polars as pl
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from segment_oracle import World
from segment_worlds import facts_of, rules, world_of

from segmind.customers.facts import Facts
from segmind.segments.migration import between, migration, rfm_rules
from segmind.segments.movements import movements
from segmind.segments.overlap import overlap
from segmind.segments.rfm import GROUPS as GROUPS_OF_RFM
from segmind.segments.rule import parse
from tests.trying import examples

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
DAY = timedelta(days=1)
RELAXED = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
SEGMENTS = {
    7: {"type": "did", "event": "product_viewed", "n": 2},
    8: {"type": "in_segment", "segment_id": 7},
}


def world(seed: int) -> World:
    made = world_of(seed)
    made.segments = {n: parse(rule).as_json() for n, rule in SEGMENTS.items()}
    return made


@settings(RELAXED, max_examples=examples(12))
@given(st.integers(0, 2**32), rules(), st.integers(1, 60))
def test_movements_and_their_causes_are_what_asking_everybody_twice_says(
    seed: int, rule: dict, hours: int
) -> None:
    now = world(seed)
    parsed = parse(rule)
    then = replace(now, as_of=now.as_of - timedelta(hours=hours))
    standing = replace(now, events=then.known)
    found = movements(
        parsed, facts_of(now), then.as_of, now.as_of, lambda n: parse(now.segments[n])
    )
    note(f"{parsed.as_json()} {found}")
    json = parsed.as_json()
    was, is_now = then.members(json), now.members(json)
    assert found.entered.to_list() == sorted(is_now - was)
    assert found.left.to_list() == sorted(was - is_now)
    assert found.stayed == len(is_now & was)
    for cause, top in zip(found.causes, json.get("conditions", [json]), strict=True):
        before, after = then.members(top), now.members(top)
        met, unmet = (
            (before - after, after - before)
            if json["type"] == "none"
            else (after - before, before - after)
        )
        assert cause.entered == len(met & (is_now - was))
        assert cause.left == len(unmet & (was - is_now))
        assert cause.alone_entered <= cause.entered
        if cause.by_time_left is not None:
            later = standing.members(top)
            assert cause.by_time_entered == len((before ^ later) & met & (is_now - was))
            assert cause.by_time_left == len((before ^ later) & unmet & (was - is_now))


def test_everybody_who_moved_has_a_condition_that_turned() -> None:
    events = pl.DataFrame(
        {
            "ts": [NOW - 40 * DAY, NOW - 29 * DAY, NOW - 31 * DAY, NOW - DAY],
            "customer_id": [1, 2, 3, 4],
            "kind": [5, 5, 5, 5],
        },
        schema_overrides={"kind": pl.Int16},
    )
    facts = Facts.of(events, pl.DataFrame({"customer_id": [1, 2, 3, 4, 5]}))
    lately = {"type": "did", "event": "order", "window": {"type": "last", "amount": 30}}
    rule = parse({"type": "all", "conditions": [lately]})
    found = movements(rule, facts, NOW - 2 * DAY, NOW)
    assert (found.entered.to_list(), found.left.to_list(), found.stayed) == ([4], [3], 1)
    (cause,) = found.causes
    assert cause.sentence == "Placed an order in the last 30 days"
    assert (cause.entered, cause.left) == (1, 1)
    assert (cause.by_time_entered, cause.by_time_left) == (0, 1)


def test_a_condition_that_compares_customers_has_no_part_by_time() -> None:
    facts = Facts.of(
        pl.DataFrame(
            {"ts": [NOW - 3 * DAY], "customer_id": [1], "kind": [5], "value": [5]},
            schema_overrides={"kind": pl.Int16},
        ),
        pl.DataFrame({"customer_id": [1]}),
    )
    rule = parse({"type": "rank", "top_percent": 20, "window": {"type": "last", "amount": 2}})
    found = movements(rule, facts, NOW - 2 * DAY, NOW)
    assert found.left.to_list() == [1]
    assert found.causes[0].by_time_left is None


GROUPS = st.lists(st.sets(st.integers(1, 40)), min_size=1, max_size=5)


@settings(RELAXED, max_examples=examples(30))
@given(GROUPS, st.randoms(use_true_random=False), st.sets(st.integers(1, 40)))
def test_every_customer_is_in_exactly_one_cell_of_the_migration(groups, chance, everybody) -> None:
    def first(members: list[set[int]], customer: int) -> int:
        return next((n for n, each in enumerate(members) if customer in each), len(members))

    later = [{c for c in range(1, 41) if chance.random() < 0.4} for _ in groups]
    found = between(
        series(groups), series(later), pl.Series(sorted(everybody), dtype=pl.Int64), NOW - DAY, NOW
    )
    cells = Counter((first(groups, c), first(later, c)) for c in everybody)
    n = len(groups)
    assert found.counts == tuple(tuple(cells[a, b] for b in range(n + 1)) for a in range(n + 1))
    assert found.customers == len(everybody)
    assert sum(found.before) == sum(found.after) == len(everybody)
    in_none_twice = found.counts[n][n]
    assert found.stayed + found.moved + found.came + found.left + in_none_twice == len(everybody)


def test_a_migration_asks_the_rules_at_both_moments() -> None:
    events = pl.DataFrame(
        {"ts": [NOW - 5 * DAY, NOW - DAY], "customer_id": [1, 2], "kind": [1, 1]},
        schema_overrides={"kind": pl.Int16},
    )
    facts = Facts.of(events, pl.DataFrame({"customer_id": [1, 2, 3]}))
    fresh = {"type": "recency", "event": "product_viewed", "op": "within", "ago": {"amount": 3}}
    stale = {"type": "recency", "event": "product_viewed", "op": "more_than", "ago": {"amount": 3}}
    found = migration({4: parse(fresh), 9: parse(stale)}, facts, NOW - 3 * DAY, NOW)
    assert found.keys == (4, 9)
    assert found.counts == ((0, 1, 0), (0, 0, 0), (1, 0, 1))
    assert (found.moved, found.came, found.left, found.stayed) == (1, 1, 0, 0)


def test_rfm_groups_part_all_who_ordered() -> None:
    events = pl.DataFrame(
        {
            "ts": [NOW - DAY * (n % 23) for n in range(200)],
            "customer_id": [n % 37 for n in range(200)],
            "kind": [5] * 200,
            "value": [100] * 200,
        },
        schema_overrides={"kind": pl.Int16},
    )
    facts = Facts.of(events, pl.DataFrame({"customer_id": range(50)}))
    found = migration(rfm_rules(), facts, NOW - 10 * DAY, NOW)
    assert found.keys == tuple(group.key for group in GROUPS_OF_RFM)
    assert found.customers == 50
    assert found.after[-1] == 13
    assert found.before[-1] == 50 - len({n % 37 for n in range(200) if n % 23 >= 10})


@settings(RELAXED, max_examples=examples(30))
@given(GROUPS)
def test_overlaps_are_the_sizes_of_the_intersections(groups) -> None:
    found = overlap(series(groups))
    assert found.counts == tuple(tuple(len(a & b) for b in groups) for a in groups)
    assert found.anybody == len(set().union(*groups))
    for n, mine in enumerate(groups):
        others = set().union(*(g for m, g in enumerate(groups) if m != n))
        assert found.only[n] == len(mine - others)
        assert found.share(n, n) == (1 if mine else None)


def series(groups: list[set[int]]) -> dict[int, pl.Series]:
    return {n: pl.Series(sorted(ids), dtype=pl.Int64) for n, ids in enumerate(groups)}
