"""Vectors over whole rolled days, kept and made from one another.

They are kept in as few bytes as say the same: numbers as narrow as they allow, and, of what few
customers did, only these. Of 3.7M customers with orders of 450,000 that is 4 MB instead of 30.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import DTypeLike

from segmind.events.vectors.columns import of_rolled_day
from segmind.events.vectors.instants import day_numbers
from segmind.events.vectors.memory import RANGES, Arrays

#: No last instant, and no first one: nothing of the kind happened. Before and after everything, so
#: that the latest of several is their maximum and the earliest their minimum.
NEVER: Final = np.iinfo(np.int64).min
NOT_YET: Final = np.iinfo(np.int64).max
#: Rows of days that are added to or taken from a kept vector, at most in comparison with the rows
#: that would be summed anew: a copy of the vector costs a little too.
_WORTH: Final = 0.5

#: Of whom a vector is: of everybody whose id is below a number, or of these ids, in their order.
Whose = int | np.ndarray
_Key = tuple[int, str]
#: The days of the vectors that are kept, by kind and column.
_kept_days: dict[_Key, list[tuple[Path, ...]]] = {}
_lock = threading.Lock()
_MOST_KEPT: Final = 12
#: What is kept beside the values where others are bytes: ids, and the bytes.
_SMALL: Final = 2


def whole(days: Sequence[Path], kind: int, column: str, whose: Whose, zone: ZoneInfo) -> np.ndarray:
    """``earliest`` for the column first_ts, ``latest`` for last_ts, else ``total``.

    For first_day and last_day: their calendar days in ``zone``, as Int64 days since 1970.
    """
    match column:
        case "first_ts":
            return earliest(days, kind, whose)
        case "last_ts":
            return latest(days, kind, whose)
        case "first_day":
            return _as_days(earliest(days, kind, whose), NOT_YET, zone)
        case "last_day":
            return _as_days(latest(days, kind, whose), NEVER, zone)
    return total(days, kind, column, whose)


def _as_days(instants: np.ndarray, missing: int, zone: ZoneInfo) -> np.ndarray:
    there = np.flatnonzero(instants != missing)
    instants[there] = day_numbers(instants[there], zone)
    return instants


def total(days: Sequence[Path], kind: int, column: str, whose: Whose) -> np.ndarray:
    """The sum of ``column`` (n, value, quantity) of ``customer_day`` files by customer id.

    ``column`` "days" counts the days. An array of the caller's own, under the ids that the files
    know.
    """
    key, wanted = (kind, column), tuple(days)
    kept = RANGES.get((key, wanted))
    if kept is None:
        base, minus, plus = _nearest(key, wanted)
        vector = np.zeros(0, _dtype(column)) if base is None else _spread(base, 0, _dtype(column))
        for paths, sign in ((plus, 1), (minus, -1)):
            for path in paths:
                customers, amounts = _rows(path, kind, column)
                vector = _reaching(vector, customers)
                np.add.at(vector, customers, amounts if sign > 0 else -amounts)
        kept = _keep(key, wanted, vector, 0)
    return _of(kept, 0, _dtype(column), whose)


def latest(days: Sequence[Path], kind: int, whose: Whose) -> np.ndarray:
    """The last instant by customer id (microseconds UTC, else NEVER) over ``customer_day`` files.

    ``days`` are in order of time. An array of the caller's own.
    """
    return _overwritten(tuple(days), kind, "last_ts", NEVER, days, whose)


def earliest(days: Sequence[Path], kind: int, whose: Whose) -> np.ndarray:
    """The first instant by customer id, else NOT_YET; as ``latest``."""
    return _overwritten(tuple(days), kind, "first_ts", NOT_YET, reversed(days), whose)


def _reaching(vector: np.ndarray, customers: np.ndarray, fill: int = 0) -> np.ndarray:
    """``vector``, made longer if ids in ``customers`` go beyond its end."""
    needed = int(customers.max()) + 1 if customers.size else 0
    if needed <= vector.size:
        return vector
    longer = np.full(needed, fill, dtype=vector.dtype)
    longer[: vector.size] = vector
    return longer


def _overwritten(
    wanted: tuple[Path, ...],
    kind: int,
    column: str,
    missing: int,
    order: Iterable[Path],
    whose: Whose,
) -> np.ndarray:
    """A customer's last value in ``order``: a later day's row overwrites an earlier one's."""
    key = (kind, column)
    kept = RANGES.get((key, wanted))
    if kept is None:
        vector = np.zeros(0, dtype=np.int64)
        for path in order:
            customers, instants = of_rolled_day(path, kind, column)
            vector = _reaching(vector, customers, missing)
            vector[customers] = instants
        kept = _keep(key, wanted, vector, missing)
    return _of(kept, missing, np.int64, whose)


def _rows(path: Path, kind: int, column: str) -> Arrays:
    if column == "days":
        customers, n = of_rolled_day(path, kind, "n")
        return customers, (n > 0).astype(np.int32)
    return of_rolled_day(path, kind, column)


def _dtype(column: str) -> type[np.signedinteger]:
    # A customer who did something 2^31 times would have to do it once a second for 68 years.
    return np.int32 if column in {"n", "days"} else np.int64


def _nearest(key: _Key, wanted: tuple[Path, ...]) -> tuple[Arrays | None, list[Path], list[Path]]:
    """A kept vector to begin with, the days to take from it, and those to add to it."""
    with _lock:
        candidates = list(_kept_days.get(key, ()))
    best: tuple[Arrays | None, list[Path], list[Path]] = (None, [], list(wanted))
    cost = len(wanted) * _WORTH
    asked = set(wanted)
    for days in candidates:
        has = set(days)
        differing = len(has ^ asked)
        if differing < cost and (kept := RANGES.get((key, days))) is not None:
            minus = [day for day in days if day not in asked]
            best, cost = (kept, minus, [day for day in wanted if day not in has]), differing
    return best


def _keep(key: _Key, wanted: tuple[Path, ...], vector: np.ndarray, missing: int) -> Arrays:
    with _lock:
        days = _kept_days.setdefault(key, [])
        days[:] = [wanted, *(d for d in days if d != wanted)][:_MOST_KEPT]
    return RANGES.keep((key, wanted), _compact(vector, missing))


def _compact(vector: np.ndarray, missing: int) -> Arrays:
    """A vector as (values, ids), or as (values,) of every id, whichever is smaller.

    Or as (values, their ids, the others in bytes, of every id): where nearly all fit into a byte.
    """
    ids = np.flatnonzero(vector != missing)
    values = narrow(vector[ids])
    id_type = np.dtype(np.int32 if vector.size < 2**31 else np.int64)
    whole = narrow(vector)
    widths = values.itemsize + id_type.itemsize
    if ids.size * widths < whole.nbytes and ids.size * widths < vector.size:
        return values, ids.astype(id_type)
    if missing == 0 and whole.itemsize > 1:
        small = vector.astype(np.uint8)
        large = np.flatnonzero(small != vector)
        if small.nbytes + large.size * widths < whole.nbytes:
            return narrow(vector[large]), large.astype(id_type), small
    return (values, ids.astype(id_type)) if ids.size * widths < whole.nbytes else (whole,)


def narrow(values: np.ndarray) -> np.ndarray:
    """The numbers in the narrowest type that holds them all."""
    if not values.size:
        return values
    smallest = np.result_type(np.min_scalar_type(values.min()), np.min_scalar_type(values.max()))
    # What needs the sign and all of 64 bits has no common type but one that rounds.
    return values.astype(np.int64 if smallest.kind == "f" else smallest)


def _of(kept: Arrays, missing: int, dtype: DTypeLike, whose: Whose) -> np.ndarray:
    """What is kept, of whom it was asked."""
    if isinstance(whose, int):
        return _spread(kept, missing, dtype, whose)
    found = np.full(whose.size, missing, dtype)
    values, *rest = kept
    if len(rest) == _SMALL:
        known = whose < rest[1].size
        found[known] = rest[1][whose[known]]
    if not values.size:
        return found
    places = np.searchsorted(rest[0], whose) if rest else whose
    places = np.minimum(places, values.size - 1)
    there = rest[0][places] == whose if rest else places == whose
    found[there] = values[places[there]]
    return found


def _spread(kept: Arrays, missing: int, dtype: DTypeLike, size: int | None = None) -> np.ndarray:
    """A kept vector with a place for every id below ``size`` (None: as long as need be)."""
    values, *rest = kept
    if not rest:
        length = values.size if size is None else min(size, values.size)
        vector = np.empty(length if size is None else size, dtype=dtype)
        vector[:length] = values[:length]
        vector[length:] = missing
        return vector
    ids = rest[0]
    if len(rest) == _SMALL:
        vector = _spread((rest[1],), missing, dtype, size)
        known = int(np.searchsorted(ids, vector.size))
        vector[ids[:known]] = values[:known]
        return vector
    length = int(ids[-1]) + 1 if ids.size else 0
    if size is not None and size < length:
        known = int(np.searchsorted(ids, size))
        ids, values = ids[:known], values[:known]
    size = length if size is None else size
    vector = np.zeros(size, dtype) if missing == 0 else np.full(size, missing, dtype=dtype)
    vector[ids] = values
    return vector
