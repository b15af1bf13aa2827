"""The price table as rows that a person edits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import polars as pl

from segmind.workspace.prices import MessagePrice
from segmind.workspace.product_settings import InvalidSetting

#: ``cost`` in units of the currency; provider and country: null is any.
COLUMNS: Final[dict[str, pl.DataType]] = {
    "channel": pl.String(),
    "provider": pl.String(),
    "country": pl.String(),
    "cost": pl.Float64(),
}
_MICROS: Final = 1_000_000


def as_table(prices: Sequence[MessagePrice]) -> pl.DataFrame:
    """COLUMNS, one row per price."""
    rows = [(each.channel, each.provider, each.country, each.micros / _MICROS) for each in prices]
    return pl.DataFrame(rows, schema=COLUMNS, orient="row")


def of_table(table: pl.DataFrame) -> list[dict[str, Any]]:
    """The prices that an edited table says, as the settings take them; empty rows are left out.

    Raises:
        InvalidSetting: a row lacks its channel or cost; it is named by its number.
    """
    found = []
    for number, row in enumerate(table.select(COLUMNS.keys()).iter_rows(named=True), start=1):
        if all(value is None or value == "" for value in row.values()):
            continue
        for name in ("channel", "cost"):
            if row[name] is None or row[name] == "":
                raise InvalidSetting(
                    f"Row {number} of the prices has no {name}.", field=f"message_prices.{number}"
                )
        found.append(
            {
                "channel": row["channel"],
                "provider": row["provider"] or None,
                "country": (row["country"] or "").strip().upper() or None,
                "micros": round(float(row["cost"]) * _MICROS),
            }
        )
    return found
