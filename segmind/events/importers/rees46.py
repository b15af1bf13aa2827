"""REES46 multi-category store: views, cart changes and purchases, one month a file.

A purchase row is one order line without an order id, so an order is what a session bought. Prices
are of one piece. ``category_id`` is not kept: its 19 digits name what ``category_code`` says in
words. Rows that are the same in time, type, product, price, user and session are one event.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

import numpy as np
import polars as pl

from segmind.events import keys
from segmind.events.importers import exact
from segmind.events.importers.distinct import Distinct
from segmind.events.importers.format import check_columns, completed, reasons
from segmind.events.schema import Kind

COLUMNS: Final = (
    "event_time",
    "event_type",
    "product_id",
    "category_id",
    "category_code",
    "brand",
    "price",
    "user_id",
    "user_session",
)
_NAMES: Final = {
    "view": Kind.PRODUCT_VIEWED.event_name,
    "cart": Kind.PRODUCT_ADDED.event_name,
    "remove_from_cart": Kind.PRODUCT_REMOVED.event_name,
    "purchase": Kind.ORDER_COMPLETED.event_name,
}
_WORDS: Final = pl.Enum(list(_NAMES))
_EVENT: Final = pl.Enum(list(_NAMES.values()))
_SALT: Final = keys.key64("rees46")
_NOTHING: Final = -1  # stands for "no session" and for what is rejected anyway
_CODES: Final = np.array([*(Kind[n.upper()] for n in _NAMES.values()), _NOTHING], dtype=np.int64)


class Rees46:
    """One run over files of this store."""

    name = "rees46"

    def __init__(self) -> None:
        self._types: Counter[str] = Counter()
        self._revenue = Decimal(0)
        self._rows_without = Counter({"session": 0, "category": 0, "brand": 0})
        self._users = Distinct()
        self._sessions = Distinct()

    def check(self, header: Sequence[str]) -> None:
        """Raises WrongColumns."""
        check_columns(COLUMNS, header, self.name)

    def parsed(self, rows: pl.DataFrame) -> pl.DataFrame:
        """PARSED. A view's value is the price that was seen."""
        read = rows.with_columns(
            pl.col("event_time")
            .str.to_datetime("%Y-%m-%d %H:%M:%S UTC", time_unit="us", strict=False)
            .dt.replace_time_zone("UTC")
            .alias("ts"),
            pl.col("event_type").cast(_WORDS, strict=False).alias("word"),
            pl.col("product_id").cast(pl.Int64, strict=False).alias("product_number"),
            pl.col("user_id").cast(pl.Int64, strict=False).alias("user_number"),
            exact.millionths("price").cast(pl.Int64, strict=False).alias("millionths"),
            keys.keys64(rows["user_session"]).alias("session_key"),
        )
        self._observe(read)
        word = read["word"].to_physical()
        hi, lo = keys.content_ids(
            [
                np.full(read.height, _SALT),
                _numbers(read["ts"]),
                _CODES[word.fill_null(len(_NAMES)).to_numpy()],
                _numbers(read["product_number"]),
                _numbers(read["millionths"]),
                _numbers(read["user_number"]),
                _numbers(read["session_key"]),
            ]
        )
        cents = exact.minor_units(pl.col("millionths"))
        parsed = read.select(
            reasons(read, _CHECKS),
            pl.Series("event_hi", hi),
            pl.Series("event_lo", lo),
            "ts",
            word.cat.to(_EVENT).alias("name"),
            pl.col("user_id").alias("customer"),
            pl.lit(False).alias("is_anonymous"),
            pl.col("product_id").alias("product"),
            pl.col("category_code").alias("category"),
            "brand",
            cents.alias("price"),
            "session_key",
            pl.when(pl.col("word") != "view").then(1).alias("quantity"),
            cents.alias("value"),
        )
        return completed(parsed)

    def figures(self) -> Mapping[str, Any]:
        """Counts of all rows, repeated and rejected ones included."""
        return {
            "types": dict(self._types.most_common()),
            "users": self._users.count(),
            "sessions": self._sessions.count(),
            "purchase_revenue": exact.written(self._revenue),
            "rows_without": dict(self._rows_without),
        }

    def _observe(self, read: pl.DataFrame) -> None:
        for word, count in read["word"].drop_nulls().value_counts().iter_rows():
            self._types[str(word)] += count
        for word, count in (
            read.filter(pl.col("word").is_null())["event_type"].value_counts().iter_rows()
        ):
            self._types[str(word)] += count
        bought = read.filter(pl.col("word") == "purchase")["millionths"].drop_nulls()
        self._revenue += exact.total(bought)
        self._users.add(read["user_number"])
        self._sessions.add(read["session_key"])
        for word, column in (
            ("session", "user_session"),
            ("category", "category_code"),
            ("brand", "brand"),
        ):
            self._rows_without[word] += read[column].null_count()


def _numbers(column: pl.Series) -> np.ndarray[Any, np.dtype[np.int64]]:
    return column.to_physical().fill_null(_NOTHING).to_numpy()


_CHECKS: Final = (
    (pl.col("ts").is_null(), "event_time is no time such as 2019-11-01 00:00:00 UTC"),
    (pl.col("word").is_null(), "event_type is none of view, cart, remove_from_cart, purchase"),
    (pl.col("user_id").is_null(), "user_id is missing"),
    (pl.col("user_number").is_null(), "user_id is no whole number"),
    (pl.col("product_id").is_null(), "product_id is missing"),
    (pl.col("product_number").is_null(), "product_id is no whole number"),
    (pl.col("price").is_null(), "price is missing"),
    (pl.col("millionths").is_null(), "price is no decimal number"),
    (pl.col("millionths") < 0, "price is negative"),
)
