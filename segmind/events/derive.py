"""Sessions and orders: what they are, told once, over any part of the log.

A session is a customer's ``session_key``; his shop events without one form sessions of their own,
parted by gaps of more than 30 minutes. It counts at its first event. An order is a customer's
``order_key``; lines without one belong to their session; a line without either is an order by
itself. It counts at its first line, and is worth its lines.

Whether something starts in a span depends on what came before, wherever that lies, and never on
what comes after: an answer as of a moment is the same for ever.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Final, Protocol
from zoneinfo import ZoneInfo

import polars as pl

from segmind.events.schema import FIRST_CUSTOM_CODE, SESSION_GAP_SECONDS, Kind
from segmind.events.spans import Span, any_holds, day_of, minus

GAP: Final = timedelta(seconds=SESSION_GAP_SECONDS)
#: Shop events: messages and memberships belong to no session, custom events do.
IN_SESSION: Final = (pl.col("kind") < Kind.MESSAGE_SENT) | (pl.col("kind") >= FIRST_CUSTOM_CODE)
ORDER_KEY: Final = ("order_form", "order_hi", "order_lo")
#: The columns of a line from which ``order_key`` makes it.
ORDER_KEY_SOURCES: Final = ("order_key", "session_key", "event_hi", "event_lo")


class Log(Protocol):
    """Anything that hands out events of spans of time, merged customers already mapped."""

    def scan(
        self,
        spans: Sequence[Span],
        columns: Sequence[str],
        *,
        kinds: Collection[int] | None = None,
        customers: pl.Series | None = None,
    ) -> pl.LazyFrame: ...


def session_starts(
    log: Log,
    spans: Sequence[Span],
    customers: pl.Series | None = None,
    elsewhere: pl.LazyFrame | None = None,
) -> pl.LazyFrame:
    """One row per session that starts in ``spans``: customer_id, session_key (null: by gap), ts.

    ``customers`` narrows it to these; ``spans`` are in order of time and do not overlap.
    ``elsewhere`` (customer_id, session_key, ts) tells what keyed sessions did in the past outside
    the spans, for callers that know it without reading every row.
    """
    outside = _elsewhere(spans)
    if outside and elsewhere is None:
        elsewhere = keyed(log, outside, customers)
    starts = keyed_starts(keyed(log, spans, customers), elsewhere if outside else None)
    return pl.concat([starts, gap_starts(log, spans, customers)])


def keyed(log: Log, spans: Sequence[Span], customers: pl.Series | None = None) -> pl.LazyFrame:
    """The shop events in ``spans`` that have a session key: customer_id, session_key, ts."""
    columns = ("customer_id", "session_key", "ts", "kind")
    rows = log.scan(spans, columns, customers=customers)
    return rows.filter(IN_SESSION, pl.col("session_key").is_not_null()).drop("kind")


def order_parts(
    log: Log,
    spans: Sequence[Span],
    customers: pl.Series | None = None,
    by_day_of: ZoneInfo | None = None,
    elsewhere: pl.LazyFrame | None = None,
) -> pl.LazyFrame:
    """One row per order that has lines in ``spans``: customer_id, ORDER_KEY, start, n, value,
    quantity.

    ``start`` is the order's first line in the whole log; n is 1 where that lies in ``spans``, else
    0; value and quantity sum the lines in ``spans``. ``by_day_of``: one row per order and calendar
    day in that zone, with its ``day``, and n is 1 on the day of the start. ``elsewhere``
    (customer_id, ORDER_KEY, ts) tells of orders that had lines in the past outside the spans when
    they started, for callers that know it without reading every line.
    """
    key = ["customer_id", *ORDER_KEY]
    bucket = [] if by_day_of is None else ["day"]
    lines = order_lines(log, spans, customers)
    if by_day_of is not None:
        lines = lines.with_columns(day_of(pl.col("ts"), by_day_of).alias("day"))
    parts = lines.group_by(*key, *bucket).agg(
        pl.col("ts").min(), pl.col("value").sum(), pl.col("quantity").sum()
    )
    first = pl.col("ts").min().over(key) if bucket else pl.col("ts")
    parts = parts.with_columns(first.alias("start"))
    outside = _elsewhere(spans)
    if outside:
        others = order_lines(log, outside, customers) if elsewhere is None else elsewhere
        known = others.join(parts.select(key), on=key, how="semi")
        earlier = known.group_by(key).agg(pl.col("ts").min().alias("earlier"))
        parts = parts.join(earlier, on=key, how="left").with_columns(
            pl.min_horizontal("start", "earlier").alias("start")
        )
    return parts.select(
        *key,
        *bucket,
        "start",
        (pl.col("ts") == pl.col("start")).cast(pl.Int64).alias("n"),
        "value",
        "quantity",
    )


def keyed_starts(acts: pl.LazyFrame, elsewhere: pl.LazyFrame | None) -> pl.LazyFrame:
    """Where the sessions of ``acts`` start, unless they did so ``elsewhere`` before.

    Both, and the answer, have customer_id, session_key (not null) and ts.
    """
    key = ["customer_id", "session_key"]
    firsts = acts.group_by(key).agg(pl.col("ts").min())
    if elsewhere is not None:
        known = elsewhere.join(firsts, on=key, how="semi")
        earlier = known.group_by(key).agg(pl.col("ts").min().alias("earlier"))
        firsts = firsts.join(earlier, on=key, how="left").filter(
            pl.col("earlier").is_null() | (pl.col("earlier") > pl.col("ts"))
        )
    return firsts.select("customer_id", "session_key", "ts")


def gap_starts(log: Log, spans: Sequence[Span], customers: pl.Series | None = None) -> pl.LazyFrame:
    """Where sessions without a key start in ``spans``: customer_id, session_key (null), ts."""
    # The half hour before a span decides whether its first events go on with a session.
    widened = [Span(s.since - GAP if s.since else None, s.until) for s in spans]
    columns = ("customer_id", "session_key", "ts", "kind")
    rows = log.scan(widened, columns, customers=customers)
    acts = rows.filter(IN_SESSION, pl.col("session_key").is_null())
    acts = acts.drop("kind").sort("customer_id", "ts")
    goes_on = (pl.col("customer_id") == pl.col("customer_id").shift(1)) & (
        pl.col("ts") - pl.col("ts").shift(1) <= GAP
    )
    starts = acts.filter(~goes_on.fill_null(False))
    return starts.filter(any_holds(spans, pl.col("ts")))


def order_lines(
    log: Log, spans: Sequence[Span], customers: pl.Series | None = None
) -> pl.LazyFrame:
    """The lines of orders in ``spans``: customer_id, ts, ORDER_KEY, value, quantity.

    Lines of one order share customer_id and ORDER_KEY (``order_form`` 0: by order id, 1: by
    session, 2: the line itself).
    """
    columns = ("customer_id", "ts", *ORDER_KEY_SOURCES, "value", "quantity")
    lines = log.scan(spans, columns, kinds=(Kind.ORDER_COMPLETED,), customers=customers)
    return lines.select(
        "customer_id", "ts", *order_key(), pl.col("value"), pl.col("quantity").cast(pl.Int64)
    )


def order_key() -> list[pl.Expr]:
    """ORDER_KEY, never null, out of ORDER_KEY_SOURCES: whose order a line is part of."""
    has_order = pl.col("order_key").is_not_null()
    has_session = pl.col("session_key").is_not_null()
    form = pl.when(has_order).then(0).when(has_session).then(1).otherwise(2)
    return [
        form.cast(pl.Int8).alias("order_form"),
        pl.coalesce("order_key", "session_key", "event_hi").alias("order_hi"),
        pl.when(form == 2).then("event_lo").otherwise(0).alias("order_lo"),
    ]


def _elsewhere(spans: Sequence[Span]) -> list[Span]:
    """All of the past of the last span that lies in none of them."""
    return minus(Span(None, spans[-1].until), spans) if spans else []
