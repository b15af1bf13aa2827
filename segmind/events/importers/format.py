"""What a format of files has to say: its columns, what a row means, and what is worth reporting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

import polars as pl

from segmind.errors import InvalidInput
from segmind.events.schema import UTC_INSTANT

#: What a format makes of its rows, one for one. Where ``reason`` is not null the row is rejected
#: for it and the other columns mean nothing.
PARSED: Final[dict[str, pl.DataType]] = {
    "reason": pl.String(),
    "event_hi": pl.Int64(),  # the same for the same content, for ever
    "event_lo": pl.Int64(),
    "ts": UTC_INSTANT,
    "name": pl.String(),  # the event's
    "customer": pl.String(),  # the shop's id of the customer
    "is_anonymous": pl.Boolean(),  # the id is a browser's or a guest's
    "product": pl.String(),  # the shop's id of the product
    "product_name": pl.String(),
    "category": pl.String(),
    "brand": pl.String(),
    "price": pl.Int64(),  # minor units
    "session_key": pl.Int64(),
    "order_key": pl.Int64(),
    "quantity": pl.Int32(),
    "value": pl.Int64(),  # minor units
    "currency": pl.String(),
    "country": pl.String(),  # of the customer
}

#: In bytes: what an index can hold with room to spare.
LONGEST_ID: Final = 240


class WrongColumns(InvalidInput):
    """The file has not the columns of this format."""

    code = "wrong_columns"


class Format(Protocol):
    """One format, for one run: it counts what it has seen."""

    @property
    def name(self) -> str:
        """How it is called on the command line."""
        ...

    def check(self, header: Sequence[str]) -> None:
        """Refuse a file before anything is written.

        Raises:
            WrongColumns: naming the columns that are missing.
        """
        ...

    def parsed(self, rows: pl.DataFrame) -> pl.DataFrame:
        """PARSED for rows of texts under the header's names, row by row."""
        ...

    def figures(self) -> Mapping[str, Any]:
        """What was seen in all rows so far, accepted or not; JSON-able, money as exact text."""
        ...


def check_columns(needed: Sequence[str], header: Sequence[str], format_name: str) -> None:
    """Raise WrongColumns unless the header has every needed column, each once."""
    missing = [name for name in needed if name not in header]
    if missing:
        raise WrongColumns(
            f"Not a file of format {format_name}: column {', '.join(missing)} missing.",
            hint=f"The file has: {_printable(', '.join(header))}.",
            field=missing[0],
        )
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise WrongColumns(f"The file has column {twice[0]} more than once.", field=twice[0])


def _printable(text: str) -> str:
    """The beginning of a text that may come from anything; terminals obey control characters."""
    shown = "".join(sign if sign.isprintable() else "?" for sign in text[:300])
    return shown if len(text) <= 300 else f"{shown} ..."


def reasons(rows: pl.DataFrame, checks: Sequence[tuple[pl.Expr, str]]) -> pl.Series:
    """For each row the text of the first check whose condition is true; null where none is.

    Made for rows that are nearly all good: texts are only put where something is wrong.
    """
    found = rows.select(condition.fill_null(False).alias(text) for condition, text in checks)
    bad = found.select(pl.any_horizontal(pl.all()).alias("reason")).to_series()
    wrong = found.filter(bad)
    first: Any = pl
    for text in found.columns:
        first = first.when(pl.col(text)).then(pl.lit(text))
    told = wrong.select(first.alias("reason")).to_series() if wrong.height else None
    none = pl.repeat(None, rows.height, dtype=pl.String(), eager=True).alias("reason")
    return none if told is None else none.scatter(bad.arg_true(), told)


def completed(parsed: pl.DataFrame) -> pl.DataFrame:
    """Missing PARSED columns added as nulls, types and order as promised."""
    return parsed.select(
        (pl.col(name) if name in parsed.columns else pl.lit(None)).cast(kind).alias(name)
        for name, kind in PARSED.items()
    )
