"""Purchase lines beyond the first of one product in one customer's session."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import polars as pl

from segmind.events import held
from segmind.events.held import Held, Wanted
from segmind.events.rows import Rows
from segmind.events.schema import Kind

_KEY: Final = ["customer_id", "session_key", "product_id"]


@dataclass(frozen=True, eq=False)
class _Settled:
    lines: pl.DataFrame  # _KEY
    repeats: int


def count(rows: Rows) -> int:
    """How many of a snapshot's purchase lines repeat an earlier one."""
    source = held.held(rows, _WANTED)
    return source.derived("count", lambda: _count(source))


def _count(source: Held[_Settled]) -> int:
    settled, fresh = source.settled, _told(source.fresh)
    merged = pl.concat([*source.merges.frame.get_columns()]).unique()
    by_merged = pl.col("customer_id").is_in(merged.implode())
    again = settled.lines.filter(by_merged)["session_key"]
    # Only lines of sessions that got more, or whose customers were merged, are counted anew.
    keys = pl.concat([fresh["session_key"], again]).unique()
    theirs = settled.lines.filter(pl.col("session_key").is_in(keys.implode()))
    mapped = source.merges.mapped(pl.col("customer_id"))
    anew = pl.concat([theirs, fresh]).with_columns(mapped)
    return settled.repeats - _repeats(theirs) + _repeats(anew)


def _told(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.drop_nulls(["session_key", "product_id"])


def _repeats(lines: pl.DataFrame) -> int:
    return lines.height - lines.n_unique(_KEY) if lines.height else 0


def _prepare(rows: pl.DataFrame) -> _Settled:
    lines = _told(rows)
    return _Settled(lines, _repeats(lines))


_WANTED: Final = Wanted("purchase lines", (int(Kind.ORDER_COMPLETED),), tuple(_KEY), _prepare)
