"""How often customers did something, as of many moments at once: what ``FactsWorld.rhythm`` says
of one."""

from __future__ import annotations

import numpy as np
import polars as pl

from segmind.automations.backtest.past import MICROSECOND, Past
from segmind.automations.backtest.timeline import BEFORE_ALL
from segmind.automations.steps import WaitRhythm
from segmind.automations.world import RHYTHM_WITHIN
from segmind.events.schema import UTC_INSTANT


def rhythms(
    past: Past, step: WaitRhythm, customers: np.ndarray, moments: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The median gap between the days on which each did it, and the last time, as of the moments
    (microseconds; BEFORE_ALL for who did it on fewer than ``step.least`` days)."""
    timeline = past.of_event(step.event)
    reach = RHYTHM_WITHIN // MICROSECOND
    since = timeline.first_from(customers, moments - reach)
    until = timeline.first_from(customers, moments, later=True)
    lengths = until - since
    person = np.repeat(np.arange(customers.size), lengths)
    offset = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    instants = timeline.ts[np.repeat(since, lengths) + offset]
    habits = (
        pl.DataFrame({"person": person, "ts": instants})
        .with_columns(pl.col("ts").cast(UTC_INSTANT))
        .sort("person", "ts")
        .group_by("person", pl.col("ts").dt.date().alias("day"), maintain_order=True)
        .agg(pl.col("ts").max())
        .group_by("person", maintain_order=True)
        .agg(pl.col("ts").diff().median().alias("gap"), pl.col("ts").max(), pl.len())
        .filter(pl.col("len") >= step.least)
    )
    gap = np.zeros(customers.shape, dtype=np.int64)
    last = np.full(customers.shape, BEFORE_ALL)
    who = habits["person"].to_numpy()
    gap[who] = habits["gap"].dt.total_microseconds().to_numpy()
    last[who] = habits["ts"].dt.timestamp("us").to_numpy()
    return gap, last
