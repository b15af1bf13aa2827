"""Live traffic of a shop as bodies of ``/v1/batch``, serialised before the clock starts.

A template is a batch whose ids and seconds are placeholders; filling it in is three replacements,
so that the generator of load costs the machine next to nothing.
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

TURN: Final = b"@TURN@"
SECOND: Final = b"@SECOND@"
#: Sessions whose events come together in a batch, and the share of them by somebody new.
SESSIONS: Final = 150
NEW_SHARE: Final = 0.15
#: Calls of a batch that repeat another call of it.
REPEATS: Final = 2


@dataclass(frozen=True, slots=True)
class Batch:
    """A body to send, and what a right answer to it says. ``events`` leaves out identify calls."""

    body: bytes
    accepted: int
    repeated: int
    events: int
    rows: int

    def filled(self, turn: str, now: datetime) -> bytes:
        """The body with ids of its own: every ``turn`` makes another batch."""
        second = now.strftime("%Y-%m-%dT%H:%M:%S").encode()
        return self.body.replace(TURN, turn.encode()).replace(SECOND, second)


def templates(
    users: Sequence[str], products: Sequence[dict[str, Any]], how_many: int, size: int, seed: int
) -> list[Batch]:
    """Batches of ``size`` calls by known ``users`` and by new ones, about known ``products``."""
    chance = random.Random(seed)  # noqa: S311
    return [_template(users, products, size, number, chance) for number in range(how_many)]


def _template(
    users: Sequence[str],
    products: Sequence[dict[str, Any]],
    size: int,
    number: int,
    chance: random.Random,
) -> Batch:
    people = [_somebody(users, f"{number}-{i}", chance) for i in range(SESSIONS)]
    calls = []
    rows = identified = 0
    for i in range(size - REPEATS):
        who = chance.choice(people)
        call, its_rows = _call(products, chance)
        call |= who | {
            "messageId": f"m-{TURN.decode()}-{number}-{i}",
            "timestamp": f"{SECOND.decode()}.{i:03d}Z",
            "context": {
                "library": {"name": "analytics.js", "version": "2.11.1"},
                "page": {"path": f"/p/{chance.randrange(10_000)}", "referrer": ""},
                "sessionId": f"s-{TURN.decode()}-{people.index(who)}",
            },
        }
        calls.append(call)
        rows += its_rows
        identified += call["type"] == "identify"
    calls += chance.sample([c for c in calls if c["type"] != "identify"], REPEATS)
    body = json.dumps({"batch": calls, "sentAt": f"{SECOND.decode()}.999Z"}).encode()
    return Batch(body, size - REPEATS, REPEATS, size - REPEATS - identified, rows)


def _somebody(users: Sequence[str], name: str, chance: random.Random) -> dict[str, Any]:
    if chance.random() >= NEW_SHARE:
        return {"userId": chance.choice(users)}
    unique = f"{TURN.decode()}-{name}"
    kind = chance.random()
    if kind < 0.5:
        return {"anonymousId": f"b-{unique}"}
    if kind < 0.8:
        return {"userId": f"u-{unique}"}
    return {"userId": f"u-{unique}", "anonymousId": f"b-{unique}"}


def _call(products: Sequence[dict[str, Any]], chance: random.Random) -> tuple[dict[str, Any], int]:
    """A call and how many rows of the log it becomes."""
    kind = chance.random()
    if kind < 0.05:
        path = f"/c/{chance.randrange(300)}"
        return {"type": "page", "name": "Category", "properties": {"path": path}}, 1
    if kind < 0.06:
        return {"type": "identify", "traits": {"plan": chance.choice(["gold", "plain"])}}, 0
    if kind < 0.075:
        lines = [_line(chance.choice(products), chance) for _ in range(chance.choice([1, 1, 2, 3]))]
        order = f"o-{TURN.decode()}-{chance.randrange(2**40)}"
        told = {"order_id": order, "currency": "USD", "products": lines}
        return {"type": "track", "event": "Order Completed", "properties": told}, len(lines)
    names = ["Product Viewed", "Product Added", "Product Removed", "Checkout Started"]
    (name,) = chance.choices(names, [85, 9, 2, 1.5])
    about: dict[str, Any] = {"value": 20.5}
    if name != "Checkout Started":
        about = _line(chance.choice(products), chance)
    return {"type": "track", "event": name, "properties": about}, 1


def _line(product: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    return {**product, "quantity": chance.choice([1, 1, 1, 2])}
