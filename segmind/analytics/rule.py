"""Attribution rules: which touches count for how long, and among which of them credit is shared."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

import numpy as np

from segmind.analytics.customer_numbers import Ints
from segmind.analytics.definition import Definition
from segmind.analytics.period import Period
from segmind.analytics.touches import LANES, Act, lane
from segmind.events.schema import Channel

ANY_CHANNEL: Final = (0, *(int(channel) for channel in Channel))
_MICROS: Final = timedelta(microseconds=1)


class Share(StrEnum):
    """Who gets how much of an order among the touches that count."""

    LAST = "last"
    FIRST = "first"
    LINEAR = "linear"
    POSITION = "position"
    DECAY = "decay"
    EACH_SOURCE = "each_source"  # all of it to every campaign or automation
    EACH_MESSAGE = "each_message"  # all of it to every message

    @property
    def adds_up(self) -> bool:
        """Whether no order is credited twice."""
        return self not in {Share.EACH_SOURCE, Share.EACH_MESSAGE}

    @property
    def words(self) -> str:
        return _SHARES[self]


_SHARES: Final[dict[Share, str]] = {
    Share.LAST: "the last touch gets all",
    Share.FIRST: "the first touch gets all",
    Share.LINEAR: "every message gets the same",
    Share.POSITION: "the first and the last message get 40% each, those between share 20%; two "
    "share half and half",
    Share.DECAY: "every message by its age: half as much for every 7 x 24 h, in whole hours",
    Share.EACH_SOURCE: "every campaign and automation gets all, so that an order counts several "
    "times",
    Share.EACH_MESSAGE: "every message gets all, so that an order counts several times",
}


@dataclass(frozen=True, slots=True)
class Window:
    """Touches of this kind count up to ``hours`` before the order. Channel 0: unknown."""

    act: Act
    hours: float
    channels: tuple[int, ...] = ANY_CHANNEL

    @property
    def micros(self) -> int:
        return timedelta(hours=self.hours) // _MICROS

    @property
    def words(self) -> str:
        """``email opened up to 5 days``."""
        names = [Channel(code).label for code in self.channels if code]
        whose = "" if len(self.channels) == len(ANY_CHANNEL) else f"{', '.join(names)} "
        return f"{whose}{self.act.name.lower()} up to {_span(self.hours)} before"


@dataclass(frozen=True, slots=True)
class Tier:
    """Touches among which an order is shared. ``most``: only the latest so many messages."""

    windows: tuple[Window, ...]
    share: Share
    most: int | None = None

    @property
    def lanes(self) -> Ints:
        """The longest age that counts by lane, in microseconds; -1: none does."""
        longest = np.full(LANES, -1, np.int64)
        for window in self.windows:
            for channel in window.channels:
                at = lane(channel, window.act)
                longest[at] = max(int(longest[at]), window.micros)
        return longest


@dataclass(frozen=True, slots=True)
class Rule:
    """The first of ``tiers`` that an order has touches for decides about all of it.

    ``source``: where the rule is described by those whose it is; empty: a rule of the field.
    """

    key: str
    name: str
    tiers: tuple[Tier, ...]
    source: str = ""
    note: str = ""

    @property
    def adds_up(self) -> bool:
        """Whether credited revenue can never exceed the orders' revenue."""
        return all(tier.share.adds_up for tier in self.tiers)

    @property
    def lanes(self) -> Ints:
        """The longest age that counts by lane in any tier, in microseconds; -1: none does."""
        return np.max([tier.lanes for tier in self.tiers], axis=0)  # type: ignore[no-any-return]

    @property
    def touches(self) -> str:
        """Which touches count, and for how long, in words."""
        parts = [" or ".join(window.words for window in tier.windows) for tier in self.tiers]
        return "; without any of these, ".join(parts)

    @property
    def sharing(self) -> str:
        """Who gets how much, in words."""
        words = []
        for tier in self.tiers:
            most = f" (the latest {tier.most} messages)" if tier.most else ""
            if (said := tier.share.words + most) not in words:
                words.append(said)
        return "; else ".join(words)

    def definition(self, period: Period) -> Definition:
        """The card of what the rule credits in a period."""
        once = "Each order is credited once or not at all."
        twice = "One order may be credited to several, so the sum can exceed the orders' revenue."
        return Definition(
            what=f"Net revenue of orders by the rule {self.name}: {self.sharing}. "
            f"{once if self.adds_up else twice}{' ' + self.note if self.note else ''}",
            window=f"{period.since.isoformat()} up to {period.until.isoformat()}, by the instant "
            f"of the order; {self.touches} (machines' opens and clicks never)",
            start_point="the instant of the touch; one at the order's own instant counts",
            tie_break="the later touch; of touches at one instant the message with the larger id; "
            "cents that cannot be shared go to the largest remainder, then to the later touch",
            zone=period.zone.key,
            as_of=period.until,
        )


def last_click(days: float = 5) -> Rule:
    """The last human click up to ``days`` x 24 hours before the order gets all of it."""
    windows = (Window(Act.CLICKED, 24 * days),)
    return Rule("last_click", "last click", (Tier(windows, Share.LAST),))


def _span(hours: float) -> str:
    days = hours / 24
    if hours >= 48 and days == int(days):
        return f"{days:.0f} days"
    return f"{hours:g} h"
