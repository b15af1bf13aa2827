"""What becomes of a message that nobody real receives: delivered or not, read, left alone.

A fate is drawn from the message's own id, so the same message always meets the same one. The
sandbox and the emulators draw from here.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from math import exp
from typing import Final
from uuid import UUID

from segmind.channels.channel import Channel
from segmind.channels.delivery import Word

#: How much faster than life people open and click: at 60, half of the openers within 40 seconds.
REHEARSAL_SPEED: Final = 60.0


@dataclass(frozen=True, slots=True)
class Habits:
    """Shares of the messages of a channel, and how long people take (at speed 1)."""

    hard: float
    soft: float
    opened: float  # of the delivered, by people
    machine: float  # of the delivered, by mail proxies, within seconds
    clicked: float  # of the delivered
    left: float  # of the delivered: unsubscribed, or STOP
    complained: float
    open_median: float = 2400.0  # seconds
    open_sigma: float = 1.3
    hard_reason: str = ""
    soft_reason: str = ""


HABITS: Final[dict[Channel, Habits]] = {
    Channel.EMAIL: Habits(
        0.015, 0.015, 0.28, 0.09, 0.08, 0.003, 0.0005,
        hard_reason="550 5.1.1 The e-mail account does not exist",
        soft_reason="452 4.2.2 The mailbox is full",
    ),
    Channel.SMS: Habits(
        0.015, 0.015, 0.0, 0.0, 0.08, 0.003, 0.0, open_median=900.0,
        hard_reason="Unknown destination handset",
        soft_reason="The handset is switched off",
    ),
    Channel.PUSH: Habits(
        0.015, 0.015, 0.12, 0.0, 0.08, 0.0, 0.0, open_median=600.0,
        hard_reason="The app was removed from the device",
        soft_reason="The device did not answer in time",
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happens to a message, ``seconds`` after it was accepted."""

    seconds: float
    word: Word
    machine: bool = False
    reason: str | None = None


def fate(message_id: UUID, habits: Habits, speed: float = REHEARSAL_SPEED) -> list[Step]:
    """Everything that happens to a message, in order of time; at least one step."""
    draw = random.Random(message_id.int)  # noqa: S311 - a fate, not a secret
    arrives = 0.4 + 1.5 * draw.random()
    luck = draw.random()
    if luck < habits.hard:
        return [Step(arrives, Word.BOUNCED_HARD, reason=habits.hard_reason)]
    if luck < habits.hard + habits.soft:
        return [Step(arrives, Word.BOUNCED_SOFT, reason=habits.soft_reason)]
    steps = [Step(arrives, Word.DELIVERED), *_afterwards(arrives, habits, draw, speed)]
    return sorted(steps, key=lambda step: step.seconds)


def _afterwards(
    arrives: float, habits: Habits, draw: random.Random, speed: float
) -> Iterator[Step]:
    machine, human, leaving, complaint = (draw.random() for _ in range(4))
    pause = habits.open_median * exp(habits.open_sigma * draw.gauss(0.0, 1.0)) / speed
    acts = arrives + 1.0 + min(pause, 3 * 86_400.0)
    reads = 1.0 + draw.expovariate(1 / 90.0) / speed
    if machine < habits.machine:
        yield Step(arrives + 0.5 + 3 * draw.random(), Word.OPENED, machine=True)
    seen = human < max(habits.opened, habits.clicked)
    if not seen:
        return
    if habits.opened:
        yield Step(acts, Word.OPENED)
    if human < habits.clicked:
        yield Step(acts + reads, Word.CLICKED)
    # Those who leave or complain have seen the message: their shares are of the delivered.
    share = max(habits.opened, habits.clicked)
    if leaving < habits.left / share:
        yield Step(acts + 2 * reads, Word.UNSUBSCRIBED)
    elif complaint < habits.complained / share:
        yield Step(acts + 2 * reads, Word.COMPLAINED)
