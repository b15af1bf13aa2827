"""Which touches may claim which orders: closed days are kept, only touched days are found anew.

What claims an order depends on its customer, its instant and the touches in the windows before it,
never on what it is worth. So the claims of a day hold as long as its orders and the touches of its
days are the same; refunds and later lines change what is shared out, not among whom.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from segmind.analytics.customer_numbers import Ints, numbered
from segmind.analytics.touches import DAY, TouchBook, Touches

#: Claims kept over all days, shops and windows, of 49 bytes each.
_CLAIMS_KEPT: Final = 6_000_000
#: Days whose claims are found in one go: their windows overlap, and memory stays bounded.
_DAYS_TOGETHER: Final = 8


@dataclass(frozen=True, eq=False)
class Claims:
    """Touches that may claim orders, in order of (order, ts, message, lane).

    ``order``: the row of the order; ``touch``: one for each claim; ``age``: microseconds from the
    touch to the order.
    """

    order: Ints
    touch: Touches
    age: Ints

    def __len__(self) -> int:
        return len(self.order)

    def where(self, chosen: NDArray[np.bool_] | Ints) -> Claims:
        """Only the chosen ones."""
        at: Ints = np.arange(len(self))[chosen]
        return Claims(self.order[at], self.touch.take(at), self.age[at])

    @classmethod
    def together(cls, parts: Sequence[Claims], offsets: Sequence[int]) -> Claims:
        """Claims one after the other; the orders of each part count from its offset."""
        if not parts:
            return _nothing()
        touch = parts[0].touch.and_then(*(part.touch for part in parts[1:]))
        order = [part.order + offset for part, offset in zip(parts, offsets, strict=True)]
        age = np.concatenate([part.age for part in parts])
        return cls(np.concatenate(order), touch, age)


_days: OrderedDict[tuple[int, int, bytes], tuple[_Day, Claims]] = OrderedDict()
_lock = threading.Lock()


def claims(book: TouchBook, orders: pl.DataFrame, windows: Ints, since: int) -> Claims:
    """What may claim these orders.

    ``orders``: customer_id, ts (microseconds), ascending by ts, none before ``since``, where their
    period begins. ``windows``: by lane, the longest age in microseconds that counts; -1: such
    touches do not.
    """
    customer, ts = orders["customer_id"].to_numpy(), orders["ts"].to_numpy()
    days = ts // DAY
    firsts = np.flatnonzero(np.diff(days, prepend=days[0] - 1)) if len(days) else days
    ends = np.append(firsts[1:], len(days))[: len(firsts)]
    asked = [
        _Day(book, int(days[low]), customer[low:high], ts[low:high], windows, since)
        for low, high in zip(firsts.tolist(), ends.tolist(), strict=True)
    ]
    parts = [_known(day) for day in asked]
    for run in _runs([number for number, part in enumerate(parts) if part is None]):
        for number, found in zip(run, _found(book, [asked[n] for n in run], windows), strict=True):
            parts[number] = found
    return Claims.together([part for part in parts if part is not None], firsts.tolist())


class _Day:
    """The orders of a UTC day, and what tells whether their claims still hold."""

    def __init__(
        self, book: TouchBook, day: int, customer: Ints, ts: Ints, windows: Ints, since: int
    ) -> None:
        self.day, self.customer, self.ts = day, customer, ts
        self.reach = max(0, int(windows.max()))
        first = (day * DAY - self.reach) // DAY
        self.prints = tuple(book.print_of(each) for each in range(first, day + 1))
        # A day that a period begins in is kept beside the same day as another one ends in it.
        self.key = (day, max(0, since - day * DAY), windows.tobytes())

    def same(self, other: _Day) -> bool:
        return (
            self.prints == other.prints
            and np.array_equal(self.customer, other.customer)
            and np.array_equal(self.ts, other.ts)
        )


def _known(day: _Day) -> Claims | None:
    with _lock:
        kept = _days.get(day.key)
        if kept is None or not kept[0].same(day):
            return None
        _days.move_to_end(day.key)
        return kept[1]


def _runs(numbers: list[int]) -> list[list[int]]:
    """Neighbours together: the touches before each of them are the same."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and runs[-1][-1] == number - 1 and len(runs[-1]) < _DAYS_TOGETHER:
            runs[-1].append(number)
        else:
            runs.append([number])
    return runs


def _found(book: TouchBook, days: Sequence[_Day], windows: Ints) -> list[Claims]:
    """The claims of neighbouring days, found together and kept one by one."""
    customer = np.concatenate([day.customer for day in days])
    ts = np.concatenate([day.ts for day in days])
    since, until = days[0].day * DAY - days[0].reach, (days[-1].day + 1) * DAY
    every = match(book.of(customer, since, until, windows >= 0), customer, ts, windows)
    starts = np.cumsum([0, *(len(day.ts) for day in days)])
    cuts = np.searchsorted(every.order, starts)
    parts = []
    for number, day in enumerate(days):
        mine = every.where(np.arange(cuts[number], cuts[number + 1]))
        parts.append(Claims(mine.order - starts[number], mine.touch, mine.age))
        _keep(day, parts[-1])
    return parts


def _keep(day: _Day, found: Claims) -> None:
    # Slices would keep the orders of the whole period alive.
    day.customer, day.ts = day.customer.copy(), day.ts.copy()
    with _lock:
        _days[day.key] = (day, found)
        _days.move_to_end(day.key)
        kept = sum(len(each.ts) + len(claims) for each, claims in _days.values())
        while kept > _CLAIMS_KEPT and len(_days) > 1:
            _, (gone, claims) = _days.popitem(last=False)
            kept -= len(gone.ts) + len(claims)


def match(touches: Touches, customer: Ints, ts: Ints, windows: Ints) -> Claims:
    """Every pair of an order and a touch of its customer at most its lane's window before it; a
    touch at the order's own instant counts.

    ``touches``: of these customers only, in any order.
    """
    if not len(touches) or not len(ts) or windows.max() < 0:
        return _nothing()
    # Customer and instant in one number, so that one search finds a stretch of touches.
    reach = int(windows.max())
    base = min(int(ts.min()) - reach, int(touches.ts.min()))
    width = max(int(ts.max()), int(touches.ts.max())) - base + 1
    whose, of_touch, people = numbered(customer, touches.customer)
    if people * width >= 2**63:
        raise OverflowError("A day's orders and windows do not fit 64 bits.")
    own = of_touch * width + (touches.ts - base)
    sequence = _sequence(own, touches)
    own = own[sequence]
    wanted = whose * width + (ts - base)
    low, high = _stretches(own, wanted, reach)
    length = high - low
    order = np.repeat(np.arange(len(ts)), length)
    starts = np.cumsum(length) - length
    at = sequence[np.arange(len(order)) + np.repeat(low - starts, length)]
    age = ts[order] - touches.ts[at]
    near = age <= windows[touches.lane[at]]
    return Claims(order[near], touches.take(at[near]), age[near])


def _stretches(own: Ints, wanted: Ints, reach: int) -> tuple[Ints, Ints]:
    """Where in ``own`` (ascending) the numbers from ``wanted - reach`` to ``wanted`` lie."""
    # Searched in order, so that neighbouring searches touch the same memory.
    sequence = np.argsort(wanted)
    ordered = wanted[sequence]
    low, high = np.empty_like(wanted), np.empty_like(wanted)
    low[sequence] = np.searchsorted(own, ordered - reach, "left")
    high[sequence] = np.searchsorted(own, ordered, "right")
    return low, high


def _sequence(own: Ints, touches: Touches) -> Ints:
    """The order by (own, message, lane); only the few with equal ``own`` are looked at twice."""
    sequence = np.argsort(own)
    again = np.diff(own[sequence]) == 0
    equal = np.flatnonzero(np.append(again, False) | np.append(False, again))
    if len(equal):
        rows = sequence[equal]
        sequence[equal] = rows[np.lexsort((touches.lane[rows], touches.message[rows], own[rows]))]
    return sequence


def _nothing() -> Claims:
    none = np.zeros(0, np.int64)
    return Claims(none, Touches(none, none, none, none.astype(np.int8), none), none)
