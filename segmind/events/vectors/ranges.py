"""Vectors over whole rolled days, kept and made from one another."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from segmind.events.vectors.columns import of_rolled_day
from segmind.events.vectors.memory import RANGES, Arrays

#: No last instant, and no first one: nothing of the kind happened. Before and after everything, so
#: that the latest of several is their maximum and the earliest their minimum.
NEVER: Final = np.iinfo(np.int64).min
NOT_YET: Final = np.iinfo(np.int64).max
#: Rows of days that are added to or taken from a kept vector, at most in comparison with the rows
#: that would be summed anew: a copy of the vector costs a little too.
_WORTH: Final = 0.5

_Key = tuple[int, str]
#: The days of the vectors that are kept, by kind and column.
_kept_days: dict[_Key, list[tuple[Path, ...]]] = {}
_lock = threading.Lock()
_MOST_KEPT: Final = 12


def total(days: Sequence[Path], kind: int, column: str) -> np.ndarray:
    """The sum of ``column`` (n, value, quantity) of ``customer_day`` files by customer id.

    ``column`` "days" counts the days. As long as the largest id that the days have, read-only,
    under the ids that the files know.
    """
    key, wanted = (kind, column), tuple(days)
    kept = RANGES.get((key, wanted))
    if kept is not None:
        return kept[0]
    base, minus, plus = _nearest(key, wanted)
    vector = np.zeros(0, dtype=_dtype(column)) if base is None else base.copy()
    for paths, sign in ((plus, 1), (minus, -1)):
        for path in paths:
            customers, amounts = _rows(path, kind, column)
            vector = reaching(vector, customers)
            np.add.at(vector, customers, amounts if sign > 0 else -amounts)
    return _keep(key, wanted, vector)


def latest(days: Sequence[Path], kind: int) -> np.ndarray:
    """The last instant by customer id (microseconds UTC, else NEVER) over ``customer_day`` files.

    ``days`` are in order of time. Read-only, as long as the largest id that they have.
    """
    return _overwritten(tuple(days), kind, "last_ts", NEVER, days)


def earliest(days: Sequence[Path], kind: int) -> np.ndarray:
    """The first instant by customer id, else NOT_YET; as ``latest``."""
    return _overwritten(tuple(days), kind, "first_ts", NOT_YET, reversed(days))


def reaching(vector: np.ndarray, customers: np.ndarray, fill: int = 0) -> np.ndarray:
    """``vector``, made longer if ids in ``customers`` go beyond its end."""
    needed = int(customers.max()) + 1 if customers.size else 0
    if needed <= vector.size:
        return vector
    longer = np.full(needed, fill, dtype=vector.dtype)
    longer[: vector.size] = vector
    return longer


def _overwritten(
    wanted: tuple[Path, ...], kind: int, column: str, missing: int, order: Iterable[Path]
) -> np.ndarray:
    """A customer's last value in ``order``: a later day's row overwrites an earlier one's."""
    key = (kind, column)
    kept = RANGES.get((key, wanted))
    if kept is not None:
        return kept[0]
    vector = np.zeros(0, dtype=np.int64)
    for path in order:
        customers, instants = of_rolled_day(path, kind, column)
        vector = reaching(vector, customers, missing)
        vector[customers] = instants
    return _keep(key, wanted, vector)


def _rows(path: Path, kind: int, column: str) -> Arrays:
    if column == "days":
        customers, n = of_rolled_day(path, kind, "n")
        return customers, (n > 0).astype(np.int32)
    return of_rolled_day(path, kind, column)


def _dtype(column: str) -> type[np.signedinteger]:
    # A customer who did something 2^31 times would have to do it once a second for 68 years.
    return np.int32 if column in {"n", "days"} else np.int64


def _nearest(
    key: _Key, wanted: tuple[Path, ...]
) -> tuple[np.ndarray | None, list[Path], list[Path]]:
    """A kept vector to begin with, the days to take from it, and those to add to it."""
    with _lock:
        candidates = list(_kept_days.get(key, ()))
    best: tuple[np.ndarray | None, list[Path], list[Path]] = (None, [], list(wanted))
    cost = len(wanted) * _WORTH
    asked = set(wanted)
    for days in candidates:
        has = set(days)
        differing = len(has ^ asked)
        if differing < cost and (kept := RANGES.get((key, days))) is not None:
            minus = [day for day in days if day not in asked]
            best, cost = (kept[0], minus, [day for day in wanted if day not in has]), differing
    return best


def _keep(key: _Key, wanted: tuple[Path, ...], vector: np.ndarray) -> np.ndarray:
    with _lock:
        days = _kept_days.setdefault(key, [])
        days[:] = [wanted, *(d for d in days if d != wanted)][:_MOST_KEPT]
    return RANGES.keep((key, wanted), (vector,))[0]
