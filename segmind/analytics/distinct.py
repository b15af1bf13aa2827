"""Counting different customers quickly: their ids are small numbers from one sequence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import polars as pl

#: Ids beyond this are no customers of ours; they are counted by sorting.
_LARGEST: Final = 200_000_000


def count_of(parts: Sequence[pl.Series]) -> int:
    """How many different ids the parts (Int64, no nulls) hold together."""
    filled = [part.to_numpy() for part in parts if part.len()]
    if not filled:
        return 0
    largest = max(int(ids.max()) for ids in filled)
    if largest > _LARGEST or min(int(ids.min()) for ids in filled) < 0:
        return len(np.unique(np.concatenate(filled)))
    seen = np.zeros(largest + 1, np.bool_)
    for ids in filled:
        seen[ids] = True
    return int(np.count_nonzero(seen))
