"""UCI Online Retail (also II): invoices of a British wholesaler, one line a row.

What becomes of a row:
- an invoice line with positive quantity and price: an order line (``order_completed``) of the order
  that the invoice is;
- a cancellation (InvoiceNo starts with C, quantity negative, price positive): a refund of its
  amount (``order_refunded``); the file does not say of which invoice;
- without CustomerID: the invoice's guest, an anonymous customer of its own per invoice, so that
  revenue totals hold and nobody is mistaken for another;
- adjustments of bad debt, stock corrections and rows without a price are no sales: rejected.
Times are taken as UTC (the file names no zone). A line is worth quantity x price, rounded half to
even to pence. Rows that are the same in every column are one event.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

import numpy as np
import polars as pl

from segmind.events import keys
from segmind.events.importers import exact
from segmind.events.importers.distinct import Distinct
from segmind.events.importers.format import (
    LONGEST_ID,
    check_columns,
    completed,
    reasons,
)
from segmind.events.schema import Kind

COLUMNS: Final = (
    "InvoiceNo",
    "StockCode",
    "Description",
    "Quantity",
    "InvoiceDate",
    "UnitPrice",
    "CustomerID",
    "Country",
)
_SALT: Final = keys.key64("online-retail")
_NOTHING: Final = -1
_CURRENCY: Final = "GBP"
_TIMES: Final = ("%Y-%m-%d %H:%M:%S", "%m/%d/%Y %H:%M", "%d/%m/%Y %H:%M:%S")
_LARGEST_QUANTITY: Final = 2**31 - 1


class OnlineRetail:
    """One run over a file of this shop."""

    name = "online-retail"

    def __init__(self) -> None:
        self._all = Decimal(0)
        self._by_fate = dict.fromkeys(("order_lines", "refunds", "rejected"), Decimal(0))
        self._counted = {name: Distinct() for name in ("invoices", "cancellations", "customers")}
        self._sales = _Sales()
        self._guests = Distinct()
        self._guest_rows = 0

    def check(self, header: Sequence[str]) -> None:
        """Raises WrongColumns."""
        check_columns(COLUMNS, header, self.name)

    def parsed(self, rows: pl.DataFrame) -> pl.DataFrame:
        """PARSED."""
        read = _read(rows)
        texts = {
            name: keys.keys64(rows[name])
            for name in ("InvoiceNo", "StockCode", "Description", "CustomerID", "Country")
        }
        hi, lo = keys.content_ids(
            [np.full(read.height, _SALT)]
            + [
                read[name].to_physical().cast(pl.Int64).fill_null(_NOTHING).to_numpy()
                for name in ("ts", "count", "millionths")
            ]
            + [text.fill_null(_NOTHING).to_numpy() for text in texts.values()]
        )
        read = read.with_columns(
            pl.Series("event_hi", hi),
            pl.Series("event_lo", lo),
            texts["InvoiceNo"].alias("order_key"),
            reasons(read, _CHECKS),
        )
        self._observe(read)
        refund = pl.col("is_cancellation")
        guest = pl.col("customer").is_null()
        parsed = read.select(
            "reason",
            "event_hi",
            "event_lo",
            "ts",
            pl.when(refund)
            .then(pl.lit(Kind.ORDER_REFUNDED.event_name))
            .otherwise(pl.lit(Kind.ORDER_COMPLETED.event_name))
            .alias("name"),
            pl.when(guest)
            .then(pl.concat_str(pl.lit("invoice:"), "InvoiceNo"))
            .otherwise("customer")
            .alias("customer"),
            guest.alias("is_anonymous"),
            pl.col("StockCode").alias("product"),
            pl.col("Description").str.strip_chars().alias("product_name"),
            exact.minor_units(pl.col("millionths")).alias("price"),
            "order_key",
            pl.col("count").abs().cast(pl.Int32, strict=False).alias("quantity"),
            pl.col("value"),
            pl.lit(_CURRENCY).alias("currency"),
            pl.col("Country").alias("country"),
        )
        return completed(parsed)

    def figures(self) -> Mapping[str, Any]:
        """Totals of the whole file in exact pounds, and of its sales: not cancelled, with customer,
        quantity and price above 0; before and after exact duplicate lines are removed.
        """
        return {
            "currency": _CURRENCY,
            "sum_of_quantity_x_price": exact.written(self._all),
            "of_which": {name: exact.written(part) for name, part in self._by_fate.items()},
            **{name: seen.count() for name, seen in self._counted.items()},
            "guest_invoices": self._guests.count(),
            "guest_rows_accepted_or_repeated": self._guest_rows,
            "sales": self._sales.figures(),
            "sales_without_duplicates": self._sales.without_duplicates(),
            "note": "Invoices without CustomerID are kept: each is an anonymous customer of its "
            "own, so that revenue totals hold.",
        }

    def _observe(self, read: pl.DataFrame) -> None:
        self._all += exact.total(read["amount"].drop_nulls())
        self._counted["invoices"].add(keys.keys64(read["InvoiceNo"]))
        self._counted["cancellations"].add(keys.keys64(read.filter("is_cancellation")["InvoiceNo"]))
        self._counted["customers"].add(keys.keys64(read["customer"]))
        fate = (
            pl.when(pl.col("reason").is_not_null())
            .then(pl.lit("rejected"))
            .when(pl.col("is_cancellation"))
            .then(pl.lit("refunds"))
            .otherwise(pl.lit("order_lines"))
        )
        for (name,), part in read.group_by(fate.alias("fate")):
            self._by_fate[str(name)] += exact.total(part["amount"].drop_nulls())
        kept = read.filter(pl.col("reason").is_null())
        guests = kept.filter(pl.col("customer").is_null())
        self._guests.add(keys.keys64(guests["InvoiceNo"]))
        self._guest_rows += guests.height
        self._sales.add(kept.filter(~pl.col("is_cancellation") & pl.col("customer").is_not_null()))


class _Sales:
    """The rows that are sales to a known customer; few enough to be kept until the end."""

    def __init__(self) -> None:
        self._parts: list[pl.DataFrame] = []

    def add(self, rows: pl.DataFrame) -> None:
        columns = ["event_hi", "event_lo", "customer", "InvoiceNo", "amount"]
        self._parts.append(rows.select(columns))

    def figures(self) -> dict[str, Any]:
        return _totals(pl.concat(self._parts)) if self._parts else {}

    def without_duplicates(self) -> dict[str, Any]:
        if not self._parts:
            return {}
        return _totals(pl.concat(self._parts).unique(["event_hi", "event_lo"]))


def _totals(sales: pl.DataFrame) -> dict[str, Any]:
    return {
        "rows": sales.height,
        "customers": sales["customer"].n_unique(),
        "invoices": sales["InvoiceNo"].n_unique(),
        "value": exact.written(exact.total(sales["amount"])),
    }


def _read(rows: pl.DataFrame) -> pl.DataFrame:
    time = pl.col("InvoiceDate")
    count = pl.col("Quantity").cast(pl.Int64, strict=False)
    return (
        rows.with_columns(
            pl.coalesce(time.str.to_datetime(form, time_unit="us", strict=False) for form in _TIMES)
            .dt.replace_time_zone("UTC")
            .alias("ts"),
            pl.when(count.abs() <= _LARGEST_QUANTITY).then(count).alias("count"),
            exact.millionths("UnitPrice").alias("exact_price"),
            pl.col("CustomerID").str.strip_suffix(".0").alias("customer"),
            pl.col("InvoiceNo").str.starts_with("C").fill_null(False).alias("is_cancellation"),
        )
        .with_columns(
            (pl.col("exact_price") * pl.col("count")).alias("amount"),
            pl.col("exact_price").cast(pl.Int64, strict=False).alias("millionths"),
        )
        .with_columns(exact.minor_units(pl.col("amount").abs()).alias("value"))
    )


_CANCELLED: Final = pl.col("is_cancellation")
_CHECKS: Final = (
    (pl.col("InvoiceNo").is_null(), "InvoiceNo is missing"),
    (pl.col("StockCode").is_null(), "StockCode is missing"),
    (
        pl.any_horizontal(
            pl.col(name).str.len_bytes() > LONGEST_ID
            for name in ("InvoiceNo", "StockCode", "CustomerID")
        ),
        f"an id is longer than {LONGEST_ID} bytes",
    ),
    (pl.col("ts").is_null(), "InvoiceDate is no time such as 2010-12-01 08:26:00"),
    (pl.col("count").is_null(), "Quantity is no whole number"),
    (pl.col("millionths").is_null(), "UnitPrice is no decimal number"),
    (pl.col("InvoiceNo").str.starts_with("A"), "an adjustment of bad debt, not a sale"),
    (pl.col("millionths") < 0, "UnitPrice is negative"),
    (pl.col("count") == 0, "Quantity is 0"),
    (
        (pl.col("millionths") == 0) & (pl.col("count") < 0),
        "a stock correction without price, not a sale",
    ),
    (pl.col("millionths") == 0, "UnitPrice is 0: a gift, sample or note, not a sale"),
    (_CANCELLED & (pl.col("count") > 0), "a cancellation with positive Quantity"),
    (~_CANCELLED & (pl.col("count") < 0), "Quantity is negative, but it is no cancellation"),
    (pl.col("value").is_null(), "Quantity x UnitPrice is too large to be true"),
)
