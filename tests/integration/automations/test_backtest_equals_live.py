"""A back-test begins, moves and ends the runs that the live engine would have, event by event."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from sqlalchemy import text

from segmind.automations import automation as automations
from segmind.automations import entering, heeding, passes
from segmind.automations.backtest.past import instant
from segmind.automations.backtest.question import Question
from segmind.automations.backtest.replaying import replay
from segmind.automations.backtest.timeline import NEVER
from segmind.automations.definition import parse
from segmind.customers.facts import read_facts
from tests.trying import examples

#: Minutes after which nobody looks any more.
END = 4_000
SMS = {"channel": "sms", "body": "Hello. Reply STOP to opt out."}
MAIL = {"channel": "email", "subject": "Hi", "blocks": [{"kind": "text", "text": "Hello"}]}
GERMAN = {"type": "trait", "field": "country", "op": "is", "value": "DE"}
LOOKED = {
    "type": "did",
    "event": "product_viewed",
    "window": {"type": "last", "amount": 2, "unit": "hours"},
}
BOUGHT_LATELY = {
    "type": "recency",
    "event": "product_viewed",
    "op": "within",
    "ago": {"amount": 90, "unit": "minutes"},
}
IN_CART = {
    "type": "cart",
    "newest": {"amount": 0, "unit": "minutes"},
    "oldest": {"amount": 7, "unit": "days"},
}
DAYS = {
    "type": "did",
    "event": "product_viewed",
    "metric": "distinct_days",
    "n": 1,
    "window": {"type": "last", "amount": 3, "unit": "days"},
}

waits = st.fixed_dictionaries(
    {
        "kind": st.just("wait"),
        "seconds": st.sampled_from([600, 3_600, 7_200]),
        "restart_on": st.sampled_from([[], ["product_added", "product_removed"]]),
    }
)
middles = st.sampled_from(
    [
        {"kind": "condition", "rule": GERMAN},
        {"kind": "condition", "rule": LOOKED, "no": None},
        {"kind": "condition", "rule": {"type": "none", "conditions": [BOUGHT_LATELY]}},
        {"kind": "condition", "rule": {"type": "any", "conditions": [DAYS, GERMAN]}},
        {"kind": "wait_for", "event": "product_viewed", "seconds": 5_400, "timed_out": None},
        {"kind": "wait_until", "at": "09:30"},
        {"kind": "wait_rhythm", "event": "product_viewed", "least": 2, "unknown": None},
        {"kind": "set_trait", "name": "seen", "value": True},
        {
            "kind": "split",
            "branches": [
                {"name": "kept out", "percent": 30, "holdout": True},
                {"name": "in", "percent": 70},
            ],
        },
        {
            "kind": "send",
            "channel": "email",
            "content": MAIL,
            "fallbacks": [{"channel": "sms", "content": SMS}],
        },
    ]
)
LAST = {"kind": "send", "channel": "sms", "content": SMS, "valid_minutes": 120}


@st.composite
def definitions(draw: st.DrawFn) -> dict[str, Any]:
    key = draw(st.sampled_from(["cart", "customer", "event", "order"]))
    event = "product_added" if key == "cart" else "checkout_started"
    if key == "order":
        event = "order_completed"
    steps = [*draw(st.lists(st.one_of(waits, middles), max_size=4)), LAST]
    goal = {"event": "order_completed"}
    return {
        "trigger": {"kind": "event", "event": event},
        "entry_filter": draw(st.sampled_from([None, None, GERMAN, LOOKED])),
        "key": key,
        "re_entry": draw(
            st.sampled_from([{"mode": "always"}, {"mode": "never"}, {"mode": "after", "hours": 2}])
        ),
        "steps": [step | {"id": f"s{n}"} for n, step in enumerate(steps)],
        "goal": draw(st.sampled_from([None, goal, goal])),
        "exit_rules": draw(
            st.sampled_from(
                [
                    [],
                    [{"reason": "removed", "event": "product_removed"}],
                    [{"reason": "looks", "rule": LOOKED}],
                ]
            )
        ),
    }


#: Who, when, what, how many minutes later it is known, and which order it belongs to. What rules
#: look at is never late: rules are asked of what had happened, not of what was known.
happenings = st.tuples(
    st.integers(0, 2),
    st.one_of(st.integers(0, 30), st.integers(0, 1_500)),
    st.sampled_from(
        [
            "product_added",
            "product_added",
            "product_removed",
            "checkout_started",
            "checkout_started",
            "order_completed",
            "product_viewed",
        ]
    ),
    st.sampled_from([0, 0, 0, 0, 2, 65, 200, 1_200, 1_500]),
    st.sampled_from([None, 1, 2]),
)


@st.composite
def worlds(draw: st.DrawFn) -> tuple[dict[str, Any], list[tuple[int, int, str, int, int | None]]]:
    definition = draw(definitions())
    events = draw(st.lists(happenings, min_size=1, max_size=14))
    return definition, [
        (who, at, what, 0 if what == "product_viewed" else late, order)
        for who, at, what, late, order in events
    ]


def compare(shop: Any, world: Any) -> None:
    definition, events = world
    with shop.store.engine.begin() as conn:
        conn.execute(
            text("TRUNCATE automation, customer, message, event_recent, event_seen CASCADE")
        )
        conn.execute(text("DELETE FROM event_file"))
    entering._memory, heeding._memory = passes.Memory(), passes.Memory()
    people = [shop.customer(f"c{n}", country="DE" if n else "FR") for n in range(3)]
    made = shop.live(parse(definition))
    run_live(shop, people, events)
    note(f"{definition}\n{events}")
    with shop.store.engine.connect() as conn:
        kept = automations.get(conn, made.id)
        question = Question(
            kept.definition,
            shop.at(0),
            shop.at(END),
            shop.at(END),
            kept.id,
            imported_as_it_happened=False,
        )
        past = replay(conn, read_facts(shop.store), question)
    assert replayed_runs(past) == live_runs(shop)
    assert replayed_messages(past) == live_messages(shop)


def run_live(shop: Any, people: list[int], events: list[Any]) -> None:
    """The engine with a clock that stops wherever something happens or somebody is due."""
    coming = sorted(events, key=lambda event: event[1] + event[3])
    minute = 0.0
    while True:
        while coming and coming[0][1] + coming[0][3] <= minute:
            who, at, what, late, order = coming.pop(0)
            number = order if what == "order_completed" else None
            shop.did(people[who], at, what, known=at + late, order=number)
        shop.tick(minute)
        shop.tick(minute)  # what a step leaves for the next pass is done at the same moment
        due = shop.rows("SELECT min(due_at) FROM automation_run WHERE state = 'waiting'")[0][0]
        times = [event[1] + event[3] for event in coming[:1]]
        if due is not None:
            times.append((due - shop.at(0)).total_seconds() / 60)
        if not times or min(times) > END:
            return
        assert min(times) > minute
        minute = min(times)


def live_runs(shop: Any) -> list[tuple[Any, ...]]:
    rows = shop.rows(
        "SELECT customer_id, triggered_at, entry_key, entered_at, exit_reason, exited_at"
        " FROM automation_run ORDER BY 1, 2, 3"
    )
    return [tuple(row) for row in rows]


def live_messages(shop: Any) -> list[tuple[Any, ...]]:
    rows = shop.rows(
        "SELECT m.customer_id, r.triggered_at, m.step, m.channel, m.due_at FROM message m"
        " JOIN automation_run r ON r.id = m.run_id ORDER BY 1, 2, 3, 4"
    )
    return [tuple(row) for row in rows]


def replayed_runs(past: Any) -> list[tuple[Any, ...]]:
    runs, entries = past.course.runs, past.entries
    keys = entries.entry_keys(past.question.definition).to_list()
    found = []
    for n in range(runs.size):
        gone = runs.left_at[n] != NEVER
        found.append(
            (
                int(runs.customers[n]),
                instant(runs.triggered[n]),
                keys[n],
                instant(runs.entered[n]),
                past.replay.reasons[runs.reason[n]] if gone else None,
                instant(runs.left_at[n]) if gone else None,
            )
        )
    return sorted(found, key=lambda run: run[:3])


def replayed_messages(past: Any) -> list[tuple[Any, ...]]:
    runs, sends = past.course.runs, past.course.sends
    steps = past.question.definition.steps
    found = []
    for n in range(sends.rows.size):
        if sends.option[n] < 0:
            continue
        step = steps[sends.step[n]]
        channel = {"email": 1, "sms": 2}[step.options[sends.option[n]].channel]
        row = sends.rows[n]
        at: datetime = instant(sends.at[n])
        found.append((int(runs.customers[row]), instant(runs.triggered[row]), step.id, channel, at))
    return sorted(found)


LASTING = {"deadline": None, "suppress_health_check": list(HealthCheck)}


@given(world=worlds())
@settings(max_examples=examples(6), **LASTING)
def test_a_backtest_equals_the_live_engine(shop: Any, world: Any) -> None:
    compare(shop, world)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@given(world=worlds())
@settings(max_examples=400, **LASTING)
def test_a_backtest_equals_the_live_engine_in_many_worlds(shop: Any, world: Any) -> None:
    compare(shop, world)
