"""Runs side by side, where they stand, and the messages that they would have been sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

#: The reason of runs that are under way.
WAITING: Final = -1
#: Instead of an option: no channel reaches them; it is too late for the message.
UNREACHABLE: Final = -1
TOO_LATE: Final = -2


@dataclass
class Runs:
    """Runs side by side. Instants are microseconds.

    ``end``: when first something is known that ends them; ``end_reason`` which one. ``left_at``:
    when they left (NEVER: under way still); ``reason``: a place in ``Replay.reasons``; ``step``:
    where they left or are. ``by_event``: whether an event made them leave.
    """

    customers: np.ndarray
    triggered: np.ndarray
    entered: np.ndarray
    end: np.ndarray
    end_reason: np.ndarray
    left_at: np.ndarray
    reason: np.ndarray
    step: np.ndarray
    by_event: np.ndarray

    @property
    def size(self) -> int:
        return int(self.customers.size)


@dataclass
class Here:
    """Runs at a step: which, the moment at which they are looked at, when they ``arrived`` there,
    and when they were ``due`` last."""

    rows: np.ndarray
    at: np.ndarray
    arrived: np.ndarray
    due: np.ndarray

    def take(self, which: np.ndarray) -> Here:
        return Here(self.rows[which], self.at[which], self.arrived[which], self.due[which])

    def until(self, at: np.ndarray) -> Here:
        """The same, due at another moment."""
        return Here(self.rows, at, self.arrived, at)

    def arriving(self) -> Here:
        """The same, coming to their next step at once."""
        return Here(self.rows, self.at, self.at, self.due)


@dataclass
class Sends:
    """Messages that send steps would have queued: by run (row), step and option (places; of whom
    no message is queued, why)."""

    rows: np.ndarray
    at: np.ndarray
    step: np.ndarray
    option: np.ndarray

    @classmethod
    def none(cls) -> Sends:
        empty = np.zeros(0, dtype=np.int64)
        return cls(empty, empty, empty, empty)

    @classmethod
    def joined(cls, parts: Sequence[Sends], shifts: Sequence[int]) -> Sends:
        """One after the other; the rows of each are shifted to where its runs lie."""
        if not parts:
            return cls.none()
        rows = [part.rows + shift for part, shift in zip(parts, shifts, strict=True)]
        return cls(
            np.concatenate(rows),
            *(np.concatenate([getattr(p, name) for p in parts]) for name in _SEND_COLUMNS),
        )


_SEND_COLUMNS: Final = ("at", "step", "option")


@dataclass
class Course:
    """What became of runs. ``outcomes``: how many by (step, outcome), as ``numbers`` counts."""

    runs: Runs
    sends: Sends
    outcomes: Counter[tuple[str, str]]


@dataclass(frozen=True)
class Ways:
    """Who goes on from a step: runs, by the way that is ``named``."""

    named: str | None
    here: Here


def parted(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The places where it holds, and the others."""
    return np.flatnonzero(mask), np.flatnonzero(~mask)


def joined(parts: Sequence[Here]) -> Here:
    """All of them, one after the other."""
    if len(parts) == 1:
        return parts[0]
    none = np.zeros(0, dtype=np.int64)
    names = ("rows", "at", "arrived", "due")
    return Here(*(np.concatenate([none, *(getattr(p, name) for p in parts)]) for name in names))
