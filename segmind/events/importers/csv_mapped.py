"""Any CSV of events, its columns named by a mapping.

``columns`` maps these names to columns of the file, ``constants`` to one value for all rows:

    time          when it happened: ISO 8601 with or without zone, or Unix seconds or milliseconds
    event         its name; Segment's names and ours are known, others become custom events
    customer      the shop's id of the customer      (customer or anonymous is needed;
    anonymous     the browser's or guest's id         where a row has both, customer counts)
    event_id      the sender's id of the event; without it the content of all mapped columns decides
    session, order                  ids; rows of one order are its lines
    product, product_name, category, brand
    price         of one piece; quantity (1 if not given)
    value         the row's amount; without it quantity x price
    currency      ISO 4217
    country       of the customer
    zone          IANA zone of times that name none (a constant; UTC if not given)

``time``, ``event`` and one of ``customer``, ``anonymous`` are needed. Amounts are plain decimals
with a point; negative ones are rejected.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import polars as pl

from segmind.errors import InvalidInput
from segmind.events import keys, public_names
from segmind.events.importers import exact
from segmind.events.importers.format import (
    LONGEST_ID,
    check_columns,
    completed,
    reasons,
)
from segmind.events.schema import Kind

NAMES: Final = (
    "time",
    "event",
    "customer",
    "anonymous",
    "event_id",
    "session",
    "order",
    "product",
    "product_name",
    "category",
    "brand",
    "price",
    "quantity",
    "value",
    "currency",
    "country",
)
_ZONE: Final = "zone"
_SALT: Final = keys.key64("csv")
_NOTHING: Final = -1
_MILLISECONDS_FROM: Final = 100_000_000_000  # as seconds: the year 5138


class BadMapping(InvalidInput):
    """The column mapping is not valid."""

    code = "bad_mapping"
    hint = "Write --map NAME=COLUMN, with NAME one of: " + ", ".join(NAMES) + "."


class CsvMapped:
    """One run over files of one mapping."""

    name = "csv"

    def __init__(self, columns: Mapping[str, str], constants: Mapping[str, str]) -> None:
        """Raises BadMapping: unknown or missing names."""
        for name in (*columns, *constants):
            if name not in (*NAMES, _ZONE) or (name in columns and name in constants):
                raise BadMapping(f"{name!r} is unknown or given twice.", field=name)
        given = {*columns, *constants}
        for name in ("time", "event"):
            if name not in given:
                raise BadMapping(f"No column is given for {name}.", field=name)
        if not given & {"customer", "anonymous"}:
            raise BadMapping("No column is given for customer or anonymous.", field="customer")
        if _ZONE in columns:
            raise BadMapping("The zone is one for the whole file.", field=_ZONE)
        self._zone = _zone(constants.get(_ZONE, "UTC"))
        self._columns = dict(columns)
        self._constants = {k: v for k, v in constants.items() if k != _ZONE}
        self._events: Counter[str] = Counter()
        self._value = Decimal(0)

    def check(self, header: Sequence[str]) -> None:
        """Raises WrongColumns."""
        check_columns(sorted(set(self._columns.values())), header, self.name)

    def parsed(self, rows: pl.DataFrame) -> pl.DataFrame:
        """PARSED."""
        given = rows.select(self._text(name).alias(name) for name in NAMES)
        texts: dict[str, pl.Series] = {
            name: keys.keys64(given[name])
            for name in NAMES
            if name in self._columns or name in ("session", "order")
        }
        hi, lo = self._ids(given, texts)
        names = _canonical_names(given["event"])
        read = given.with_columns(
            _instant(pl.col("time"), self._zone).alias("ts"),
            pl.Series("name", names[0], dtype=pl.String),
            pl.Series("name_fault", names[1], dtype=pl.String),
            exact.millionths("price").alias("exact_price"),
            exact.millionths("value").alias("exact_value"),
            pl.col("quantity").str.strip_suffix(".0").cast(pl.Int32, strict=False).alias("count"),
            pl.Series("event_hi", hi),
            pl.Series("event_lo", lo),
            texts["session"].alias("session_key"),
            texts["order"].alias("order_key"),
        ).with_columns(
            pl.coalesce("exact_value", pl.col("exact_price") * pl.col("count").fill_null(1)).alias(
                "amount"
            )
        )
        read = read.with_columns(exact.minor_units(pl.col("amount")).alias("cents"))
        read = read.with_columns(reasons(read, _checks()))
        self._observe(read)
        known = pl.col("customer").is_not_null()
        parsed = read.with_columns(
            pl.coalesce("reason", "name_fault").alias("reason"),
            pl.coalesce("customer", "anonymous").alias("customer"),
            (~known).alias("is_anonymous"),
            exact.minor_units(pl.col("exact_price")).alias("price"),
            _quantity(),
            pl.col("cents").alias("value"),
            pl.col("currency").str.to_uppercase(),
        )
        return completed(parsed)

    def figures(self) -> Mapping[str, Any]:
        """Counts of all rows by event, and the exact sum of their amounts."""
        return {
            "events": dict(self._events.most_common(50)),
            "sum_of_values": exact.written(self._value),
        }

    def _text(self, name: str) -> pl.Expr:
        if name in self._constants:
            return pl.lit(self._constants[name], pl.String())
        if name not in self._columns:
            return pl.lit(None, pl.String())
        text = pl.col(self._columns[name]).str.strip_chars()
        return pl.when(text != "").then(text)

    def _ids(
        self, given: pl.DataFrame, texts: Mapping[str, pl.Series]
    ) -> tuple[pl.Series, pl.Series]:
        used = [name for name in NAMES if name in self._columns and name != "event_id"]
        hi, lo = keys.content_ids(
            [np.full(given.height, _SALT)]
            + [texts[name].fill_null(_NOTHING).to_numpy() for name in used]
        )
        if "event_id" not in self._columns:
            return pl.Series(hi), pl.Series(lo)
        named = keys.event_ids(given["event_id"].fill_null(""))
        has_one = given["event_id"].is_not_null()
        return (
            named[0].zip_with(has_one, pl.Series(hi)),
            named[1].zip_with(has_one, pl.Series(lo)),
        )

    def _observe(self, read: pl.DataFrame) -> None:
        for name, count in read["name"].drop_nulls().value_counts().iter_rows():
            self._events[str(name)] += count
        self._value += exact.total(read["amount"].drop_nulls())


def _zone(name: str) -> str:
    try:
        return ZoneInfo(name).key
    except (ZoneInfoNotFoundError, ValueError):
        raise BadMapping(f"{name!r} is no time zone.", field=_ZONE) from None


def _canonical_names(written: pl.Series) -> tuple[list[str | None], list[str | None]]:
    """Our names and, where there is none, why not; each different name is looked at once."""
    known: dict[str | None, tuple[str | None, str | None]] = {None: (None, "event is missing")}
    for name in written.drop_nulls().unique():
        try:
            known[name] = (public_names.canonical(name), None)
        except InvalidInput as refused:
            known[name] = (None, f"event: {refused.message}")
    found = [known[name] for name in written]
    return [name for name, _ in found], [fault for _, fault in found]


def _instant(text: pl.Expr, zone: str) -> pl.Expr:
    plain = text.str.replace(r" UTC$", "Z").str.replace(r"^(\S+) ", "${1}T")
    with_zone = plain.str.to_datetime(
        "%Y-%m-%dT%H:%M:%S%.f%#z", time_unit="us", time_zone="UTC", strict=False
    )
    local = pl.coalesce(
        plain.str.to_datetime(form, time_unit="us", strict=False)
        for form in ("%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M")
    )
    day = plain.str.to_date("%Y-%m-%d", strict=False).cast(pl.Datetime("us"))
    aware = (
        pl.coalesce(local, day)
        .dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
        .dt.convert_time_zone("UTC")
    )
    number = text.cast(pl.Int64, strict=False)
    micros = pl.when(number < _MILLISECONDS_FROM).then(number * 1_000_000).otherwise(number * 1_000)
    unix = pl.when(number.abs() < 10**14).then(micros).cast(pl.Datetime("us", "UTC"))
    return pl.coalesce(with_zone, aware, unix)


def _quantity() -> pl.Expr:
    """A cart or order line without quantity is one piece; other events have none."""
    lines = [k.event_name for k in (Kind.PRODUCT_ADDED, Kind.PRODUCT_REMOVED, Kind.ORDER_COMPLETED)]
    one = pl.when(pl.col("name").is_in(lines)).then(pl.lit(1, pl.Int32()))
    return pl.coalesce("count", one).alias("quantity")


def _checks() -> tuple[tuple[pl.Expr, str], ...]:
    def broken(name: str, parsed: str) -> pl.Expr:
        return pl.col(name).is_not_null() & pl.col(parsed).is_null()

    amount = pl.col("amount").is_not_null()
    ids = ("customer", "anonymous", "product")
    longest = [pl.col(name).str.len_bytes() > LONGEST_ID for name in ids]
    order = pl.col("name").is_in(["order_completed", "order_refunded"])
    return (
        (pl.col("time").is_null(), "time is missing"),
        (pl.col("ts").is_null(), "time is neither ISO 8601 nor Unix time"),
        (
            pl.col("customer").is_null() & pl.col("anonymous").is_null(),
            "customer is missing",
        ),
        (pl.any_horizontal(longest), f"an id is longer than {LONGEST_ID} bytes"),
        (broken("price", "exact_price"), "price is no decimal number"),
        (broken("value", "exact_value"), "value is no decimal number"),
        (broken("quantity", "count"), "quantity is no whole number"),
        (pl.col("exact_price") < 0, "price is negative"),
        (pl.col("exact_value") < 0, "value is negative"),
        (pl.col("count") < 0, "quantity is negative"),
        (amount & pl.col("cents").is_null(), "the amount is too large to be true"),
        (order & ~amount, "an order or refund without value or price"),
        (
            pl.col("currency").is_not_null() & ~pl.col("currency").str.contains(r"^[A-Za-z]{3}$"),
            "currency is no ISO 4217 code",
        ),
    )
