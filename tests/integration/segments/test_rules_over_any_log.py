"""Rules over a log with a history: late, repeated, sealed, rolled, compacted, recent, merged.

Random worlds come into a real store in pieces, by either door, with housekeeping and merges of
customers in between; every rule must answer what a naive reading of all events answers.
"""

from __future__ import annotations

import json
import sys
import uuid
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import polars as pl
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from sqlalchemy import text

from segmind.customers.facts import Facts
from segmind.db.engine import Store
from segmind.events import bulk, compact, ingest, keys, log, names, reading, rollup, seal
from segmind.events.ingest import NewEvent
from segmind.events.schema import FIRST_CUSTOM_CODE, Channel, Kind, Source
from segmind.events.vectors import merge_anchor
from segmind.segments import sources
from segmind.segments.compile import matching_many
from segmind.segments.explain import explain
from segmind.segments.preview import preview
from segmind.segments.rule import parse
from tests.trying import examples

sys.path.insert(0, str(Path(__file__).parents[2] / "unit" / "segments"))
from segment_oracle import World
from segment_worlds import WINDOWS, facts_of, rules, sequences, world_of, worlds

STEP = st.one_of(
    st.tuples(st.just("seal"), st.sampled_from([5, 1_000])),
    st.tuples(st.just("roll"), st.sampled_from([0, 1, 3, 20])),
    st.tuples(st.just("compact"), st.sampled_from([0, 3])),
    st.tuples(st.just("merge"), st.sampled_from([(12, 11), (11, 3), (10, 3), (5, 6), (99, 1)])),
)


_EVENTS = st.sampled_from(["product_viewed", "product_viewed", "product_added", "order", "session"])
_ACT = _EVENTS.map(lambda event: {"event": event, "where": []})
#: Rules without comparisons on what came after what, on different products, and on carts.
PLAIN = st.one_of(
    sequences().flatmap(
        lambda rule: st.tuples(_ACT, _ACT).map(
            lambda acts: {**rule, "first": acts[0], "then": acts[1]}
        )
    ),
    st.builds(
        lambda n, window: {
            "type": "did",
            "event": "product_viewed",
            "metric": "distinct_products",
            "n": n,
            "window": window,
        },
        st.integers(1, 3),
        WINDOWS,
    ),
    st.integers(1, 60).map(
        lambda days: {"type": "cart", "oldest": {"amount": days, "unit": "days"}}
    ),
)


class Shop:
    """A store into which a world comes piece by piece."""

    def __init__(self, store: Store, world: World) -> None:
        self.store, self.world = store, world
        self.merged: dict[int, int] = {}
        self.came: set[int] = set()
        self.imported: set[int] = set()
        with store.engine.begin() as conn:
            tables = "event_recent, event_seen, event_file, event_file_retired, customer_merge"
            conn.execute(text(f"TRUNCATE {tables}"))
        reading._memories.clear()
        with store.engine.begin() as conn:
            self.codes = {name: names.code_of(conn, name) for name in world.custom_names}

    def bulk(self, events: list[dict[str, Any]]) -> None:
        self.imported |= {each["id"] for each in events}
        self.came |= self.imported
        rows = [self._row(each) for each in events]
        frame = pl.DataFrame(rows, infer_schema_length=None)
        bulk.append_bulk(self.store, frame, self.world.as_of)

    def live(self, events: list[dict[str, Any]]) -> None:
        """Without what was imported: the live door tells repeats of its own events only."""
        events = [each for each in events if each["id"] not in self.imported]
        self.came |= {each["id"] for each in events}
        with self.store.engine.begin() as conn:
            ingest.append(conn, [self._event(each) for each in events], self.world.as_of)

    def seal(self, limit: int) -> None:
        seal.seal(self.store, limit)

    def roll(self, days: int) -> None:
        rollup.roll(self.store, self.world.zone, self.world.as_of - timedelta(days=days))

    def compact(self, days: int) -> None:
        compact.compact(self.store, self.world.as_of + timedelta(days=days))

    def merge(self, pair: tuple[int, int]) -> None:
        if pair[0] in self.merged:
            return
        self.merged[pair[0]] = pair[1]
        with self.store.engine.begin() as conn:
            values = {"from": pair[0], "into": pair[1]}
            conn.execute(text("INSERT INTO customer_merge VALUES (:from, :into)"), values)

    def now(self, customer: int) -> int:
        while customer in self.merged:
            customer = self.merged[customer]
        return customer

    def known(self) -> World:
        """What the oracle is asked: every event under its customer of now."""
        world = self.world
        events = [{**e, "customer_id": self.now(e["customer_id"])} for e in world.events]
        people = {n: row for n, row in world.customers.items() if n not in self.merged}
        return replace(world, events=events, customers=people)

    def facts(self, world: World) -> Facts:
        """What the engine is asked: the store's log, the world's customers."""
        in_memory = facts_of(world)
        engine = self.store.engine.execution_options(isolation_level="REPEATABLE READ")
        with engine.begin() as conn:
            stored = log.read(conn, self.store, world.zone)
        told = replace(
            stored, _products=in_memory.log._products, _names={**stored._names, **self.codes}
        )
        return replace(in_memory, log=told, version=uuid.uuid4().hex)

    def _name(self, code: int) -> str:
        if code < FIRST_CUSTOM_CODE:
            return Kind(code).event_name
        return next(name for name, its in self.world.custom_names.items() if its == code)

    def _row(self, event: dict[str, Any]) -> dict[str, Any]:
        hi, lo = keys.halves(keys.event_id(f"e{event['id']}"))
        kind = event["kind"]
        code = self.codes[self._name(kind)] if kind >= FIRST_CUSTOM_CODE else kind
        own = {key: value for key, value in event.items() if key != "id"}
        keyed = {
            name: None if event[name] is None else keys.key64(f"k{event[name]}")
            for name in ("session_key", "order_key")
        }
        return {**own, **keyed, "kind": code, "event_hi": hi, "event_lo": lo}

    def _event(self, event: dict[str, Any]) -> NewEvent:
        def keyed(name: str) -> str | None:
            return None if event[name] is None else f"k{event[name]}"

        channel, source, held = event["channel"], event["source_kind"], event["properties"]
        return NewEvent(
            event_id=f"e{event['id']}",
            name=self._name(event["kind"]),
            ts=event["ts"],
            customer_id=event["customer_id"],
            session_id=keyed("session_key"),
            order_id=keyed("order_key"),
            product_id=event["product_id"],
            quantity=event["quantity"],
            value=event["value"],
            channel=None if channel is None else Channel(channel),
            message_id=event["message_id"],
            source_kind=None if source is None else Source(source),
            source_id=event["source_id"],
            machine=event["machine"],
            properties=None if held is None else json.loads(held),
        )


@st.composite
def histories(draw: st.DrawFn, count: int) -> list[tuple[str, Any]]:
    """How so many events come in, in at most four pieces: (step, detail), the events as a slice."""
    cuts = sorted(draw(st.lists(st.integers(1, count), max_size=3, unique=True)))
    steps: list[tuple[str, Any]] = []
    for start, end in zip([0, *cuts], [*cuts, count], strict=True):
        if start < end:
            steps.append((draw(st.sampled_from(["live", "bulk", "bulk"])), slice(start, end)))
            if draw(st.integers(0, 4)) == 0:
                steps.append(steps[-1])  # comes again
        steps += draw(st.lists(STEP, max_size=2))
    return steps


@settings(
    max_examples=examples(4),
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(data=st.data(), world=worlds(), given_rules=st.lists(rules(), min_size=10, max_size=20))
def test_rules_answer_the_same_however_the_log_came_about(
    store: Store, data: st.DataObject, world: World, given_rules: list[dict[str, Any]]
) -> None:
    shop = Shop(store, world)
    for step, detail in data.draw(histories(len(world.events))):
        note(f"{step} {detail}")
        given_to = world.events[detail] if step in {"live", "bulk"} else detail
        getattr(shop, step)(given_to)
    known = shop.known()
    known.segments = {n: parse(rule).as_json() for n, rule in world.segments.items()}
    facts = shop.facts(known)
    segments = {n: parse(rule) for n, rule in known.segments.items()}
    parsed = {n: parse(rule) for n, rule in enumerate(given_rules)}
    found = matching_many(parsed, facts, known.as_of, segments.get)
    somebody = data.draw(st.sampled_from(sorted(known.customers)))
    for n, rule in parsed.items():
        note(f"{rule.as_json()}")
        expected = sorted(known.members(rule.as_json()))
        assert found[n].to_list() == expected
        shown = preview(rule, facts, known.as_of, segments.get)
        assert shown.count == len(expected)
        assert set(shown.sample) <= set(expected)
        told = explain(rule, facts, somebody, known.as_of, segments.get)
        assert told.met == (somebody in expected)


@settings(max_examples=examples(4), deadline=None, suppress_health_check=list(HealthCheck))
@given(
    data=st.data(),
    world=worlds(),
    given_rules=st.lists(PLAIN, min_size=8, max_size=16),
    few=st.sampled_from([1, 4]),
    merged=st.sampled_from([0, 2_000]),
)
def test_what_rolled_days_keep_of_frequent_acts_answers_the_same(
    store: Store,
    data: st.DataObject,
    world: World,
    given_rules: list[dict[str, Any]],
    few: int,
    merged: int,
) -> None:
    shop = Shop(store, world)
    steps = data.draw(histories(len(world.events)))
    with (
        mock.patch.object(sources, "FEW", few),  # most acts are frequent then
        mock.patch.object(merge_anchor, "MOST_MERGED", merged),
    ):
        for step, detail in steps:
            note(f"{step} {detail}")
            getattr(shop, step)(world.events[detail] if step in {"live", "bulk"} else detail)
            if data.draw(st.booleans()):
                check_plain(shop, given_rules)  # what is kept from here on is used later
        check_plain(shop, given_rules)


def check_plain(shop: Shop, given_rules: list[dict[str, Any]]) -> None:
    """The rules' answers over what has come in so far."""
    known = shop.known()
    known = replace(known, events=[e for e in known.events if e["id"] in shop.came])
    if not known.events:
        return
    facts = shop.facts(known)
    for rule in map(parse, given_rules):
        note(f"{rule.as_json()}")
        found = matching_many({0: rule}, facts, known.as_of)[0].to_list()
        assert found == sorted(known.members(rule.as_json()))


def test_what_the_newest_customer_did_counts_after_a_merge_into_an_old_one(store: Store) -> None:
    world = world_of(1)
    newest = max(world.customers) + 85  # whose id is larger than that of every customer left
    act = next(e for e in world.events if e["kind"] == 1)
    world = replace(world, events=[{**act, "customer_id": newest, "ts": world.as_of}])
    rule = parse({"type": "did", "event": "product_viewed"})
    for steps in ([], [("seal", 1_000)], [("seal", 1_000), ("roll", -3)]):
        shop = Shop(store, world)
        shop.live(world.events)
        for step, detail in steps:
            getattr(shop, step)(detail)
        shop.merge((newest, 2))
        facts = shop.facts(shop.known())
        assert matching_many({0: rule}, facts, world.as_of)[0].to_list() == [2]
