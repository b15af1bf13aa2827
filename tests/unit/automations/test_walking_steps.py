"""Every kind of step, walked in a world that is written down here."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from segmind.automations.acting import drawn
from segmind.automations.definition import parse
from segmind.automations.flow import Ask, InFlight, Move, Rhythm, Since
from segmind.automations.steps import Split
from segmind.automations.walk import walk
from segmind.automations.wall_clock import next_time
from segmind.experiments.holdouts import in_holdout

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)  # a Monday
SEND = {"kind": "send", "id": "mail", "channel": "email", "template_version_id": 7}
HOUR = timedelta(hours=1)


@dataclass
class Told:
    """A world in which what is told is so."""

    acts: list[tuple[int, str, datetime]] = field(default_factory=list)
    meets: set[int] = field(default_factory=set)
    reached: dict[str, set[int]] = field(default_factory=dict)
    likes: dict[int, str] = field(default_factory=dict)
    habits: dict[int, Rhythm] = field(default_factory=dict)
    zone: str = "UTC"

    def happened(self, ask: Ask, since: Mapping[int, Since]) -> set[int]:
        def counts(at: datetime, from_: datetime) -> bool:
            return at > from_ if ask.strictly_later else at >= from_

        return {
            run
            for run, one in since.items()
            for who, event, at in self.acts
            if who == one.customer_id and event == ask.event and counts(at, one.at)
        }

    def latest(self, events: Collection[str], since: Mapping[int, Since]) -> dict[int, datetime]:
        found: dict[int, datetime] = {}
        for run, one in since.items():
            mine = [
                at
                for who, event, at in self.acts
                if who == one.customer_id and event in events and at >= one.at
            ]
            if mine:
                found[run] = max(mine)
        return found

    def matching(self, rule: Any, customer_ids: Collection[int]) -> set[int]:
        return self.meets & set(customer_ids)

    def zones(self, customer_ids: Collection[int]) -> dict[int, ZoneInfo]:
        return dict.fromkeys(customer_ids, ZoneInfo(self.zone))

    def reachable(self, channel: str, purpose: str, ids: Collection[int]) -> set[int]:
        return self.reached.get(channel, set()) & set(ids)

    def preferred(self, customer_ids: Collection[int]) -> dict[int, str]:
        return self.likes

    def rhythm(self, event: str, least: int, ids: Collection[int]) -> dict[int, Rhythm]:
        return self.habits


def go(
    steps: list[dict[str, Any]],
    world: Told,
    *,
    now: datetime = NOON,
    at: str | None = None,
    arrived: datetime = NOON,
    customer: int = 1,
) -> Move:
    definition = parse({"trigger": {"event": "product_added"}, "steps": steps})
    run = InFlight(1, customer, NOON, at or steps[0]["id"], now, arrived)
    (move,) = walk(definition, [run], world, now, "automation:1")
    return move


def outcomes(move: Move) -> list[tuple[str, str]]:
    return [(note.step, note.outcome) for note in move.notes]


UNTIL = {"kind": "wait_until", "id": "morning", "at": "09:00"}


def test_until_a_time_of_day_is_the_next_one_in_the_customers_zone() -> None:
    move = go([UNTIL, SEND], Told(zone="Asia/Tokyo"))  # 21:00 there
    assert move.due_at == datetime(2026, 3, 3, 0, 0, tzinfo=UTC)
    late = go([UNTIL, SEND], Told(), now=NOON + 21 * HOUR, arrived=NOON)
    assert [out.step.id for out in late.sends] == ["mail"]


def test_until_a_weekday_lets_the_others_pass() -> None:
    friday = {**UNTIL, "weekdays": ["fri"]}
    assert go([friday, SEND], Told()).due_at == datetime(2026, 3, 6, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("since", "expected"),
    [
        ("2026-03-28T20:00+00:00", "2026-03-29T01:30+00:00"),  # 02:30 is left out: 03:30 it is
        ("2026-10-24T20:00+00:00", "2026-10-25T00:30+00:00"),  # 02:30 comes twice: the first
    ],
)
def test_a_change_of_clocks_neither_hides_nor_doubles_a_time(since: str, expected: str) -> None:
    found = next_time(datetime.fromisoformat(since), "02:30", (), ZoneInfo("Europe/Berlin"))
    assert found == datetime.fromisoformat(expected)


FOR = {
    "kind": "wait_for",
    "id": "look",
    "event": "product_viewed",
    "seconds": 7200,
    "done": "end",
    "timed_out": "mail",
}


def test_waiting_for_an_event_takes_the_one_way_or_at_the_end_the_other() -> None:
    assert go([FOR, SEND], Told()).due_at == NOON + 2 * HOUR
    done = Told(acts=[(1, "product_viewed", NOON + HOUR)])
    move = go([FOR, SEND], done, now=NOON + HOUR)
    assert outcomes(move) == [("look", "done"), ("look", "exited")]
    move = go([FOR, SEND], Told(), now=NOON + 2 * HOUR)
    assert outcomes(move) == [("look", "timed_out"), ("mail", "exited")]
    assert len(move.sends) == 1


def test_what_happened_before_the_arrival_is_not_waited_for() -> None:
    before = Told(acts=[(1, "product_viewed", NOON)])
    assert go([FOR, SEND], before, now=NOON + HOUR).due_at == NOON + 2 * HOUR


RHYTHM = {"kind": "wait_rhythm", "id": "habit", "percent": 50, "unknown": "end"}


def test_a_rhythm_is_the_customers_own_and_who_has_none_goes_elsewhere() -> None:
    habit = Rhythm(timedelta(days=30), NOON)
    move = go([RHYTHM, SEND], Told(habits={1: habit}))
    assert move.due_at == NOON + timedelta(days=15)
    assert outcomes(go([RHYTHM, SEND], Told())) == [("habit", "no_rhythm"), ("habit", "exited")]
    slow = Rhythm(timedelta(days=5_000), NOON)
    move = go([{**RHYTHM, "max_days": 90}, SEND], Told(habits={1: slow}))
    assert move.due_at == NOON + timedelta(days=90)


SPLIT = {
    "kind": "split",
    "id": "part",
    "branches": [
        {"name": "a", "percent": 60, "next": "mail"},
        {"name": "b", "percent": 30, "next": "end"},
        {"name": "kept out", "percent": 10, "holdout": True},
    ],
}


def test_a_split_is_stable_near_its_shares_and_its_holdout_is_the_one_of_experiments() -> None:
    step = parse({"trigger": {"event": "order"}, "steps": [SPLIT, SEND]}).steps[0]
    assert isinstance(step, Split)
    names = [drawn(step, customer, "automation:1").name for customer in range(5_000)]
    assert names == [drawn(step, customer, "automation:1").name for customer in range(5_000)]
    assert names.count("a") == pytest.approx(3_000, abs=150)
    assert names.count("b") == pytest.approx(1_500, abs=150)
    held = [in_holdout(customer, "automation:1:part", 10) for customer in range(5_000)]
    assert [name == "kept out" for name in names] == held


def test_who_is_held_out_leaves_with_that_reason() -> None:
    held = next(n for n in range(1_000) if in_holdout(n, "automation:1:part", 10))
    move = go([SPLIT, SEND], Told(), customer=held)
    assert (move.exit_reason, move.sends) == ("holdout", [])


BOTH = {**SEND, "fallbacks": [{"channel": "sms", "template_version_id": 8}]}


@pytest.mark.parametrize(
    ("reached", "likes", "channel"),
    [
        ({"email": {1}, "sms": {1}}, {}, "email"),
        ({"sms": {1}}, {}, "sms"),
        ({"email": {1}, "sms": {1}}, {1: "sms"}, "sms"),
        ({"email": {1}}, {1: "sms"}, "email"),
        ({}, {}, None),
    ],
)
def test_the_first_channel_that_reaches_somebody_is_used(
    reached: dict[str, set[int]], likes: dict[int, str], channel: str | None
) -> None:
    move = go([{**BOTH, "prefer": "customer"}], Told(reached=reached, likes=likes))
    assert [out.option.channel for out in move.sends] == ([channel] if channel else [])
    if channel is None:
        assert move.notes[0].detail == {"reason": "not_reachable"}


def test_after_a_trait_is_set_the_next_step_waits_for_the_next_pass() -> None:
    trait = {"kind": "set_trait", "id": "mark", "name": "vip", "value": True}
    move = go([trait, SEND], Told())
    assert (move.step, move.due_at, move.sends) == ("mail", NOON, [])
    assert [step.name for step in move.traits] == ["vip"]


def test_a_wait_of_a_run_older_than_arrivals_ends_when_it_was_due() -> None:
    definition = parse(
        {
            "format": 1,
            "trigger": {"event": "product_added"},
            "steps": [{"kind": "wait", "id": "w", "seconds": 60}, SEND],
        }
    )
    run = InFlight(1, 1, NOON, "w", NOON + HOUR)
    (early,) = walk(definition, [run], Told(), NOON, "s")
    (move,) = walk(definition, [run], Told(), NOON + HOUR, "s")
    assert (early.due_at, early.sends, len(move.sends)) == (NOON + HOUR, [], 1)
