"""What one version says that another did not."""

from __future__ import annotations

from typing import Any

import pytest

from segmind.automations.definition import parse
from segmind.automations.differences import Difference, Kind, differences

WAIT = {"kind": "wait", "id": "wait", "seconds": 3600}
SEND = {"kind": "send", "id": "text", "channel": "sms", "content": {"channel": "sms", "body": "A"}}
ASK = {"kind": "condition", "id": "ask", "rule": {"type": "reachable", "channel": "sms"}}


def definition(*steps: dict[str, Any], **more: Any) -> Any:
    trigger = {"kind": "event", "event": "order"}
    return parse({"trigger": trigger, "key": "order", "steps": list(steps), **more})


def test_a_version_has_no_differences_from_itself() -> None:
    assert differences(definition(WAIT, SEND), definition(WAIT, SEND)) == []


@pytest.mark.parametrize(
    "after, expected",
    [
        (
            definition({**WAIT, "seconds": 7200}, SEND),
            Difference(Kind.CHANGED, "Wait 1 hour.", "Wait 2 hours."),
        ),
        (definition(SEND), Difference(Kind.GONE, before="Wait 1 hour.")),
        (definition(SEND, WAIT), Difference(Kind.MOVED)),
        (
            definition(WAIT, {**SEND, "content": {"channel": "sms", "body": "B"}}),
            Difference(Kind.REWRITTEN, "Send an SMS.", "Send an SMS."),
        ),
        (
            definition(WAIT, ASK, SEND),
            Difference(Kind.NEW, after="Is it so? Customers who can be reached by SMS."),
        ),
        (
            definition(WAIT, SEND, goal={"event": "order"}),
            Difference(Kind.NEW, after="Whoever placed an order leaves at once: that is the goal."),
        ),
        (
            definition(WAIT, SEND, key="event"),
            Difference(
                Kind.CHANGED,
                "When a customer placed an order, once for each order.",
                "When a customer placed an order, each time.",
            ),
        ),
    ],
)
def test_each_difference_is_found_and_said(after: Any, expected: Difference) -> None:
    assert differences(definition(WAIT, SEND), after) == [expected]
