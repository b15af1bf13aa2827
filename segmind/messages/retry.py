"""When to try again, and when to stop: the policy as data."""

from __future__ import annotations

import random
from dataclasses import dataclass
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

#: How long a provider is left alone whose set-up was refused (credentials, sender).
PAUSE_AFTER_REFUSED_SETUP: Final = 60.0
