"""Which triggers start runs, by key and re-entry: the rules of ``entry.choose``, for everybody at
once.

In each round everybody's first trigger starts a run, and those that this run rules out are dropped.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import polars as pl

from segmind import stopping
from segmind.automations.backtest.past import MICROSECOND, Past
from segmind.automations.backtest.starting import Found
from segmind.automations.backtest.timeline import Timeline
from segmind.automations.definition import Definition
from segmind.automations.entry import CART_LIFE

_CART_LIFE: Final = CART_LIFE // MICROSECOND

#: When the runs that begin with these rows of the triggers end, and whether by an event (then a
#: trigger of that very instant begins another one).
Follow = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


def choose(definition: Definition, found: Found, past: Past, follow: Follow) -> np.ndarray:
    """Rows of the triggers that start runs, ascending."""
    if _starts_always(definition):
        return _first_of_each_key(found)
    rivalry = _Rivalry(definition, found, past, follow)
    left = np.arange(found.size)
    chosen = []
    while left.size:
        stopping.check()
        customers = found.customers[left]
        is_first = np.concatenate([[True], customers[1:] != customers[:-1]])
        begun = left[is_first]
        chosen.append(begun)
        place = np.cumsum(is_first) - 1
        left, place = left[~is_first], place[~is_first]
        left = left[rivalry.leaves(left, begun, place)]
    return np.sort(np.concatenate([np.zeros(0, dtype=np.int64), *chosen]))


def _starts_always(definition: Definition) -> bool:
    return definition.re_entry.mode == "always" and definition.key in {"event", "order"}


def _first_of_each_key(found: Found) -> np.ndarray:
    pairs = pl.DataFrame({"customer": found.customers, "key": found.key}).with_row_index("row")
    first = pairs.unique(["customer", "key"], keep="first", maintain_order=True)
    return first["row"].to_numpy().astype(np.int64)


@dataclass(frozen=True)
class _Rivalry:
    definition: Definition
    found: Found
    past: Past
    follow: Follow

    def leaves(self, left: np.ndarray, begun: np.ndarray, place: np.ndarray) -> np.ndarray:
        """Of the triggers ``left``: whether the run that begins at ``begun[place]`` lets them
        start another one."""
        definition, found = self.definition, self.found
        run = begun[place]
        free: np.ndarray = found.key[left] != found.key[run]
        mode = definition.re_entry.mode
        if mode == "never":
            return np.zeros(left.shape, dtype=np.bool_)
        if mode == "after":
            pause = (definition.re_entry.hours or 0) * 3_600_000_000
            free &= np.abs(found.at[left] - found.at[run]) >= pause
        if definition.key == "cart":
            free &= ~self._is_same_cart(left, run)
        elif definition.key == "customer":
            ends, by_event = self.follow(begun)
            known = found.known[left]
            free &= (ends[place] < known) | ((ends[place] == known) & by_event[place])
        return free

    def _is_same_cart(self, one: np.ndarray, other: np.ndarray) -> np.ndarray:
        """Near enough, and no order between them that is known when the first is looked at. At
        one instant an addition comes before an order."""
        found = self.found
        is_near: np.ndarray = np.abs(found.at[one] - found.at[other]) < _CART_LIFE
        first = np.minimum(self._orders_before[one], self._orders_before[other])
        last = np.maximum(self._orders_before[one], self._orders_before[other])
        same: np.ndarray = is_near & ~self._orders.any_known(first, last, found.known[one])
        return same

    @property
    def _orders(self) -> Timeline:
        return self.past.of_event("order_completed")

    @cached_property
    def _orders_before(self) -> np.ndarray:
        """Of each trigger: the row of the first order that is not before it."""
        return self._orders.first_from(self.found.customers, self.found.at)
