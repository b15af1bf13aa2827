"""How far segments overlap: how many customers are in both, for every two of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

Words = np.ndarray[tuple[int], np.dtype[np.uint64]]


@dataclass(frozen=True, slots=True)
class Overlap:
    """``counts[i][j]``: customers in both the i-th and the j-th segment; the diagonal: the sizes.

    ``anybody``: customers in at least one. ``only[i]``: customers in the i-th and in no other.
    """

    segment_ids: tuple[int, ...]
    counts: tuple[tuple[int, ...], ...]
    anybody: int
    only: tuple[int, ...]

    def share(self, row: int, column: int) -> float | None:
        """Which share of the row's customers are in the column's segment too; None of nobody."""
        size = self.counts[row][row]
        return self.counts[row][column] / size if size else None


def overlap(members: Mapping[int, pl.Series]) -> Overlap:
    """The overlaps of segments, by their members (customer ids, each once).

    Every segment becomes one bit a customer (460 kB for 3.7 million): 50 segments are compared in
    well under a second.
    """
    ids = list(members)
    highest = max((int(s.max()) for s in members.values() if s.len()), default=0)  # type: ignore[arg-type]
    bits = [_bits(series, highest) for series in members.values()]
    counts = np.zeros((len(ids), len(ids)), dtype=np.int64)
    for row, mine in enumerate(bits):
        for column in range(row, len(ids)):
            counts[row, column] = counts[column, row] = _count(mine & bits[column])
    anybody, only = _alone(bits)
    return Overlap(
        segment_ids=tuple(ids),
        counts=tuple(tuple(int(n) for n in row) for row in counts),
        anybody=anybody,
        only=tuple(only),
    )


def _bits(ids: pl.Series, highest: int) -> Words:
    flags = np.zeros((highest // 64 + 1) * 64, dtype=np.bool_)
    flags[ids.to_numpy()] = True
    return np.packbits(flags).view(np.uint64)


def _count(bits: Words) -> int:
    return int(np.bitwise_count(bits).sum(dtype=np.int64))


def _alone(bits: Sequence[Words]) -> tuple[int, list[int]]:
    """How many are in one at least, and for each how many are in it alone."""
    if not bits:
        return 0, []
    once = np.zeros_like(bits[0])
    twice = np.zeros_like(bits[0])
    for mine in bits:
        twice |= once & mine
        once |= mine
    return _count(once), [_count(mine & ~twice) for mine in bits]
