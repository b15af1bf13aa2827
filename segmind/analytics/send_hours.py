"""The hours at which groups of customers react, to choose when to send."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from segmind.analytics.definition import Definition
from segmind.analytics.instants import as_micros, micros
from segmind.analytics.period import Period
from segmind.customers.facts import Facts
from segmind.events import held
from segmind.events.held import Wanted
from segmind.events.schema import Kind
from segmind.events.spans import Span

Ints = NDArray[np.int64]
Acts = Literal["reactions", "orders"]
HOURS: Final = 24
#: With fewer acts a group's best hour is a matter of luck.
LEAST_ACTS: Final = 100

HOUR_COLUMNS: Final[dict[str, pl.DataType]] = {
    "group": pl.String(),
    "hour": pl.Int64(),  # 0 to 23, in the workspace's zone
    "acts": pl.Int64(),
    "share": pl.Float64(),  # of the group's acts; null where there are none
}


@dataclass(frozen=True, slots=True)
class SendHours:
    """``hours``: HOUR_COLUMNS, every group with 24 rows. ``acts``: what was counted. ``best``: the
    hour with the most by group, None with fewer than LEAST_ACTS."""

    acts: Acts
    hours: pl.DataFrame
    best: dict[str, int | None]
    period: Period

    def definition(self) -> Definition:
        what = {
            "reactions": "opens and clicks by people (machines' are left out), by the hour at "
            "which they happened. They come soon after messages do, so hours at which nothing was "
            "sent look worse than they are",
            "orders": "orders, by the hour of their first line",
        }[self.acts]
        return Definition(
            what=f"Counted: {what}. Best hour: the one with the most, of groups with at least "
            f"{LEAST_ACTS}.",
            window=f"{self.period.since.isoformat()} up to {self.period.until.isoformat()}",
            start_point="the instant of the act; groups as of the period's end",
            tie_break="the earlier hour",
            zone=self.period.zone.key,
            as_of=self.period.until,
        )


def send_hours(
    facts: Facts,
    period: Period,
    groups: Mapping[str, NDArray[np.integer[Any]]],
    acts: Acts | None = None,
) -> SendHours:
    """Acts by hour of the day, of each group of customers (ids by name; they may overlap).

    ``acts``: what to count; None: reactions, or orders where people reacted less than LEAST_ACTS
    times in the period.
    """
    found = _reactions(facts, period) if acts != "orders" else None
    if found is None or (acts is None and found[0].size < LEAST_ACTS):
        acts, found = "orders", _orders(facts, period)
    customer, hour = found
    largest = int(customer.max(initial=0)) + 1
    rows: list[dict[str, Any]] = []
    best: dict[str, int | None] = {}
    for name, members in groups.items():
        is_member = np.zeros(largest, np.bool_)
        is_member[members[members < largest]] = True
        counted = np.bincount(hour[is_member[customer]], minlength=HOURS)
        total = int(counted.sum())
        best[name] = int(counted.argmax()) if total >= LEAST_ACTS else None
        rows += [
            {"group": name, "hour": n, "acts": int(k), "share": k / total if total else None}
            for n, k in enumerate(counted.tolist())
        ]
    return SendHours(acts or "reactions", pl.DataFrame(rows, schema=HOUR_COLUMNS), best, period)


def _reactions(facts: Facts, period: Period) -> tuple[Ints, Ints]:
    """Customers and hours of opens and clicks by people."""
    source = held.held(facts.log.rows, _WANTED)
    parts = [source.settled, _by_people(source.fresh)]
    mapped = source.merges.mapped(pl.col("customer_id"))
    since, until = micros(period.since), micros(period.until)
    within = pl.concat([_between(part, since, until) for part in parts]).with_columns(mapped)
    return within["customer_id"].to_numpy(), _hours(within["ts"].to_numpy(), period)


def _orders(facts: Facts, period: Period) -> tuple[Ints, Ints]:
    customer, ts = facts.vectors.instants(Kind.ORDER, Span(period.since, period.until))
    return customer, _hours(ts, period)


def _hours(ts: Ints, period: Period) -> Ints:
    """The hour of the day in the period's zone."""
    local = pl.from_epoch(pl.Series(ts), time_unit="us").dt.replace_time_zone("UTC")
    return local.dt.convert_time_zone(period.zone.key).dt.hour().cast(pl.Int64).to_numpy()


def _between(part: pl.DataFrame, since: int, until: int) -> pl.DataFrame:
    """The rows of ``part``, which is in order of time."""
    low, high = np.searchsorted(part["ts"].to_numpy(), (since, until))
    return part.slice(int(low), int(high) - int(low))


def _by_people(rows: pl.DataFrame) -> pl.DataFrame:
    """customer_id and ts (microseconds) in order of time."""
    people = rows.filter(~pl.col("machine").fill_null(value=False))
    return people.select("customer_id", as_micros("ts")).sort("ts")


_WANTED: Final = Wanted(
    "reactions of people",
    (int(Kind.MESSAGE_OPENED), int(Kind.MESSAGE_CLICKED)),
    ("ts", "customer_id", "machine"),
    _by_people,
)
