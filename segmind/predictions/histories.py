"""How customers have bought up to a moment, as the few numbers that the models need."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
#: Histories are told apart in a table of all possible ones up to so many for each customer; where
#: there are more, sorting the customers is quicker.
_DENSE: Final = 8


@dataclass(frozen=True, eq=False)
class Histories:
    """Customers with at least one purchase, a place each (Int64 arrays of one length).

    Several orders of one calendar day are one purchase, as in Fader, Hardie and Lee (2005).
    ``purchases``: days with an order, 1 and more. ``recency``: days from the first to the last of
    them. ``age``: days from the first to the moment, never less than ``recency``. ``spent``: net
    revenue in minor units.
    """

    purchases: Ints
    recency: Ints
    age: Ints
    spent: Ints

    @property
    def size(self) -> int:
        """How many customers there are."""
        return self.purchases.size

    @property
    def repeats(self) -> Ints:
        """Purchases after the first."""
        return self.purchases - 1

    @cached_property
    def kinds(self) -> Kinds:
        """The different histories, whatever was spent."""
        return Kinds.of(self.repeats, self.recency, self.age)


@dataclass(frozen=True, eq=False)
class Kinds:
    """Different (repeats, recency, age), how many customers have each, and the kind of everyone.

    Millions of customers have a few thousand histories: all that the purchase model needs to know.
    """

    repeats: Floats
    recency: Floats
    age: Floats
    weight: Floats
    of_customer: NDArray[np.integer[Any]]

    @cached_property
    def numbers(self) -> tuple[Floats, NDArray[np.integer[Any]]]:
        """The different numbers of repeats, and the place of each kind's among them."""
        return numbered(self.repeats)

    @classmethod
    def of(cls, repeats: Ints, recency: Ints, age: Ints) -> Kinds:
        ages, most = (int(each.max(initial=0)) + 1 for each in (age, repeats))
        if ages * ages * most >= 2**62:
            raise ValueError("Ages and repeats are too large to be told apart.")
        packed = (age * ages + recency) * most + repeats
        found, place, weight = _different(packed, ages * ages * most)
        rest, x = np.divmod(found, most)
        at_age, at_recency = np.divmod(rest, ages)
        numbers = (each.astype(np.float64) for each in (x, at_recency, at_age, weight))
        of_x, of_recency, of_age, of_weight = numbers
        return cls(of_x, of_recency, of_age, of_weight, place)


def numbered(counts: Floats) -> tuple[Floats, NDArray[np.integer[Any]]]:
    """The different ones of whole numbers, ascending, and the place of each among them."""
    found, place, _ = _different(counts.astype(np.int64), int(counts.max(initial=0)) + 1)
    return found.astype(np.float64), place


def _different(
    numbers: Ints, limit: int
) -> tuple[Ints, NDArray[np.integer[Any]], NDArray[np.integer[Any]]]:
    """The different numbers, ascending, the place of each among them, and how often each is."""
    if limit > _DENSE * numbers.size:
        found, place, weight = np.unique(numbers, return_inverse=True, return_counts=True)
        return found, place, weight
    counted = np.bincount(numbers, minlength=limit)
    is_there = counted > 0
    places = np.cumsum(is_there, dtype=np.int32) - 1
    return np.flatnonzero(is_there), places[numbers], counted[is_there]
