"""What a dispatcher did, counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

from segmind.messages.judging import Judged, Move
from segmind.messages.lifecycle import State


@dataclass(slots=True)
class DispatchReport:
    """What happened to messages. ``seen``: taken out of the queue; the rest adds up to it."""

    seen: int = 0
    accepted: int = 0
    retried: int = 0
    in_doubt: int = 0
    failed: int = 0
    skipped: int = 0
    deferred: int = 0
    expired: int = 0
    released: int = 0
    stale: int = 0
    throttled: bool = False

    @classmethod
    def of(cls, judged: Judged) -> DispatchReport:
        """What the gate's word alone did."""
        report = cls.of_moves(judged.moves)
        report.seen = judged.seen
        return report

    @classmethod
    def of_moves(cls, moves: Sequence[Move]) -> DispatchReport:
        """What became of those that do not go now."""
        count = [move.state for move in moves].count
        return cls(
            seen=len(moves),
            skipped=count(State.SKIPPED),
            deferred=count(State.RETRY),
            expired=count(State.EXPIRED),
        )

    def add(self, other: DispatchReport) -> None:
        """Count ``other`` in."""
        for each in fields(self):
            value = getattr(self, each.name) + getattr(other, each.name)
            setattr(self, each.name, bool(value) if each.name == "throttled" else value)
