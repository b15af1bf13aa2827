"""Arrays under the ids that customers have by now."""

from __future__ import annotations

import numpy as np

from segmind.events.merges import Merges
from segmind.events.vectors.memory import Arrays


def below(arrays: Arrays, size: int) -> Arrays:
    """The arrays (customers first) without ids from ``size`` on."""
    customers = arrays[0]
    if not customers.size or int(customers.max()) < size:
        return arrays
    known = customers < size
    return tuple(array[known] for array in arrays)


def as_now(arrays: Arrays, size: int, now: np.ndarray | None) -> Arrays:
    """``below``, each id as ``now`` has it (None: nobody was merged)."""
    customers, *rest = below(arrays, size)
    return (customers if now is None else now[customers], *rest)


def places(merges: Merges, size: int) -> np.ndarray:
    """By id, at least ``size`` of them: the customer that it belongs to under ``merges``."""
    gone, into = (merges.frame[name].to_numpy() for name in ("from_id", "into_id"))
    now = np.arange(max(size, 1 + int(max(gone.max(), into.max()))) if gone.size else size)
    now[gone] = into
    return now
