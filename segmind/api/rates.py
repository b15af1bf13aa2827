"""Token buckets: how often one caller may ask."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

#: Callers remembered; the one that was silent longest is forgotten first.
MOST_CALLERS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Rate:
    """``per_second`` in the long run, ``burst`` at once."""

    per_second: float
    burst: int


class Rates:
    """One bucket per caller, in this process."""

    def __init__(self, rate: Rate, now: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._now = now
        self._lock = threading.Lock()
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, caller: str, cost: float = 1.0) -> float:
        """Take ``cost`` tokens: 0.0 if there were enough, else seconds until there are."""
        with self._lock:
            at = self._now()
            tokens, since = self._buckets.pop(caller, (float(self._rate.burst), at))
            tokens = min(self._rate.burst, tokens + (at - since) * self._rate.per_second)
            enough = tokens >= cost
            self._buckets[caller] = (tokens - cost if enough else tokens, at)
            if len(self._buckets) > MOST_CALLERS:
                self._buckets.popitem(last=False)
            return 0.0 if enough else (cost - tokens) / self._rate.per_second
