"""Definitions: JSON in and out, errors that name the step, and the way of the steps."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segmind.automations.definition import Definition, InvalidDefinition, parse
from segmind.automations.graph import problems
from tests.trying import examples

SEND = {"kind": "send", "id": "mail", "channel": "email", "template_version_id": 7}
WAIT = {"kind": "wait", "id": "hour", "seconds": 3600}


def definition(*steps: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"trigger": {"event": "product_added"}, "steps": list(steps), **more}


def condition(step_id: str, yes: str | None = None, no: str | None = "end") -> dict[str, Any]:
    return {"kind": "condition", "id": step_id, "rule": {"any": []}, "yes": yes, "no": no}


def says(*steps: dict[str, Any]) -> list[str]:
    return [str(problem) for problem in problems(parse(definition(*steps)))]


@pytest.mark.parametrize(
    ("data", "field"),
    [
        (definition({**WAIT, "seconds": 0}, SEND), "steps[hour].seconds"),
        (definition({**WAIT, "seconds": "soon"}, SEND), "steps[hour].seconds"),
        (definition({**WAIT, "colour": "red"}, SEND), "steps[hour].colour"),
        (definition({**SEND, "content": {}}), "steps[mail]"),
        (definition({**SEND, "channel": "fax"}), "steps[mail].channel"),
        (definition({"kind": "dance", "id": "x"}), "steps[x]"),
        (definition({"kind": "wait", "seconds": 5}), "steps[0].id"),
        (definition(), "steps"),
        (definition(SEND, trigger={"event": ""}), "trigger.event"),
        (definition(SEND, key="basket"), "key"),
        (definition(SEND, re_entry={"mode": "after"}), "re_entry"),
        (definition(SEND, exit_rules=[{"reason": "why"}]), "exit_rules[0]"),
        ([], ""),
        (None, ""),
    ],
)
def test_a_wrong_place_is_named_by_its_step(data: Any, field: str) -> None:
    with pytest.raises(InvalidDefinition) as caught:
        parse(data)
    assert caught.value.field == field


def test_a_definition_survives_json() -> None:
    once = parse(definition(WAIT, condition("ask", no=None), SEND, goal={"event": "order"}))
    assert parse(once.as_json()) == once


def test_a_definition_that_was_stored_before_other_triggers_came_is_still_read() -> None:
    stored = {
        "format": 1,
        "recipe": "cart_recovery",
        "trigger": {"kind": "event", "event": "product_added", "where": []},
        "entry_filter": None,
        "key": "cart",
        "re_entry": {"mode": "always", "hours": None},
        "steps": [
            {"kind": "wait", "id": "w", "seconds": 60, "restart_on": [], "next": None},
            {
                "kind": "send",
                "id": "s",
                "channel": "email",
                "content": None,
                "template_version_id": 7,
                "purpose": "marketing",
                "valid_minutes": 720,
                "next": "end",
            },
        ],
        "goal": {"event": "order_completed", "where": [], "name": "Ordered"},
        "exit_rules": [],
    }
    now = parse(stored)
    assert now.as_json()["format"] == 2
    assert [option.channel for option in now.steps[1].options] == ["email"]  # type: ignore[union-attr]


def test_steps_go_on_to_the_one_below_unless_they_name_another() -> None:
    ways = set(parse(definition(WAIT, condition("ask", no="mail"), WAIT2, SEND)).ways())
    assert ways == {
        ("hour", "", "ask"),
        ("ask", "yes", "day"),
        ("ask", "no", "mail"),
        ("day", "", "mail"),
        ("mail", "", None),
    }


WAIT2 = {"kind": "wait", "id": "day", "seconds": 86400}


def test_a_good_way_has_no_problems() -> None:
    assert says(WAIT, condition("ask"), SEND) == []


def test_two_steps_of_one_name_are_refused() -> None:
    assert "Step mail: Two steps have this name." in says(SEND, SEND)[0]


def test_a_step_that_leads_nowhere_is_named() -> None:
    found = problems(parse(definition({**WAIT, "next": "gone"}, SEND)))
    assert [(p.step, p.field) for p in found] == [("hour", "steps[hour].next")]


def test_a_loop_is_refused_with_the_step_that_closes_it() -> None:
    found = problems(parse(definition(WAIT, SEND, {**WAIT2, "next": "hour"})))
    assert found[0].step == "day"
    assert "go round" in found[0].message


def test_a_step_that_leads_to_itself_is_refused() -> None:
    assert problems(parse(definition(SEND, {**WAIT, "next": "hour"})))[0].step == "hour"


def test_an_orphan_is_named() -> None:
    found = problems(parse(definition({**SEND, "next": "end"}, WAIT)))
    assert [(p.step, p.message) for p in found] == [("hour", "No way leads to it.")]


def test_an_automation_that_sends_nothing_is_refused() -> None:
    assert says(WAIT) == ["It sends nothing. Add a send step."]


def test_end_is_no_name_for_a_step() -> None:
    assert "not a name" in says({**SEND, "id": "end"})[0]


@st.composite
def wirings(draw: st.DrawFn) -> Definition:
    names = [f"s{i}" for i in range(draw(st.integers(1, 6)))]
    target = st.sampled_from([None, "end", *names])
    steps: list[dict[str, Any]] = []
    for name in names:
        if draw(st.booleans()):
            steps.append(condition(name, draw(target), draw(target)))
        else:
            steps.append({**SEND, "id": name, "next": draw(target)})
    return parse(definition(*steps))


def _walks_end(wired: Definition) -> bool:
    """By walking every way to its end: the naive answer to whether there is a loop."""
    follow: dict[str, list[str | None]] = {}
    for source, _, target in wired.ways():
        follow.setdefault(source, []).append(target)

    def ends(step: str | None, seen: tuple[str, ...]) -> bool:
        if step is None:
            return True
        if step in seen:
            return False
        return all(ends(target, (*seen, step)) for target in follow[step])

    return all(ends(step.id, ()) for step in wired.steps)


@given(wirings())
@settings(max_examples=examples(80), deadline=None)
def test_a_loop_is_found_exactly_where_walking_never_ends(wired: Definition) -> None:
    looped = any("go round" in problem.message for problem in problems(wired))
    assert looped != _walks_end(wired)
