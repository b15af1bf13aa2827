"""What a dispatcher did, counted."""

from __future__ import annotations

from dataclasses import dataclass, fields

from segmind.messages.judging import Judged


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
        return cls(
            seen=judged.seen,
            skipped=judged.skipped,
            deferred=judged.deferred,
            expired=judged.expired,
        )

    def add(self, other: DispatchReport) -> None:
        """Count ``other`` in."""
        for each in fields(self):
            value = getattr(self, each.name) + getattr(other, each.name)
            setattr(self, each.name, bool(value) if each.name == "throttled" else value)
