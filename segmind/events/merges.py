"""Customers that turned out to be one: the log keeps what it was told, its readers map the id."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import polars as pl
from sqlalchemy import Connection

from segmind.db.copy import copy_out

_SCHEMA: Final[dict[str, pl.DataType]] = {"from_id": pl.Int64(), "into_id": pl.Int64()}


@dataclass(frozen=True)
class Merges:
    """``from_id`` -> ``into_id`` (Int64), chains already followed to their end."""

    frame: pl.DataFrame

    @classmethod
    def of(cls, pairs: pl.DataFrame) -> Merges:
        """Merges from rows (from_id, into_id), in any order, chains allowed."""
        frame = pairs.select(pl.col(k).cast(v) for k, v in _SCHEMA.items()).unique(subset="from_id")
        while True:
            target = pl.col("into_id").replace(frame["from_id"], frame["into_id"])
            followed = frame.with_columns(target.alias("into_id"))
            followed = followed.filter(pl.col("from_id") != pl.col("into_id"))
            if followed.equals(frame):
                return cls(frame.sort("from_id"))
            frame = followed

    @classmethod
    def none(cls) -> Merges:
        return cls(pl.DataFrame(schema=_SCHEMA))

    def mapped(self, customer: pl.Expr) -> pl.Expr:
        """The column of customers that these ids belong to now."""
        if self.frame.is_empty():
            return customer
        return customer.replace(self.frame["from_id"], self.frame["into_id"])

    def behind(self, customers: pl.Series) -> pl.Series:
        """These customers' ids and all that were merged into them: what to look for in files."""
        merged = self.frame.filter(pl.col("into_id").is_in(customers.implode()))
        return pl.concat([customers.rename("customer_id"), merged["from_id"].rename("customer_id")])

    def newer_than(self, older: Merges) -> pl.Series:
        """The customers (Int64 ids of now) whose share of the log differs between the two."""
        news = self.frame.join(older.frame, on=["from_id", "into_id"], how="anti")
        into = news["into_id"].unique()
        return into.rename("customer_id")


def read(conn: Connection) -> Merges:
    """Every merge in ``conn``'s snapshot."""
    return Merges.of(copy_out(conn, "SELECT from_id, into_id FROM customer_merge", _SCHEMA))
