"""What goes wrong, as data: a plan gives shares of faults, and the seed and the request's number
say which request meets which."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from segmind.channels.channel import Channel
from segmind.errors import InvalidInput


class Kind(StrEnum):
    """What can go wrong with a request."""

    DELAY = "delay"  # answered as usual, ``seconds`` later
    TOO_MANY = "too_many"  # 429 with Retry-After ``seconds``; never accepts
    ERROR = "error"  # ``status``
    RESET = "reset"  # the connection is reset instead of an answer
    HANG = "hang"  # the connection stays open and nothing comes
    DRIP = "drip"  # the answer comes byte by byte
    TORN = "torn"  # the answer stops half-way
    WRONG_TYPE = "wrong_type"  # a page of HTML with status 200


@dataclass(frozen=True, slots=True)
class Fault:
    """A ``share`` of the requests (of one ``channel``, or of all) fails in this way.

    ``accepts``: the message is taken before it goes wrong: whoever sends it again sends it twice.
    ``as_date``: Retry-After is a date instead of a number.
    """

    kind: Kind
    share: float
    accepts: bool = False
    seconds: float = 1.0
    status: int = 503
    as_date: bool = False
    channel: Channel | None = None


class BadPlan(InvalidInput):
    """The plan of faults cannot be read."""

    code = "bad_plan"
    hint = (
        'Name calm, mixed or storm, or give a JSON file such as {{"faults": '
        '[{{"kind": "too_many", "share": 0.02, "seconds": 1}}]}}.'
    )


@dataclass(frozen=True, slots=True)
class FaultPlan:
    """``latency``: least and most seconds before any answer. ``per_second``: requests above this
    rate are answered 429. ``look_up_lag``: seconds until a look-up shows an accepted message."""

    name: str
    faults: tuple[Fault, ...] = ()
    latency: tuple[float, float] = (0.0, 0.0)
    per_second: Mapping[Channel, float] = field(default_factory=dict)
    look_up_lag: float = 0.0

    def __post_init__(self) -> None:
        for channel in Channel:
            total = sum(f.share for f in self.faults if f.channel in (None, channel))
            if any(f.share < 0 for f in self.faults) or total > 1 + 1e-9:
                raise BadPlan("The shares of the faults must add up to 1 at most.", field="faults")
        if not 0 <= self.latency[0] <= self.latency[1] <= 60:
            raise BadPlan("The latency must be two seconds, the least first.", field="latency")

    def draw(self, seed: int, number: int, channel: Channel) -> Fault | None:
        """The fault of request ``number``: always the same for the same seed."""
        if not self.faults:
            return None
        left = _uniform(seed, number, b"fault")
        for fault in self.faults:
            if fault.channel in (None, channel):
                left -= fault.share
                if left < 0:
                    return fault
        return None

    def wait(self, seed: int, number: int) -> float:
        """Seconds before request ``number`` is answered."""
        least, most = self.latency
        if most <= 0:
            return 0.0
        return least + (most - least) * _uniform(seed, number, b"wait")


def _uniform(seed: int, number: int, what: bytes) -> float:
    """In [0, 1), from a hash, so that requests may come in any order."""
    digest = hashlib.blake2b(b"%d:%d" % (seed, number), key=what, digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2.0**64


CALM: Final = FaultPlan("calm")
#: The mix under which nothing may be lost or sent twice while processes are killed.
MIXED: Final = FaultPlan(
    "mixed",
    (
        Fault(Kind.TOO_MANY, 0.01, seconds=1.0),
        Fault(Kind.TOO_MANY, 0.01, seconds=1.0, as_date=True),
        Fault(Kind.ERROR, 0.01, status=500),
        Fault(Kind.ERROR, 0.01, status=500, accepts=True),
        Fault(Kind.RESET, 0.005, accepts=True),
        Fault(Kind.HANG, 0.0025),
        Fault(Kind.HANG, 0.0025, accepts=True),
    ),
)
STORM: Final = FaultPlan(
    "storm",
    (
        Fault(Kind.DELAY, 0.10, seconds=0.3),
        Fault(Kind.TOO_MANY, 0.05, seconds=2.0),
        Fault(Kind.TOO_MANY, 0.05, seconds=2.0, as_date=True),
        Fault(Kind.ERROR, 0.03, status=503),
        Fault(Kind.ERROR, 0.03, status=502, accepts=True),
        Fault(Kind.RESET, 0.02),
        Fault(Kind.RESET, 0.02, accepts=True),
        Fault(Kind.HANG, 0.005),
        Fault(Kind.HANG, 0.005, accepts=True),
        Fault(Kind.DRIP, 0.01, accepts=True),
        Fault(Kind.TORN, 0.02, accepts=True),
        Fault(Kind.WRONG_TYPE, 0.01),
        Fault(Kind.WRONG_TYPE, 0.01, accepts=True),
    ),
)
NAMED: Final = {plan.name: plan for plan in (CALM, MIXED, STORM)}


def plan_of(text: str) -> FaultPlan:
    """The plan named ``text``, or the one in the JSON file at that path, or ``text`` as JSON.

    Raises:
        BadPlan: neither, or the JSON is no plan.
    """
    if text in NAMED:
        return NAMED[text]
    try:
        data = json.loads(text if text.lstrip().startswith("{") else Path(text).read_text())
    except (OSError, ValueError) as error:
        raise BadPlan from error
    return of_json(data)


def of_json(data: Any) -> FaultPlan:
    """A plan from what ``to_json`` made or somebody wrote.

    Raises:
        BadPlan: it is no plan; ``field`` names the place.
    """
    if not isinstance(data, dict):
        raise BadPlan
    unknown = data.keys() - {"name", "faults", "latency", "per_second", "look_up_lag"}
    if unknown:
        raise BadPlan("A plan has no such field.", field=sorted(unknown)[0])
    given = data.get("faults", [])
    if not isinstance(given, list):
        raise BadPlan(field="faults")
    faults = tuple(_fault(item, f"faults[{i}]") for i, item in enumerate(given))
    try:
        least, most = data.get("latency", (0.0, 0.0))
        rates = {Channel(k): float(v) for k, v in data.get("per_second", {}).items()}
        return FaultPlan(
            str(data.get("name", "own")),
            faults,
            (float(least), float(most)),
            rates,
            float(data.get("look_up_lag", 0.0)),
        )
    except (TypeError, ValueError, AttributeError) as error:
        raise BadPlan from error


def to_json(plan: FaultPlan) -> dict[str, Any]:
    """Plain JSON; ``of_json`` is its inverse."""
    return {
        "name": plan.name,
        "faults": [
            {
                "kind": str(f.kind),
                "share": f.share,
                "accepts": f.accepts,
                "seconds": f.seconds,
                "status": f.status,
                "as_date": f.as_date,
                "channel": None if f.channel is None else str(f.channel),
            }
            for f in plan.faults
        ],
        "latency": list(plan.latency),
        "per_second": {str(k): v for k, v in plan.per_second.items()},
        "look_up_lag": plan.look_up_lag,
    }


def _fault(item: Any, place: str) -> Fault:
    try:
        channel = item.get("channel")
        unknown = item.keys() - set(Fault.__dataclass_fields__)
        if unknown:
            raise BadPlan("A fault has no such field.", field=f"{place}.{sorted(unknown)[0]}")
        return Fault(
            Kind(item["kind"]),
            float(item["share"]),
            bool(item.get("accepts", False)),
            float(item.get("seconds", 1.0)),
            int(item.get("status", 503)),
            bool(item.get("as_date", False)),
            None if channel is None else Channel(channel),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadPlan(field=place) from error
