"""Calendar days on which something happened, by customer."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import polars as pl

from segmind.events.rolled import Rolled
from segmind.events.schema import UTC_INSTANT, Kind
from segmind.events.spans import day_of
from segmind.events.vectors.columns import CUSTOMER, as_array, of_rolled_day
from segmind.events.vectors.memory import Arrays
from segmind.events.vectors.parts import Pair, Parts


def count(
    parts: Parts,
    kind: int,
    whole: np.ndarray,
    beside: Iterable[Pair],
    placed: Callable[[Arrays], Arrays],
) -> np.ndarray:
    """``whole``, the days that rollups count, made right: different days, Int32.

    ``beside``: customers and instants that the rolled days of ``parts`` do not tell. ``placed`` has
    the places of customers in ``whole``.

    A rolled day counts its customers once each. Who may be in a day twice, because he was merged or
    has late events there, is counted by his different days instead.
    """
    rolled = parts.rolled
    odd = _odd(rolled)
    frames = [_days_of(instants, customers, rolled) for customers, instants in beside]
    if odd.size:
        whole[placed((odd,))[0]] = 0
        frames += _rolled_days_of(odd, parts, kind)
    if frames:
        mapped = rolled.rows.merges.mapped(pl.col(CUSTOMER))
        days = pl.concat(frames).with_columns(mapped).unique()
        np.add.at(whole, placed((as_array(days[CUSTOMER]),))[0], 1)
    return whole


def _odd(rolled: Rolled) -> np.ndarray:
    """Ids whose rolled days are looked at one by one, ascending."""
    merges = rolled.rows.merges.frame
    ids = [merges["from_id"], merges["into_id"]]
    if rolled.unseen:
        ids.append(rolled.rows.merges.behind(rolled.touched))
    return pl.concat([i.rename(CUSTOMER) for i in ids]).unique().sort().to_numpy()


def _rolled_days_of(odd: np.ndarray, parts: Parts, kind: int) -> list[pl.DataFrame]:
    rolled = parts.rolled
    if kind in {Kind.SESSION, Kind.ORDER} and not rolled.touched.is_empty():
        # Rollups do not know their sessions and orders: they are among the parts beside.
        odd = np.setdiff1d(odd, rolled.rows.merges.behind(rolled.touched).to_numpy())
    frames = []
    for day in parts.days:
        customers, n = of_rolled_day(rolled.days[day].rollup, kind, "n")
        theirs = customers[np.isin(customers, odd) & (n > 0)]
        one = pl.DataFrame({CUSTOMER: theirs.astype(np.int64)})
        frames.append(one.with_columns(pl.lit(day).alias("day")))
    return frames


def _days_of(instants: np.ndarray, customers: np.ndarray, rolled: Rolled) -> pl.DataFrame:
    frame = pl.DataFrame({CUSTOMER: customers.astype(np.int64), "ts": instants})
    day = day_of(pl.col("ts").cast(UTC_INSTANT), rolled.zone)
    return frame.select(CUSTOMER, day.alias("day")).unique()
