"""The RFM groups of all customers with orders: how many are in each, and what they are worth."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import numpy as np
import polars as pl

from segmind.analytics.customer_numbers import is_among
from segmind.analytics.definition import Definition
from segmind.analytics.instants import micros
from segmind.customers.facts import Facts
from segmind.events.schema import Kind
from segmind.segments import rfm
from segmind.segments.aggregates.rfm import RfmScores
from segmind.segments.moment import Moment
from segmind.segments.sources import Sources

#: Days of orders that count, where nothing else is said: as rules have it.
WINDOW_DAYS: Final = 365
_DAY: Final = 86_400_000_000

#: By cell (``rfm.cell``): the place of its group in ``rfm.GROUPS``.
_PLACES: Final = np.zeros(10 * (rfm.FIFTHS + 1), np.int8)
for _place, _group in enumerate(rfm.GROUPS):
    _PLACES[rfm.cells_of((_group.key,))] = _place

GROUP_COLUMNS: Final[dict[str, pl.DataType]] = {
    "group": pl.String(),  # its key in rules
    "name": pl.String(),
    "customers": pl.Int64(),
    "share": pl.Float64(),  # of all customers with orders; null where there are none
    "before": pl.Int64(),  # customers in it as of ``before``
    "orders": pl.Int64(),
    "net_revenue": pl.Int64(),  # minor units, in the window
    "days_since": pl.Float64(),  # median days since the last order; null where nobody is in it
}
CELL_COLUMNS: Final[dict[str, pl.DataType]] = {
    "recency": pl.Int64(),
    "frequency": pl.Int64(),
    "group": pl.String(),
    "customers": pl.Int64(),
}


@dataclass(frozen=True, slots=True)
class RfmGroups:
    """``groups``: GROUP_COLUMNS in the order of ``rfm.GROUPS``; ``cells``: CELL_COLUMNS of R and F
    from 1 to 5. ``customers`` have an order in the window."""

    as_of: datetime
    before: datetime
    window_days: int
    customers: int
    groups: pl.DataFrame
    cells: pl.DataFrame
    zone: str

    def definition(self) -> Definition:
        return Definition(
            what="Recency: the last order. Frequency: number of orders. Monetary: net revenue. "
            "Each is scored 1 to 5 among all customers with orders: 1 + floor(5 x strictly worse / "
            "customers). The group follows from recency and frequency (names of the R package rfm "
            "and of Putler).",
            window=f"{self.window_days} x 24 hours up to the moment",
            start_point="the instant of an order's first line; refunds by their own",
            tie_break="equals have equal scores",
            zone=self.zone,
            as_of=self.as_of,
        )


def rfm_groups(
    facts: Facts,
    as_of: datetime,
    window_days: int = WINDOW_DAYS,
    *,
    before: datetime | None = None,
    members: pl.Series | None = None,
) -> RfmGroups:
    """The groups as of a moment, beside those of ``before`` (30 days earlier unless said).

    ``members``: only these customers (ids) are counted; scores are among everybody.
    """
    then = before or as_of - timedelta(days=30)
    now_cells, orders, net, last = _scored(facts, as_of, window_days, members)
    past_base, past_cells = _cells(facts, then, window_days)
    if members is not None:
        past_cells = past_cells[is_among(past_base, members.to_numpy())]
    past = np.bincount(_PLACES[past_cells], minlength=len(rfm.GROUPS))
    places = _PLACES[now_cells]
    sizes = np.bincount(places, minlength=len(rfm.GROUPS)).tolist()
    ordered = np.bincount(places, weights=orders, minlength=len(rfm.GROUPS))
    by_group = np.argsort(places, kind="stable")
    net, last = net[by_group], last[by_group]
    rows = []
    end = 0
    for place, (group, n) in enumerate(zip(rfm.GROUPS, sizes, strict=True)):
        mine, end = slice(end, end + n), end + n
        rows.append(
            {
                "group": group.key,
                "name": group.name,
                "customers": n,
                "share": n / now_cells.size if now_cells.size else None,
                "before": int(past[place]),
                "orders": int(ordered[place]),
                "net_revenue": int(net[mine].sum()),
                "days_since": _median_days(last[mine], micros(as_of)) if n else None,
            }
        )
    counted = np.bincount(now_cells, minlength=10 * (rfm.FIFTHS + 1))
    cells = [
        {"recency": r, "frequency": f, "group": key, "customers": int(counted[10 * r + f])}
        for (r, f), key in sorted(rfm.CELLS.items())
    ]
    return RfmGroups(
        as_of=as_of,
        before=then,
        window_days=window_days,
        customers=now_cells.size,
        groups=pl.DataFrame(rows, schema=GROUP_COLUMNS),
        cells=pl.DataFrame(cells, schema=CELL_COLUMNS),
        zone=facts.zone.key,
    )


def _median_days(last: np.ndarray, now: int) -> float:
    """The median of the days from these instants (microseconds) to ``now``."""
    low, high = (last.size - 1) // 2, last.size // 2
    middle = np.partition(last, (low, high))[[low, high]]
    return float(((now - middle) / _DAY).mean())


def groups_by_customer(
    facts: Facts, as_of: datetime, window_days: int = WINDOW_DAYS
) -> tuple[np.ndarray, np.ndarray]:
    """Customers with orders in the window (ids, ascending) and the place of the group of each in
    ``rfm.GROUPS``."""
    base, cells = _cells(facts, as_of, window_days)
    return base, _PLACES[cells]


def _cells(facts: Facts, as_of: datetime, window_days: int) -> tuple[np.ndarray, np.ndarray]:
    """Ids of the customers with orders in the window (ascending), and the cell of each."""
    at = Moment(as_of, facts.zone)
    span = at.last(timedelta(days=window_days))
    buyers = facts.vectors.buyers
    orders = buyers.counts(Kind.ORDER, span)
    there = (orders > 0) & facts.is_customer[buyers.ids]
    last = buyers.last(Kind.ORDER, span)
    return buyers.ids[there], _cell(last[there], orders[there])


def _cell(last: np.ndarray, orders: np.ndarray) -> np.ndarray:
    cells: np.ndarray = rfm.scores(last) * 10 + rfm.scores(orders)
    return cells


def _scored(
    facts: Facts, as_of: datetime, window_days: int, members: pl.Series | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Cell, orders, net revenue and last order (microseconds) of each."""
    at = Moment(as_of, facts.zone)
    scores = RfmScores(at.last(timedelta(days=window_days)))
    base, orders, net, last = scores.figures(Sources(facts, at))
    cells = _cell(last, orders)
    if members is None:
        return cells, orders, net, last
    mine = is_among(base, members.to_numpy())
    return cells[mine], orders[mine], net[mine], last[mine]
