"""Until when a hand-over may begin: what a dispatcher knows and a provider has to keep.

A dispatcher's right to its messages is a lease. A process that stood still (stopped, swapped out)
may wake up in the middle of a batch with a lease that is somebody else's by now; so a provider asks
before each request that it writes.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from math import inf

_UNTIL: ContextVar[float] = ContextVar("hand_over_until", default=inf)


@contextmanager
def hand_over_until(instant: float) -> Iterator[None]:
    """Within the block, providers called by this thread begin no request after ``instant`` (by
    ``time.monotonic()``)."""
    token = _UNTIL.set(instant)
    try:
        yield
    finally:
        _UNTIL.reset(token)


def until(most_seconds: float, began: float | None = None) -> float:
    """The last instant at which a request of this hand-over may begin: ``most_seconds`` after
    ``began`` (default: now), or sooner. Ask in the thread in which ``Provider.send`` was called."""
    start = time.monotonic() if began is None else began
    return min(start + most_seconds, _UNTIL.get())
