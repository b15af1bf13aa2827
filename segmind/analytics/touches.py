"""What may have led to an order: deliveries, human opens and human clicks of messages, by time.

Kept as arrays of whole days, each with a fingerprint that changes whenever a touch of that day
does, wherever its row lies. Opens and clicks that a machine made are no touches.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from segmind.analytics.customer_numbers import Ints, Moved, is_among
from segmind.analytics.instants import as_micros
from segmind.customers.facts import Facts
from segmind.events import held
from segmind.events.held import Held, Wanted
from segmind.events.schema import Kind

DAY: Final = 86_400_000_000  # microseconds; days of keeping are those of UTC


class Act(IntEnum):
    """What a touch is, the deeper the larger."""

    DELIVERED = 0
    OPENED = 1
    CLICKED = 2


ACTS: Final = len(Act)
#: Channel 0: a message whose channel nobody told.
LANES: Final = 4 * ACTS
_KINDS: Final[dict[int, Act]] = {
    int(Kind.MESSAGE_DELIVERED): Act.DELIVERED,
    int(Kind.MESSAGE_OPENED): Act.OPENED,
    int(Kind.MESSAGE_CLICKED): Act.CLICKED,
}


def lane(channel: int, act: Act) -> int:
    """The number under which touches of a channel (0: unknown) and act are found."""
    return channel * ACTS + int(act)


@dataclass(frozen=True, eq=False)
class Touches:
    """Touches in order of time, unless it is said otherwise.

    ``ts``: microseconds since 1970. ``maker``: see ``maker_columns``.
    """

    ts: Ints
    customer: Ints
    message: Ints
    lane: NDArray[np.int8]
    maker: Ints

    @classmethod
    def of(cls, rows: pl.DataFrame) -> Touches:
        """``rows`` of the log, as ``_WANTED`` names their columns."""
        human = (pl.col("kind") == int(Kind.MESSAGE_DELIVERED)) | ~pl.col("machine").fill_null(
            value=False
        )
        act = pl.col("kind").replace_strict(
            {kind: int(act) for kind, act in _KINDS.items()}, return_dtype=pl.Int8, default=None
        )
        told = (
            rows.lazy()
            .filter(human, pl.col("message_id").is_not_null())
            .select(
                as_micros("ts"),
                "customer_id",
                "message_id",
                (pl.col("channel").fill_null(0) * ACTS + act).cast(pl.Int8).alias("lane"),
                (
                    (pl.col("source_id").fill_null(-1) + 1) * 8 + pl.col("source_kind").fill_null(0)
                ).alias("maker"),
            )
            .sort("ts")
            .collect()
        )
        ts, customer, message, number, maker = (told[name].to_numpy() for name in told.columns)
        return cls(ts, customer, message, number, maker)

    def __len__(self) -> int:
        return len(self.ts)

    def between(self, since: int, until: int) -> slice:
        low, high = np.searchsorted(self.ts, (since, until))
        return slice(int(low), int(high))

    def take(self, at: slice | Ints, customer: Ints | None = None) -> Touches:
        """Those at ``at``; ``customer`` stands for theirs."""
        own = self.customer[at] if customer is None else customer
        return Touches(self.ts[at], own, self.message[at], self.lane[at], self.maker[at])

    def and_then(self, *others: Touches) -> Touches:
        """These and the others, one after the other."""
        every = (self, *others)
        return Touches(
            np.concatenate([each.ts for each in every]),
            np.concatenate([each.customer for each in every]),
            np.concatenate([each.message for each in every]),
            np.concatenate([each.lane for each in every]),
            np.concatenate([each.maker for each in every]),
        )

    def prints(self, customer: Ints | None = None) -> NDArray[np.uint64]:
        """A number for each touch, the same for the same touch."""
        own = self.customer if customer is None else customer
        mixed = np.zeros(len(own), np.uint64)
        for column, factor in (
            (self.ts, 0x9E3779B97F4A7C15),
            (own, 0xC2B2AE3D27D4EB4F),
            (self.message, 0x165667B19E3779F9),
            (self.lane.astype(np.int64), 0x27D4EB2F165667C5),
            (self.maker, 0x85EBCA77C2B2AE63),
        ):
            mixed ^= column.view(np.uint64) * np.uint64(factor)
            mixed *= np.uint64(0xFF51AFD7ED558CCD)
            mixed ^= mixed >> np.uint64(32)
        return mixed

    def by_day(self, prints: NDArray[np.uint64]) -> dict[int, int]:
        """The sum of ``prints`` (one for each touch) by day since 1970."""
        days = self.ts // DAY
        firsts = np.flatnonzero(np.diff(days, prepend=days[0] - 1)) if len(days) else days
        sums = np.add.reduceat(prints, firsts) if len(days) else prints
        return dict(zip(days[firsts].tolist(), sums.tolist(), strict=True))


@dataclass(frozen=True, eq=False)
class _Settled:
    touches: Touches
    days: dict[int, int]


class TouchBook:
    """The touches of one snapshot, merged customers under their present id."""

    def __init__(self, source: Held[_Settled]) -> None:
        self._settled = source.settled.touches
        self._moved = Moved(source.merges)
        raw = Touches.of(source.fresh)
        self._fresh = raw.take(slice(None), self._moved.mapped(raw.customer))
        self._prints = dict(source.settled.days)
        self._add(self._fresh.by_day(self._fresh.prints()))
        moved = self._settled.take(self._moved.places(self._settled.customer))
        if len(moved):
            now = moved.prints(self._moved.mapped(moved.customer)) - moved.prints()
            self._add(moved.by_day(now))

    def _add(self, prints: dict[int, int]) -> None:
        for day, number in prints.items():
            self._prints[day] = (self._prints.get(day, 0) + number) % 2**64

    def print_of(self, day: int) -> int:
        """A number that stands for all touches of this UTC day; 0: there are none."""
        return self._prints.get(day, 0)

    def of(self, customers: Ints, since: int, until: int, lanes: NDArray[np.bool_]) -> Touches:
        """The touches of these customers in ``[since, until)`` in the chosen lanes, in no order."""
        part = self._settled.between(since, until)
        at = np.flatnonzero(lanes[self._settled.lane[part]]) + part.start
        own = self._moved.mapped(self._settled.customer[at])
        among = np.flatnonzero(is_among(own, customers))
        old = self._settled.take(at[among], own[among])
        part = self._fresh.between(since, until)
        chosen = lanes[self._fresh.lane[part]] & is_among(self._fresh.customer[part], customers)
        fresh = self._fresh.take(np.flatnonzero(chosen) + part.start)
        return old.and_then(fresh) if len(fresh) else old


def maker_columns(maker: Ints) -> list[pl.Series]:
    """``source_kind`` Int8 and ``source_id`` Int64 of these makers, null where nobody told."""
    kind, number = pl.Series("source_kind", maker & 7), pl.Series("source_id", (maker >> 3) - 1)
    frame = pl.DataFrame([kind, number]).select(
        pl.when(pl.col("source_kind") > 0).then("source_kind").cast(pl.Int8).alias("source_kind"),
        pl.when(pl.col("source_id") >= 0).then("source_id").alias("source_id"),
    )
    return frame.get_columns()


def book(facts: Facts) -> TouchBook:
    """The touches of these facts, put together again only when receipts came in."""
    source = held.held(facts.log.rows, _WANTED)
    return source.derived("touch book", lambda: TouchBook(source))


def _prepare(rows: pl.DataFrame) -> _Settled:
    touches = Touches.of(rows)
    return _Settled(touches, touches.by_day(touches.prints()))


_WANTED: Final = Wanted(
    "touches",
    tuple(sorted(_KINDS)),
    ("customer_id", "ts", "kind", "channel", "message_id", "source_kind", "source_id", "machine"),
    _prepare,
)
