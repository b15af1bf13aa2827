"""Segment performance: what the members of each segment did in a period."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from segmind.analytics.definition import Definition
from segmind.analytics.period import Period
from segmind.customers.facts import Facts
from segmind.events.schema import Kind
from segmind.events.spans import Span

Ints = NDArray[np.integer[Any]]

PERFORMANCE_COLUMNS: Final[dict[str, pl.DataType]] = {
    "segment_id": pl.Int64(),
    "size": pl.Int64(),
    "buyers": pl.Int64(),  # members with an order in the period
    "orders": pl.Int64(),
    "sessions": pl.Int64(),
    "net_revenue": pl.Int64(),  # minor units
    "conversion_rate": pl.Float64(),  # buyers / size; null where the segment is empty
    "revenue_per_customer": pl.Float64(),  # minor units; null where the segment is empty
}


def table(facts: Facts, members: Mapping[int, pl.Series], period: Period) -> pl.DataFrame:
    """One row per segment as PERFORMANCE_COLUMNS, in the order of ``members``.

    ``members``: customer ids (Int64) by segment id, as of now. Their acts in the whole period
    count, also from before they entered.
    """
    window = Span(period.since, period.until)
    sessions = facts.vectors.counts(Kind.SESSION, window)
    # Few of the members bought: only of those are orders and revenue looked up.
    buyers, orders, net = _bought(facts, window)
    is_member = np.zeros(len(sessions), np.bool_)
    rows = []
    for segment_id, ids in members.items():
        parts, size = _parts(ids, len(sessions)), len(ids)
        for mine in parts:
            is_member[mine] = True
        theirs = np.flatnonzero(is_member[buyers])
        for mine in parts:
            is_member[mine] = False
        bought = orders[theirs]
        n_buyers, revenue = int(np.count_nonzero(bought)), int(net[theirs].sum())
        rows.append(
            {
                "segment_id": segment_id,
                "size": size,
                "buyers": n_buyers,
                "orders": int(bought.sum()),
                "sessions": sum(int(sessions[mine].sum()) for mine in parts),
                "net_revenue": revenue,
                "conversion_rate": n_buyers / size if size else None,
                "revenue_per_customer": revenue / size if size else None,
            }
        )
    return pl.DataFrame(rows, schema=PERFORMANCE_COLUMNS)


def definition(period: Period) -> Definition:
    """What the columns mean."""
    return Definition(
        what="Conversion rate: members with an order in the period / members. Revenue per "
        "customer: net revenue of the members in the period / members. A customer may be in "
        "several segments.",
        window=f"{period.since.isoformat()} up to {period.until.isoformat()}",
        start_point="members as of the last refresh; acts by the instant of the event",
        tie_break="none",
        zone=period.zone.key,
        as_of=period.until,
    )


def _bought(facts: Facts, window: Span) -> tuple[Ints, Ints, Ints]:
    """Who bought or gave back in the window (ids), their orders, and their net revenue."""
    buyers = facts.vectors.buyers
    orders = buyers.counts(Kind.ORDER, window)
    net = buyers.values(Kind.ORDER_COMPLETED, window)
    net -= buyers.values(Kind.ORDER_REFUNDED, window)
    there = np.flatnonzero((orders != 0) | (net != 0))
    return buyers.ids[there], orders[there], net[there]


def _parts(ids: pl.Series, size: int) -> list[Ints]:
    """The ids (ascending) below ``size``, as they lie in memory: putting them together costs."""
    parts = [part.to_numpy() for part in ids.get_chunks()]
    return [part[: np.searchsorted(part, size)] for part in parts]
