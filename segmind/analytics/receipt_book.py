"""Every receipt of every message, as arrays in which a period's first receipts are a filter.

Each receipt knows when the same was last told of its message before. So it is the first one of a
period exactly if it lies in the period and the one before it does not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from segmind.analytics.instants import as_micros
from segmind.customers.facts import Facts
from segmind.events import held
from segmind.events.held import Held, Wanted
from segmind.events.schema import Kind

Ints = NDArray[np.int64]
#: Column of an answer: (kind of event, by a machine; None: either).
METRICS: Final[dict[str, tuple[Kind, bool | None]]] = {
    "sent": (Kind.MESSAGE_SENT, None),
    "delivered": (Kind.MESSAGE_DELIVERED, None),
    "bounced": (Kind.MESSAGE_BOUNCED, None),
    "opened": (Kind.MESSAGE_OPENED, False),
    "clicked": (Kind.MESSAGE_CLICKED, False),
    "unsubscribed": (Kind.MESSAGE_UNSUBSCRIBED, None),
    "complained": (Kind.MESSAGE_COMPLAINED, None),
    "machine_opened": (Kind.MESSAGE_OPENED, True),
    "machine_clicked": (Kind.MESSAGE_CLICKED, True),
}
_KINDS: Final = tuple(sorted({int(kind) for kind, _ in METRICS.values()}))
#: What a message belongs to.
_MAKER: Final = ["channel", "source_kind", "source_id"]
_NEVER: Final = np.iinfo(np.int64).min


@dataclass(frozen=True, eq=False)
class Receipts:
    """Receipts in order of time. ``maker``: row in ``makers`` (channel, source_kind, source_id);
    ``metric``: number in METRICS; ``before``: the instant of the one before, or the smallest
    number; ``customer``: the id in the files (0: none), in the smallest integers that hold it."""

    ts: Ints
    before: Ints
    message: Ints
    customer: NDArray[np.integer[Any]]
    metric: NDArray[np.int8]
    maker: NDArray[np.int32]
    makers: pl.DataFrame
    _by_message: NDArray[np.int32]  # rows in order of their message

    @classmethod
    def of(cls, rows: pl.DataFrame) -> Receipts:
        """``rows``: message_id (no null), customer_id, ts and metric (as here), and _MAKER."""
        makers = rows.select(_MAKER).unique(maintain_order=True).with_row_index("maker")
        same = (pl.col("message_id") == pl.col("message_id").shift(1)) & (
            pl.col("metric") == pl.col("metric").shift(1)
        )
        before = pl.when(same).then(pl.col("ts").shift(1)).otherwise(pl.lit(_NEVER))
        told = (
            rows.join(makers, on=_MAKER, how="left", nulls_equal=True)
            .select("message_id", "customer_id", "metric", "ts", pl.col("maker").cast(pl.Int32))
            .sort("message_id", "metric", "ts")
            .with_columns(before.fill_null(_NEVER).alias("before"))
            .sort("ts")
        )
        message = told["message_id"].to_numpy()
        return cls(
            ts=told["ts"].to_numpy(),
            before=told["before"].to_numpy(),
            message=message,
            customer=told["customer_id"].fill_null(0).shrink_dtype().to_numpy(),
            metric=told["metric"].to_numpy(),
            maker=told["maker"].to_numpy(),
            makers=makers.drop("maker"),
            _by_message=np.argsort(message, kind="stable").astype(np.int32),
        )

    def of_messages(self, messages: Ints) -> Receipts:
        """Only the receipts of these messages (ascending)."""
        rows = self._by_message
        low = np.searchsorted(self.message, messages, "left", sorter=rows)
        high = np.searchsorted(self.message, messages, "right", sorter=rows)
        spans = [rows[a:b] for a, b in zip(low, high, strict=True) if b > a]
        at = np.sort(np.concatenate(spans)) if spans else np.zeros(0, np.int32)
        message = self.message[at]
        return Receipts(
            self.ts[at],
            self.before[at],
            message,
            self.customer[at],
            self.metric[at],
            self.maker[at],
            self.makers,
            np.argsort(message, kind="stable").astype(np.int32),
        )

    def as_rows(self) -> pl.DataFrame:
        """What ``of`` takes."""
        told = pl.DataFrame(
            {
                "message_id": self.message,
                "customer_id": self.customer.astype(np.int64),
                "ts": self.ts,
                "metric": self.metric,
            }
        )
        return told.hstack(rows_of(self.makers, self.maker))


def rows_of(frame: pl.DataFrame, at: NDArray[np.integer[Any]]) -> pl.DataFrame:
    """The rows with these numbers, in their order."""
    return frame.select(pl.all().gather(pl.Series(at, dtype=pl.Int64)))


class ReceiptBook:
    """The receipts of one snapshot: parts whose counts are added (1) or taken away (-1)."""

    def __init__(self, source: Held[Receipts]) -> None:
        fresh = _told(source.fresh)
        # A message of which something new is known is put together anew.
        again = source.settled.of_messages(fresh["message_id"].unique().sort().to_numpy())
        anew = Receipts.of(pl.concat([again.as_rows(), fresh]))
        self.parts: tuple[tuple[int, Receipts], ...] = (
            (1, source.settled),
            (-1, again),
            (1, anew),
        )

    def __iter__(self) -> Iterator[tuple[int, Receipts]]:
        return iter(self.parts)


def book(facts: Facts) -> ReceiptBook:
    """The receipts of these facts, put together again only when receipts came in."""
    source = held.held(facts.log.rows, _WANTED)
    return source.derived("receipt book", lambda: ReceiptBook(source))


def _told(rows: pl.DataFrame) -> pl.DataFrame:
    """Receipts of messages with their metric, as ``Receipts.of`` takes them."""
    # Only opens and clicks are told apart by their maker; any other receipt counts once.
    by_machine = pl.col("machine").fill_null(value=False)
    metric = pl.lit(None, dtype=pl.Int8)
    for number, (kind, machine) in enumerate(METRICS.values()):
        is_it = pl.col("kind") == int(kind)
        if machine is not None:
            is_it = is_it & (by_machine == machine)
        metric = pl.when(is_it).then(pl.lit(number, dtype=pl.Int8)).otherwise(metric)
    return rows.filter(pl.col("message_id").is_not_null()).select(
        "message_id", "customer_id", as_micros("ts"), metric.alias("metric"), *_MAKER
    )


def _prepare(rows: pl.DataFrame) -> Receipts:
    return Receipts.of(_told(rows))


_WANTED: Final = Wanted(
    "receipts of messages",
    _KINDS,
    ("ts", "kind", "message_id", "customer_id", "machine", *_MAKER),
    _prepare,
)
