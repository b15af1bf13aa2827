"""What came next: for moments of one act, the first later moment of another by the same customer.

Each customer is given a number, and each moment the number (customer, instant) as one integer; once
both acts are sorted by it, one binary search in order finds every successor.
"""

from __future__ import annotations

from enum import StrEnum

import numpy as np

from segmind.events.vectors.ranges import NEVER, NOT_YET
from segmind.events.vectors.sorting import ascending_once

#: Customers and instants (microseconds UTC) of moments.
Moments = tuple[np.ndarray, np.ndarray]


class Side(StrEnum):
    """Where to look from a moment."""

    BEFORE = "before"  # the last one strictly earlier, else NEVER
    AFTER = "after"  # the first one strictly later, else NOT_YET
    SINCE = "since"  # the first one at the same instant or later, else NOT_YET

    @property
    def nothing(self) -> int:
        return NEVER if self is Side.BEFORE else NOT_YET


def next_after(firsts: Moments, thens: Moments) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Customers, instants, and the next strictly later instant in ``thens``, else NOT_YET.

    Moments of ``firsts`` that are the same count once; they come in order of customer and time.
    """
    if not firsts[0].size:
        nothing = np.zeros(0, dtype=np.int64)
        return nothing, nothing, nothing
    who = ascending_once(firsts[0])
    places = np.full(int(who[-1]) + 1, -1, dtype=np.int64)
    places[who] = np.arange(who.size)
    known = thens[0] <= who[-1]
    known[known] = places[thens[0][known]] >= 0
    thens = thens[0][known], thens[1][known]
    begin = min(int(firsts[1].min()), int(thens[1].min()) if thens[1].size else NOT_YET)
    end = max(int(firsts[1].max()), int(thens[1].max()) if thens[1].size else begin)
    length = end - begin + 1
    if who.size * length > NOT_YET:
        return _in_two(firsts, thens, who)
    asked = ascending_once(places[firsts[0]] * length + (firsts[1] - begin))
    given = np.sort(places[thens[0]] * length + (thens[1] - begin))
    at = np.searchsorted(given, asked, side="right")
    following = np.append(given, -1)[at]
    numbers, passed = np.divmod(asked, length)
    same = (following >= 0) & (following // length == numbers)
    found = np.where(same, following % length + begin, NOT_YET)
    return who[numbers], passed + begin, found


def nearest_of(rare: Moments, frequent: Moments, side: Side) -> tuple[np.ndarray, ...]:
    """Customers, the different moments of ``rare``, and the nearest of ``frequent`` to each."""
    match side:
        case Side.AFTER:
            return next_after(rare, frequent)
        case Side.SINCE:
            customers, instants, nearest = next_after((rare[0], rare[1] - 1), frequent)
            return customers, instants + 1, nearest
        case Side.BEFORE:
            back = (rare[0], -rare[1]), (frequent[0], -frequent[1])
            customers, instants, nearest = next_after(*back)
            return customers, -instants, np.where(nearest == NOT_YET, NEVER, -nearest)


def _in_two(
    firsts: Moments, thens: Moments, who: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The same for so many customers or so long a time that one integer cannot tell them apart."""
    middle = who[who.size // 2]
    low = next_after(_where(firsts, firsts[0] < middle), _where(thens, thens[0] < middle))
    high = next_after(_where(firsts, firsts[0] >= middle), _where(thens, thens[0] >= middle))
    return (
        np.concatenate([low[0], high[0]]),
        np.concatenate([low[1], high[1]]),
        np.concatenate([low[2], high[2]]),
    )


def _where(moments: Moments, chosen: np.ndarray) -> Moments:
    return moments[0][chosen], moments[1][chosen]
