"""Each trigger starts one run, whatever comes between: restarts, sealed files, late events."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from segmind.automations import entering, heeding, passes
from segmind.automations.definition import parse
from segmind.events.seal import seal
from tests.trying import examples

SMS = {"channel": "sms", "body": "Hello. Reply STOP to opt out."}
DEFINITION = {
    "trigger": {"kind": "event", "event": "checkout_started"},
    "key": "event",
    "steps": [
        {"kind": "wait", "id": "wait", "seconds": 864_000},
        {"kind": "send", "id": "text", "channel": "sms", "content": SMS},
    ],
}

#: Something happens (who, how many minutes before it is known), or the world goes on.
ACTS = st.one_of(
    st.tuples(st.just("did"), st.integers(0, 2), st.sampled_from([0, 0, 0, 3, 200, 1_200, 1_500])),
    st.sampled_from([("tick",), ("seal",), ("restart",), ("another",)]),
)


@given(acts=st.lists(ACTS, max_size=16))
@settings(
    max_examples=examples(8),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_each_trigger_starts_one_run_whatever_comes_between(
    shop: Any, acts: list[tuple[Any, ...]]
) -> None:
    with shop.store.engine.begin() as conn:
        conn.execute(
            text("TRUNCATE automation, customer, message, event_recent, event_seen CASCADE")
        )
        conn.execute(text("DELETE FROM event_file"))
    people = [shop.customer(f"c{n}", phone=None) for n in range(3)]
    shop.live(parse(DEFINITION), minute=-3_000)
    memories = [passes.Memory(), passes.Memory()]  # of two schedulers
    expected: set[tuple[int, Any]] = set()
    minute = 0.0
    for act in [*acts, ("tick",)]:
        minute += 7
        if act[0] == "did":
            _, who, late = act
            shop.did(people[who], minute - late, "checkout_started", known=minute)
            if late <= 1_200:  # at the next pass it is not older than a day
                expected.add((people[who], shop.at(minute - late)))
        elif act[0] == "seal":
            seal(shop.store)
        elif act[0] == "restart":
            entering._memory, heeding._memory = passes.Memory(), passes.Memory()
        elif act[0] == "another":
            memories.append(entering._memory)
            entering._memory = memories.pop(0)
        else:
            shop.tick(minute)
    found = shop.rows("SELECT customer_id, triggered_at FROM automation_run")
    assert len(found) == len(set(map(tuple, found)))
    assert {tuple(row) for row in found} == expected
