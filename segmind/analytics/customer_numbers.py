"""Customers as the small numbers that they are: merged ids, membership and places by table."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from segmind.events.merges import Merges

Ints = NDArray[np.int64]
#: Ids come from one sequence; beyond this they are looked up by sorting, not in a table.
_LARGEST: Final = 200_000_000


class Moved:
    """Merged customers, looked up quickly."""

    def __init__(self, merges: Merges) -> None:
        self._merges = merges
        gone = merges.frame["from_id"].to_numpy()
        self._table: Ints | None = None
        if len(gone) and gone[0] >= 0 and gone[-1] <= _LARGEST:
            self._table = np.arange(int(gone[-1]) + 1, dtype=np.int64)
            self._table[gone] = merges.frame["into_id"].to_numpy()
        self._gone = gone

    def mapped(self, customer: Ints) -> Ints:
        """The present ids of these customers."""
        if not len(self._gone):
            return customer
        if self._table is None:
            mapped = self._merges.mapped(pl.col("c"))
            return pl.DataFrame({"c": customer}).select(mapped)["c"].to_numpy()
        known = (customer >= 0) & (customer < len(self._table))
        return np.where(known, self._table[np.where(known, customer, 0)], customer)

    def places(self, customer: Ints) -> Ints:
        """Where these are of customers who were merged into others."""
        if not len(self._gone):
            return np.zeros(0, np.int64)
        return np.flatnonzero(self.mapped(customer) != customer)


def is_among(customer: NDArray[np.integer[Any]], chosen: Ints) -> NDArray[np.bool_]:
    """Which of these customers are among the chosen."""
    if not len(chosen) or not len(customer):
        return np.zeros(len(customer), np.bool_)
    largest = max(int(chosen.max()), int(customer.max()))
    if largest > _LARGEST or min(int(chosen.min()), int(customer.min())) < 0:
        return np.isin(customer, chosen)
    table = np.zeros(largest + 1, np.bool_)
    table[chosen] = True
    found: NDArray[np.bool_] = table[customer]
    return found


def numbered(customer: Ints, others: Ints) -> tuple[Ints, Ints, int]:
    """Small numbers for these customers and for ``others``, who are among them; and how many
    different ones there are."""
    largest = int(customer.max())
    if largest > _LARGEST or int(customer.min()) < 0:
        people = np.unique(customer)
        return np.searchsorted(people, customer), np.searchsorted(people, others), len(people)
    table = np.zeros(largest + 1, np.int32)
    table[customer] = 1
    np.cumsum(table, out=table)
    return table[customer].astype(np.int64) - 1, table[others].astype(np.int64) - 1, int(table[-1])
