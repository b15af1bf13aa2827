"""Arrays kept between questions; those not asked for the longest go when memory runs short."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Final

import numpy as np

Arrays = tuple[np.ndarray, ...]


class Memory:
    """Tuples of arrays by key, at most ``limit`` bytes of them. Kept arrays cannot be written to.

    Threads may use it together; two that miss the same key may both make its value, which is
    harmless: a key always stands for the same values.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._kept: OrderedDict[Hashable, Arrays] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> Arrays | None:
        """What is kept under ``key``; None if nothing is."""
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
            return found

    def keep(self, key: Hashable, value: Arrays) -> Arrays:
        """Keep ``value`` under ``key``, and let the oldest go if need be."""
        for array in value:
            array.flags.writeable = False
        with self._lock:
            self._drop(key)
            self._kept[key] = value
            self._bytes += _size(value)
            while self._bytes > self._limit and len(self._kept) > 1:
                self._drop(next(iter(self._kept)))
        return value

    def recall(self, key: Hashable, make: Callable[[], Arrays]) -> Arrays:
        """What is kept under ``key``, made if nothing is."""
        found = self.get(key)
        return self.keep(key, make()) if found is None else found

    def _drop(self, key: Hashable) -> None:
        gone = self._kept.pop(key, None)
        if gone is not None:
            self._bytes -= _size(gone)


def _size(value: Arrays) -> int:
    return sum(array.nbytes for array in value)


#: Columns of rolled days and of sealed files. At 67.5M events (60 days) all counts of all kinds
#: take about 250 MB, and instants of the kinds that segments ask for as much again.
COLUMNS: Final = Memory(350_000_000)
#: Sums over ranges of days: 2 to 8 MB each at 3.7M customers, last instants up to 30.
RANGES: Final = Memory(160_000_000)
#: Different products of customers over windows: 50 MB for the views of 14 days at 67.5M events.
PAIRS: Final = Memory(160_000_000)
#: What matching events of a file add up to: 350 KB for a day's views of a third of the products.
MATCHING: Final = Memory(32_000_000)
