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


def runs(rows: pl.DataFrame) -> pl.DataFrame:
    """One row per run: RUN_KEY, n, value, quantity (sums, Int64), first_ts, last_ts.

    ``rows`` have RUN_KEY, ts, value and quantity. Neighbours that are equal in RUN_KEY make a run;
    in what order rows come changes how many runs there are, never what they add up to.
    """
    first = _first_rows(rows)
    instant = rows.schema["ts"]
    ts = rows["ts"].to_physical().to_numpy()
    return rows.select(pl.col(RUN_KEY).gather(first)).with_columns(
        pl.Series("n", np.diff(first, append=rows.height), dtype=pl.Int64),
        *(
            pl.Series(name, _reduced(np.add, _numbers(rows[name]), first), dtype=pl.Int64)
            for name in ("value", "quantity")
        ),
        pl.Series("first_ts", _reduced(np.minimum, ts, first)).cast(instant),
        pl.Series("last_ts", _reduced(np.maximum, ts, first)).cast(instant),
    )


def _numbers(column: pl.Series) -> np.ndarray:
    return column.cast(pl.Int64).fill_null(0).to_numpy()


def _reduced(by: np.ufunc, values: np.ndarray, first: np.ndarray) -> np.ndarray:
    # reduceat refuses to look at nothing.
    return np.asarray(by.reduceat(values, first)) if first.size else values


def _first_rows(rows: pl.DataFrame) -> np.ndarray:
    """Where runs begin."""
    begins = pl.any_horizontal(
        pl.col(name).to_physical().ne_missing(pl.col(name).to_physical().shift(1))
        for name in RUN_KEY
    )
    begins = begins | (pl.int_range(pl.len()) == 0)
    return rows.lazy().select(begins.arg_true()).collect().to_series().to_numpy()
