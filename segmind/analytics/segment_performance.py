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
    orders, sessions, net = _acts(facts, period)
    # Few of the members bought: only of those are orders and revenue looked up.
    spenders = np.flatnonzero((orders != 0) | (net != 0))
    is_member = np.zeros(len(orders), np.bool_)
    rows = []
    for segment_id, ids in members.items():
        mine, size = ids.to_numpy(), len(ids)
        mine = mine[mine < len(orders)]
        is_member[mine] = True
        theirs = spenders[is_member[spenders]]
        is_member[mine] = False
        bought = orders[theirs]
        buyers, revenue = int(np.count_nonzero(bought)), int(net[theirs].sum())
        rows.append(
            {
                "segment_id": segment_id,
                "size": size,
                "buyers": buyers,
                "orders": int(bought.sum()),
                "sessions": int(sessions[mine].sum()),
                "net_revenue": revenue,
                "conversion_rate": buyers / size if size else None,
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


def _acts(facts: Facts, period: Period) -> tuple[Ints, Ints, Ints]:
    """Orders, sessions and net revenue of the period by customer id."""
    vectors, window = facts.vectors, Span(period.since, period.until)
    net = vectors.values(Kind.ORDER_COMPLETED, window)
    net -= vectors.values(Kind.ORDER_REFUNDED, window)
    return vectors.counts(Kind.ORDER, window), vectors.counts(Kind.SESSION, window), net
