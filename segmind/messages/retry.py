"""When to try again, and when to stop: the policy as data."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Full jitter: ``U(0, min(cap, base * 2^n))`` seconds before try ``n + 1``.

    https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
    """

    base: float = 2.0
    cap: float = 900.0
    most_attempts: int = 8

    def wait(self, attempts: int, after: float | None, draw: random.Random) -> timedelta:
        """How long to wait after ``attempts`` calls; a provider's own wish (seconds) is kept.

        A wish gets a tenth on top at random, so that not everybody comes back at once.
        """
        if after is not None:
            asked = min(max(after, 0.0), self.cap)
            return timedelta(seconds=asked + draw.random() * max(1.0, asked / 10))
        most = min(self.cap, self.base * 2 ** min(attempts, 30))
        return timedelta(seconds=draw.uniform(0.0, most))

    def is_exhausted(self, attempts: int) -> bool:
        """Whether no further call is made after so many."""
        return attempts >= self.most_attempts


DEFAULT: Final = RetryPolicy()

#: How long a message waits whose provider refuses the set-up (credentials, sender).
PAUSE_AFTER_REFUSED_SETUP: Final = 60.0
#: How long a retry waits for which there is no budget.
WAIT_FOR_BUDGET: Final = 5.0


@dataclass(slots=True)
class RetryBudget:
    """Retries are at most ``share`` of first attempts and ``per_second`` besides, so that an ailing
    provider is not buried under them. One for each provider of a process; safe between threads.

    As in Finagle: https://twitter.github.io/finagle/guide/Clients.html#retries
    """

    share: float = 0.2
    per_second: float = 20.0
    most_saved: float = 2_000.0
    now: Callable[[], float] = time.monotonic
    _saved: float = 500.0
    _at: float | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def spend(self, firsts: int, retries: int) -> int:
        """Note ``firsts`` first attempts; how many of ``retries`` may go now."""
        with self._lock:
            now = self.now()
            passed = 0.0 if self._at is None else now - self._at
            self._at = now
            earned = self.share * firsts + self.per_second * max(0.0, passed)
            self._saved = min(self.most_saved, self._saved + earned)
            granted = min(retries, int(self._saved))
            self._saved -= granted
            return granted
