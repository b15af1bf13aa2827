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

from segmind.analytics.touches import DAY, Ints, TouchBook, Touches

#: Claims kept over all days, shops and windows, of 49 bytes each.
_CLAIMS_KEPT: Final = 6_000_000


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
        at = np.flatnonzero(chosen) if chosen.dtype == np.bool_ else chosen
        return Claims(self.order[at], self.touch.take(at), self.age[at])

    @classmethod
    def together(cls, parts: Sequence[Claims], offsets: Sequence[int]) -> Claims:
        """Claims one after the other; the orders of each part count from its offset."""
        if not parts:
            return _nothing()
        touch = [
            np.concatenate([getattr(part.touch, name) for part in parts])
            for name in ("ts", "customer", "message", "lane", "maker")
        ]
        order = [part.order + offset for part, offset in zip(parts, offsets, strict=True)]
        age = np.concatenate([part.age for part in parts])
        return cls(np.concatenate(order), Touches(*touch), age)


@dataclass(frozen=True, eq=False)
class _Day:
    customer: Ints
    ts: Ints
    prints: tuple[int, ...]
    claims: Claims


_days: OrderedDict[tuple[int, int, bytes], _Day] = OrderedDict()
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
    parts = [
        _of_day(book, int(days[low]), customer[low:high], ts[low:high], windows, since)
        for low, high in zip(firsts.tolist(), ends.tolist(), strict=True)
    ]
    return Claims.together(parts, firsts.tolist())


def _of_day(
    book: TouchBook, day: int, customer: Ints, ts: Ints, windows: Ints, since: int
) -> Claims:
    reach = max(0, int(windows.max()))
    first = (day * DAY - reach) // DAY
    prints = tuple(book.print_of(each) for each in range(first, day + 1))
    # A day that a period begins in is kept beside the same day as another one ends in it.
    key = (day, max(0, since - day * DAY), windows.tobytes())
    with _lock:
        known = _days.get(key)
        if known is not None:
            _days.move_to_end(key)
    if (
        known is not None
        and known.prints == prints
        and np.array_equal(known.customer, customer)
        and np.array_equal(known.ts, ts)
    ):
        return known.claims
    found = match(book.of(customer, day * DAY - reach, (day + 1) * DAY), customer, ts, windows)
    with _lock:
        _days[key] = _Day(customer, ts, prints, found)
        _days.move_to_end(key)
        kept = sum(len(each.claims) + len(each.ts) for each in _days.values())
        while kept > _CLAIMS_KEPT and len(_days) > 1:
            _, gone = _days.popitem(last=False)
            kept -= len(gone.claims) + len(gone.ts)
    return found


def match(touches: Touches, customer: Ints, ts: Ints, windows: Ints) -> Claims:
    """Every pair of an order and a touch of its customer at most its lane's window before it; a
    touch at the order's own instant counts."""
    if not len(touches) or not len(ts) or windows.max() < 0:
        return _nothing()
    # Customer and instant in one number, so that one search finds a stretch of touches.
    people = np.unique(customer)
    reach = int(windows.max())
    base = min(int(ts.min()) - reach, int(touches.ts.min()))
    width = max(int(ts.max()), int(touches.ts.max())) - base + 1
    if len(people) * width >= 2**63:
        raise OverflowError("A day's orders and windows do not fit 64 bits.")
    own = np.searchsorted(people, touches.customer) * width + (touches.ts - base)
    sequence = np.lexsort((touches.lane, touches.message, own))
    own = own[sequence]
    of_order = np.searchsorted(people, customer) * width
    high = np.searchsorted(own, of_order + (ts - base), "right")
    low = np.searchsorted(own, of_order + (ts - base - reach), "left")
    length = high - low
    order = np.repeat(np.arange(len(ts)), length)
    starts = np.cumsum(length) - length
    at = sequence[np.arange(len(order)) + np.repeat(low - starts, length)]
    age = ts[order] - touches.ts[at]
    near = age <= windows[touches.lane[at]]
    return Claims(order[near], touches.take(at[near]), age[near])


def _nothing() -> Claims:
    none = np.zeros(0, np.int64)
    return Claims(none, Touches(none, none, none, none.astype(np.int8), none), none)
