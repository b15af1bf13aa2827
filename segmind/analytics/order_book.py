"""Every order line and refund, as arrays that a period is cut out of.

An order depends on its customer's lines only. So settled orders hold as they are, except those of
customers who got lines or refunds since, or who were merged: theirs are put together anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from segmind.analytics.instants import as_micros
from segmind.customers.facts import Facts
from segmind.events import derive, held
from segmind.events.held import Held, Wanted
from segmind.events.schema import Kind

Ints = NDArray[np.int64]
_KEY: Final = ["customer_id", *derive.ORDER_KEY]
_COLUMNS: Final = ("customer_id", "ts", "kind", *derive.ORDER_KEY_SOURCES, "product_id", "value")

#: Answers that one version of the book remembers: a page asks for a period several times.
_ASKED_KEPT: Final = 4


@dataclass(frozen=True, eq=False)
class Sums:
    """Amounts in order of time. Instants are microseconds since 1970, UTC."""

    ts: Ints
    value: Ints

    @classmethod
    def of(cls, rows: pl.DataFrame) -> Sums:
        ordered = rows.select(as_micros("ts"), pl.col("value").fill_null(0)).sort("ts")
        return cls(ordered["ts"].to_numpy(), ordered["value"].to_numpy())

    def between(self, since: int, until: int) -> int:
        """The sum in ``[since, until)``."""
        low, high = np.searchsorted(self.ts, (since, until))
        return int(self.value[low:high].sum())


@dataclass(frozen=True, eq=False)
class Orders:
    """Orders in order of (ts, key), and what changed them after their first line, by time.

    ``orders``: customer_id, order_form, order_hi, order_lo, ts (microseconds), value (of all
    lines). ``later`` lines and refunds ``back`` name their order by its row.
    """

    orders: pl.DataFrame
    later: tuple[Ints, Ints, Ints]  # ts, row, value
    back: tuple[Ints, Ints, Ints]

    @classmethod
    def of(cls, lines: pl.DataFrame, refunds: pl.DataFrame) -> Orders:
        """``lines``: _KEY, ts and value, other columns are left aside; ``refunds`` that name an
        order: customer_id, order_key, ts, value."""
        made = (
            lines.group_by(_KEY)
            .agg(pl.col("ts").min(), pl.col("value").sum())
            .sort("ts", *_KEY)
            .with_row_index("row")
        )
        known = made.lazy().select(*_KEY, "row", pl.col("ts").alias("start"))
        later = lines.lazy().join(known, on=_KEY).filter(pl.col("ts") > pl.col("start"))
        by_id = known.filter(pl.col("order_form") == 0)
        back = refunds.lazy().join(
            by_id, left_on=["customer_id", "order_key"], right_on=["customer_id", "order_hi"]
        )
        return cls(made.drop("row").with_columns(as_micros("ts")), _changes(later), _changes(back))

    def made_in(self, since: int, until: int, as_of: int) -> pl.DataFrame:
        """The orders that start in ``[since, until)``: _KEY, ts, gross and refunded as of then."""
        ts = self.orders["ts"].to_numpy()
        low, high = (int(at) for at in np.searchsorted(ts, (since, until)))
        chosen = self.orders.slice(low, high - low)
        gross = chosen["value"].to_numpy().copy()
        _apply(gross, self.later, low, as_of, None, -1)
        refunded = np.zeros_like(gross)
        _apply(refunded, self.back, low, since, as_of, 1)
        return chosen.drop("value").with_columns(
            gross=pl.Series(gross), refunded=pl.Series(np.minimum(refunded, gross))
        )


@dataclass(frozen=True, eq=False)
class _Settled:
    """What is made of settled files; customers are those of the files."""

    orders: Orders
    lines: Sums
    refunds: Sums
    rows: pl.DataFrame  # _KEY, ts, product_id, value of lines; sorted by customer
    back: pl.DataFrame  # customer_id, order_key, ts, value of refunds that name an order


class OrderBook:
    """The orders, lines and refunds of one snapshot."""

    def __init__(self, source: Held[_Settled]) -> None:
        settled, fresh = source.settled, source.fresh
        lines, back = _lines(fresh), _back(fresh)
        touched = pl.concat(
            [lines["customer_id"], back["customer_id"], *source.merges.frame.get_columns()]
        ).unique()
        #: Order lines and refunds, in parts.
        self.lines = [settled.lines, _sums(fresh, Kind.ORDER_COMPLETED)]
        self.refunds = [settled.refunds, _sums(fresh, Kind.ORDER_REFUNDED)]
        self._settled = settled.orders
        self._rows = pl.concat([settled.rows, lines], rechunk=False)
        self._merges = source.merges
        self._asked: dict[tuple[int, int, int], pl.DataFrame] = {}
        is_touched = pl.col("customer_id").is_in(touched.implode())
        mapped = source.merges.mapped(pl.col("customer_id"))
        self._is_untouched = ~is_touched if touched.len() else pl.repeat(True, pl.len())
        self._anew = Orders.of(
            pl.concat([settled.rows.filter(is_touched), lines]).with_columns(mapped),
            pl.concat([settled.back.filter(is_touched), back]).with_columns(mapped),
        )

    def made_in(self, since: int, until: int, as_of: int) -> pl.DataFrame:
        """See ``Orders.made_in``; in no promised order."""
        asked = (since, until, as_of)
        if asked not in self._asked:
            made = [self._settled.made_in(*asked).filter(self._is_untouched)]
            if len(self._asked) >= _ASKED_KEPT:
                self._asked.clear()
            self._asked[asked] = pl.concat([*made, self._anew.made_in(*asked)])
        return self._asked[asked]

    def lines_of(self, customers: pl.Series, since: datetime, until: datetime) -> pl.DataFrame:
        """The lines in ``[since, until)`` of these customers (ids of now): _KEY, ts, product_id,
        value (0 where it is not known)."""
        theirs = pl.col("customer_id").is_in(self._merges.behind(customers).implode())
        within = pl.col("ts").is_between(since, until, closed="left")
        found = self._rows.filter(within, theirs)
        return found.with_columns(self._merges.mapped(pl.col("customer_id")))


def book(facts: Facts) -> OrderBook:
    """The order book of these facts, put together again only when orders or refunds came in."""
    source = held.held(facts.log.rows, _WANTED)
    return source.derived("order book", lambda: OrderBook(source))


def _prepare(rows: pl.DataFrame) -> _Settled:
    lines, back = _lines(rows).sort("customer_id"), _back(rows)
    return _Settled(
        orders=Orders.of(lines, back),
        lines=_sums(rows, Kind.ORDER_COMPLETED),
        refunds=_sums(rows, Kind.ORDER_REFUNDED),
        rows=lines,
        back=back,
    )


def _lines(rows: pl.DataFrame) -> pl.DataFrame:
    lines = rows.filter(pl.col("kind") == int(Kind.ORDER_COMPLETED))
    return lines.select(
        "customer_id", *derive.order_key(), "ts", "product_id", pl.col("value").fill_null(0)
    )


def _back(rows: pl.DataFrame) -> pl.DataFrame:
    named = (pl.col("kind") == int(Kind.ORDER_REFUNDED)) & pl.col("order_key").is_not_null()
    return rows.filter(named).select("customer_id", "order_key", "ts", pl.col("value").fill_null(0))


def _sums(rows: pl.DataFrame, kind: Kind) -> Sums:
    return Sums.of(rows.filter(pl.col("kind") == int(kind)))


def _changes(rows: pl.LazyFrame) -> tuple[Ints, Ints, Ints]:
    found = rows.select(as_micros("ts"), pl.col("row").cast(pl.Int64), "value").sort("ts").collect()
    ts, row, value = (found[name].to_numpy() for name in ("ts", "row", "value"))
    return ts, row, value


def _apply(
    to: Ints, changes: tuple[Ints, Ints, Ints], first: int, since: int, until: int | None, sign: int
) -> None:
    """Add the changes in ``[since, until)`` to the orders from row ``first`` on."""
    ts, row, value = changes
    low = int(np.searchsorted(ts, since))
    high = len(ts) if until is None else int(np.searchsorted(ts, until))
    at, by = row[low:high] - first, sign * value[low:high]
    inside = (at >= 0) & (at < len(to))
    np.add.at(to, at[inside], by[inside])


_WANTED: Final = Wanted(
    "orders and refunds",
    (int(Kind.ORDER_COMPLETED), int(Kind.ORDER_REFUNDED)),
    _COLUMNS,
    _prepare,
)
