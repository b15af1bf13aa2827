"""The log as a question sees it: every event exactly once, as of one instant of the store."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
from sqlalchemy import Connection

from segmind.db.engine import Store
from segmind.events import keys, names, reading, totals
from segmind.events.merges import Merges
from segmind.events.presence import files_with
from segmind.events.products import PRODUCT_COLUMNS
from segmind.events.rolled import Rolled
from segmind.events.rows import FEW_CUSTOMERS, Rows
from segmind.events.schema import EVENT_COLUMNS
from segmind.events.spans import Span
from segmind.events.vectors.opened import Opened
from segmind.events.vectors.vector import Vectors


@dataclass(frozen=True)
class LogSnapshot:
    """One consistent view of the log; it stays the same while the store moves on.

    ``version`` changes whenever an answer could change. ``zone`` is the workspace's: calendar days
    are its. ``incomplete`` names the files that are missing or damaged; the rest still answers.
    """

    version: str
    zone: ZoneInfo
    incomplete: tuple[str, ...]
    rows: Rows = field(repr=False)
    rolled: Rolled = field(repr=False)
    _products: pl.DataFrame = field(repr=False)
    _names: Mapping[str, int] = field(repr=False)

    def events(
        self,
        *,
        kinds: Collection[int] | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        columns: Sequence[str] | None = None,
        customers: Collection[int] | None = None,
    ) -> pl.LazyFrame:
        """The events in ``[since, until)`` as EVENT_COLUMNS (or these ``columns``), unordered.

        ``kinds``, and ``customers`` where they are few, let most of the files go unread.
        """
        wanted = list(columns) if columns is not None else list(EVENT_COLUMNS)
        of = None if customers is None else pl.Series("customer_id", list(customers), pl.Int64)
        rows = self.rows
        if of is not None and of.len() <= FEW_CUSTOMERS:
            rows = replace(rows, files=tuple(files_with(self.rolled, of)))
        return rows.scan([Span(since, until)], wanted, kinds=kinds, customers=of)

    def totals(
        self,
        kinds: Collection[int],
        *,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> pl.LazyFrame:
        """One row per customer and kind in ``[since, until)``.

        Columns: customer_id Int64, kind Int16, n, value, quantity (Int64, 0 where the events say
        nothing), first_ts, last_ts. ``kinds`` may hold the derived ones: a session counts at its
        first event in the whole log; an order counts at its first line, is worth its lines before
        ``until``, and belongs to the window only as a whole. See ``segmind.events.derive``.
        """
        return totals.totals(self.rolled, kinds, Span(since, until))

    def daily(
        self, kinds: Collection[int], *, since: datetime | None, until: datetime | None
    ) -> pl.LazyFrame:
        """``totals`` by calendar day in ``zone``: day Date, customer_id, kind, n, value, quantity.

        An order's value is in the row of the day on which the order started.
        """
        return totals.daily(self.rolled, kinds, Span(since, until))

    def session_starts(
        self, *, since: datetime | None = None, until: datetime | None = None
    ) -> pl.LazyFrame:
        """One row per session that starts in ``[since, until)``: customer_id, session_key, ts.

        ``session_key`` is null for a session that is told by its gaps.
        """
        span = Span(since, until)
        return totals.started_sessions(self.rolled, [] if span.is_empty else [span])

    def vectors(self, size: int) -> Vectors:
        """``totals`` as arrays by customer id, for ids below ``size``: what segments ask."""
        return Vectors(self.opened, size)

    @cached_property
    def opened(self) -> Opened:
        """The sessions that start after the last rolled day, worked out once for the snapshot."""
        return Opened(self.rolled)

    def products(self) -> pl.LazyFrame:
        """Every product: product_id Int32, external_id, name, category, brand, price Int64."""
        return self._products.lazy()

    def names(self) -> dict[str, int]:
        """Every event name with its code."""
        return dict(self._names)

    def of_customers(self, customers: Collection[int]) -> LogSnapshot:
        """The log as if nobody but these few customers had ever done anything, in memory."""
        theirs = self.events(customers=customers).collect()
        rows = Rows(files=(), recent=theirs, merges=Merges.none())
        return replace(self, rows=rows, rolled=Rolled.nothing(rows, self.zone))

    @cached_property
    def first_ts(self) -> datetime | None:
        """When the first event happened; None in an empty log."""
        bounds = [f.min_ts for f in self.rows.files]
        if self.rows.recent.height:
            bounds.append(self.rows.recent["ts"].min())  # type: ignore[arg-type]
        return min(bounds, default=None)

    @cached_property
    def last_ts(self) -> datetime | None:
        """When the last event happened; None in an empty log."""
        bounds = [f.max_ts for f in self.rows.files]
        if self.rows.recent.height:
            bounds.append(self.rows.recent["ts"].max())  # type: ignore[arg-type]
        return max(bounds, default=None)

    @classmethod
    def of(
        cls,
        events: pl.DataFrame,
        *,
        products: pl.DataFrame | None = None,
        names: Mapping[str, int] | None = None,
        zone: str = "UTC",
        merges: pl.DataFrame | None = None,
    ) -> LogSnapshot:
        """A log in memory, for tests and trials.

        Columns that ``events`` lacks are null; without event ids every row is an event of its own,
        with them a repeated one counts once.
        """
        pairs = Merges.none() if merges is None else Merges.of(merges)
        rows = Rows(files=(), recent=_completed(events), merges=pairs)
        its_zone = ZoneInfo(zone)
        return cls(
            version="in memory",
            zone=its_zone,
            incomplete=(),
            rows=rows,
            rolled=Rolled.nothing(rows, its_zone),
            _products=_as_products(products),
            _names=_STANDARD if names is None else names,
        )


def read(conn: Connection, store: Store, zone: ZoneInfo) -> LogSnapshot:
    """The log in ``conn``'s snapshot; ``conn`` must be in REPEATABLE READ.

    What did not change since the process last looked is not read again.
    """
    view = reading.read(conn, store, zone)
    return LogSnapshot(
        version=view.version,
        zone=zone,
        incomplete=view.incomplete,
        rows=view.rows,
        rolled=view.rolled,
        _products=view.products,
        _names=view.names,
    )


def _completed(events: pl.DataFrame) -> pl.DataFrame:
    unknown = set(events.columns) - set(EVENT_COLUMNS)
    if unknown:
        raise ValueError(f"Events have no column {sorted(unknown)[0]!r}.")
    if "event_hi" not in events.columns:
        hi, lo = keys.content_ids([np.arange(events.height, dtype=np.int64)])
        events = events.with_columns(event_hi=pl.Series(hi), event_lo=pl.Series(lo))
    full = events.select(
        (pl.col(name) if name in events.columns else pl.lit(None)).cast(kind).alias(name)
        for name, kind in EVENT_COLUMNS.items()
    ).with_columns(pl.col("received_at").fill_null(pl.col("ts")))
    return full.unique(subset=["event_hi", "event_lo"], keep="first", maintain_order=True)


def _as_products(products: pl.DataFrame | None) -> pl.DataFrame:
    if products is None:
        return pl.DataFrame(schema=PRODUCT_COLUMNS)
    return products.select(
        (pl.col(name) if name in products.columns else pl.lit(None)).cast(kind).alias(name)
        for name, kind in PRODUCT_COLUMNS.items()
    )


_STANDARD = names.STANDARD
