"""Rows that lie side by side and belong together, made one: event files are sorted that way.

A file has a kind's rows together, in them a customer's, in them by time: so the views of a visit
are neighbours, and what is counted of them need not be looked up row by row.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

#: What rows of one run have in common.
RUN_KEY: Final = ("day", "customer_id", "kind", "session_key")
#: What rows of a rollup have in common, and their order.
DAY_KEY: Final = ("day", "kind", "customer_id")
_LARGEST: Final = 2**63 - 1


def runs(rows: pl.DataFrame) -> pl.DataFrame:
    """One row per run: RUN_KEY, n, value, quantity (sums, Int64), first_ts, last_ts.

    ``rows`` have RUN_KEY, ts, value and quantity. Neighbours that are equal in RUN_KEY make a run;
    in what order rows come changes how many runs there are, never what they add up to.
    """
    first = _first_rows(rows)
    ts = _numbers(rows["ts"])
    return rows.select(pl.col(RUN_KEY).gather(first)).with_columns(
        pl.Series("n", np.diff(first, append=rows.height), dtype=pl.Int64),
        *(_reduced(name, np.add, _numbers(rows[name]), first) for name in ("value", "quantity")),
        _reduced("first_ts", np.minimum, ts, first).cast(rows.schema["ts"]),
        _reduced("last_ts", np.maximum, ts, first).cast(rows.schema["ts"]),
    )


def merged(parts: pl.DataFrame) -> pl.DataFrame:
    """Runs of all that is equal in DAY_KEY made one row, ordered by it: DAY_KEY, n, value, quantity
    (sums), first_ts, last_ts.
    """
    packed = _packed(parts)
    if (np.diff(packed) < 0).any():
        order = np.argsort(packed, kind="stable")  # quick where there are few ordered stretches
        parts, packed = parts[order], packed[order]
    first = np.flatnonzero(np.diff(packed, prepend=packed[:1] - 1))
    instant = parts.schema["first_ts"]
    return parts.select(pl.col(DAY_KEY).gather(first)).with_columns(
        *(_reduced(its, np.add, _numbers(parts[its]), first) for its in ("n", "value", "quantity")),
        _reduced("first_ts", np.minimum, _numbers(parts["first_ts"]), first).cast(instant),
        _reduced("last_ts", np.maximum, _numbers(parts["last_ts"]), first).cast(instant),
    )


def _packed(parts: pl.DataFrame) -> np.ndarray:
    """DAY_KEY as one integer that orders as it does."""
    day, kind, customer = (_numbers(parts[name]) for name in DAY_KEY)
    if not len(day):
        return day
    day, kind = day - day.min(), kind - kind.min()
    kinds, customers = int(kind.max()) + 1, int(customer.max()) + 1
    if (int(day.max()) + 1) * kinds * customers > _LARGEST or customer.min() < 0:
        ranks = parts.select(pl.struct(DAY_KEY).rank("dense").cast(pl.Int64)).to_series()
        return ranks.to_numpy()
    return np.asarray((day * kinds + kind) * customers + customer)


def _numbers(column: pl.Series) -> np.ndarray:
    return column.to_physical().cast(pl.Int64).fill_null(0).to_numpy()


def _reduced(name: str, by: np.ufunc, values: np.ndarray, first: np.ndarray) -> pl.Series:
    # reduceat refuses to look at nothing.
    return pl.Series(name, by.reduceat(values, first) if first.size else values, dtype=pl.Int64)


def _first_rows(rows: pl.DataFrame) -> np.ndarray:
    """Where runs begin."""
    begins = pl.any_horizontal(
        pl.col(name).to_physical().ne_missing(pl.col(name).to_physical().shift(1))
        for name in RUN_KEY
    )
    begins = begins | (pl.int_range(pl.len()) == 0)
    return rows.lazy().select(begins.arg_true()).collect().to_series().to_numpy()
