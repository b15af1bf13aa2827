"""Who meets a rule, row by row of the rosters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from segmind.customers.roster import CUSTOMER, Roster
from segmind.segments import member_bits
from segmind.segments.attributes import Reachable
from segmind.segments.member_bits import Bits


@dataclass(frozen=True, eq=False)
class Matched:
    """The customers who meet a rule: for each roster, a mask of its rows."""

    rosters: Sequence[Roster]
    masks: Sequence[np.ndarray]

    @cached_property
    def count(self) -> int:
        """How many they are."""
        return sum(int(np.count_nonzero(mask)) for mask in self.masks)

    @cached_property
    def ids(self) -> pl.Series:
        """customer_id (Int64), ascending, each once."""
        pairs = zip(self.rosters, self.masks, strict=True)
        parts = [roster.ids_at(np.flatnonzero(mask)) for roster, mask in pairs]
        ids = parts[0] if len(parts) == 1 else np.concatenate([np.zeros(0, np.int64), *parts])
        # A file's ids ascend already; a few that were touched since go among them.
        return pl.Series(CUSTOMER, ids if _ascends(ids) else np.sort(ids))

    @cached_property
    def bits(self) -> Bits:
        """The same customers as bits by id."""
        flags = np.zeros(max((roster.size for roster in self.rosters), default=0), np.bool_)
        for roster, mask in zip(self.rosters, self.masks, strict=True):
            if roster.stretch is None:
                flags[roster.ids[mask]] = True
            else:
                flags[roster.stretch] |= mask
        return member_bits.of_flags(flags)

    def reached(self, channel: str) -> int:
        """How many of them marketing may reach on the channel."""
        reachable = Reachable(channel)
        return sum(
            member_bits.count(rows & roster.bits(reachable, reachable.add_to, reachable.name))
            for roster, rows in zip(self.rosters, self._packed, strict=True)
        )

    @cached_property
    def _packed(self) -> list[np.ndarray]:
        """The masks, eight rows to a byte."""
        return [np.packbits(mask) for mask in self.masks]


def _ascends(ids: np.ndarray) -> bool:
    return bool(np.all(ids[1:] > ids[:-1]))
