"""When what could not be told is tried again: policy as data."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """``pauses``: seconds after the first, second, ... failed try; after the last one it is given
    up. Each is stretched by up to ``jitter`` of itself, so that a receiver that was down is not met
    by everything at once. A receiver's Retry-After counts up to ``longest_asked`` seconds."""

    pauses: tuple[float, ...]
    jitter: float
    longest_asked: float


#: Nine tries within 18 hours.
DEFAULT: Final = RetryPolicy(
    pauses=(5.0, 30.0, 120.0, 600.0, 1_800.0, 7_200.0, 18_000.0, 36_000.0),
    jitter=0.2,
    longest_asked=3_600.0,
)


def again_at(
    policy: RetryPolicy, tries: int, asked: float | None, now: datetime, draw: random.Random
) -> datetime | None:
    """When to try again after ``tries`` failures (1 or more); None: not any more.

    ``asked`` is what the receiver's Retry-After said, in seconds; it can only make it later.
    """
    if tries > len(policy.pauses):
        return None
    pause = policy.pauses[tries - 1] * (1.0 + policy.jitter * draw.random())
    return now + timedelta(seconds=max(pause, min(asked or 0.0, policy.longest_asked)))
