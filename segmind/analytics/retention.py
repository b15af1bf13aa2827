"""Retention: of those who first bought in a week or month, how many bought again in later ones."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from segmind.analytics.definition import Definition
from segmind.analytics.period import InvalidPeriod, Period
from segmind.analytics.purchase_days import PurchaseDays, purchase_days
from segmind.customers.facts import Facts
from segmind.customers.purchases import day_number

Ints = NDArray[np.int64]
Cohorts = Literal["week", "month"]
#: Cohorts that one table shows, at most.
MOST_COHORTS: Final = 120

CELL_COLUMNS: Final[dict[str, pl.DataType]] = {
    "cohort": pl.Date(),  # first day of the week or month
    "offset": pl.Int64(),  # weeks or months after it; 0 is the cohort's own
    "customers": pl.Int64(),  # of the cohort, with an order in that week or month
    "share": pl.Float64(),  # customers / size
    "is_complete": pl.Boolean(),  # whether that week or month is over
}
COHORT_COLUMNS: Final[dict[str, pl.DataType]] = {"cohort": pl.Date(), "size": pl.Int64()}
CURVE_COLUMNS: Final[dict[str, pl.DataType]] = {
    "offset": pl.Int64(),
    "customers": pl.Int64(),
    "base": pl.Int64(),  # sizes of the cohorts that are so old, together
    "share": pl.Float64(),
}


@dataclass(frozen=True, slots=True)
class Retention:
    """``cohorts``: COHORT_COLUMNS, oldest first, those with nobody left out. ``cells``:
    CELL_COLUMNS up to the present week or month. ``curve``: CURVE_COLUMNS of all cohorts together,
    of complete weeks or months only."""

    by: Cohorts
    cohorts: pl.DataFrame
    cells: pl.DataFrame
    curve: pl.DataFrame
    period: Period
    as_of: datetime

    def definition(self) -> Definition:
        return Definition(
            what=f"Cohort: customers by the calendar {self.by} of their first order in the log. "
            f"Retention: customers of the cohort with an order in the n-th {self.by} after it / "
            "customers of the cohort. Not cumulative: who skips one can be in the next. The curve "
            f"puts together all cohorts that are old enough, in {self.by}s that are over.",
            window=f"first orders from {self.period.since.isoformat()} up to "
            f"{self.period.until.isoformat()}; later orders up to the moment",
            start_point="the calendar day of an order's first line",
            tie_break="several orders of one customer in one week or month count once",
            zone=self.period.zone.key,
            as_of=self.as_of,
        )


def retention(
    facts: Facts,
    period: Period,
    as_of: datetime,
    by: Cohorts = "week",
    members: pl.Series | None = None,
) -> Retention:
    """The cohorts whose first order lies in ``period`` (whole calendar days), as of a moment.

    ``members``: only these customers (ids).

    Raises:
        InvalidPeriod: it has more than MOST_COHORTS weeks or months.
    """
    first = day_number(period.since, period.zone)
    last = day_number(period.until - timedelta(microseconds=1), period.zone)
    if (last - first) / (7 if by == "week" else 30.4) > MOST_COHORTS:
        raise InvalidPeriod(f"The period has more than {MOST_COHORTS} {by}s.", field="since")
    days = purchase_days(facts, as_of)
    if members is not None:
        days = days.among(members.to_numpy())
    cells = _counted(days, _Calendar(by), first, last, day_number(as_of, facts.zone))
    sizes = cells.filter(pl.col("offset") == 0).select("cohort", size="customers")
    told = (
        cells.join(sizes, on="cohort")
        .with_columns(share=pl.col("customers") / pl.col("size"))
        .sort("cohort", "offset")
    )
    return Retention(
        by=by,
        cohorts=sizes.select(COHORT_COLUMNS.keys()).sort("cohort"),
        cells=told.select(CELL_COLUMNS.keys()),
        curve=_curve(told),
        period=period,
        as_of=as_of,
    )


class _Calendar:
    """Calendar weeks (from Monday) or months as consecutive numbers."""

    def __init__(self, by: Cohorts) -> None:
        self._by = by

    def numbers(self, days: Ints) -> Ints:
        """The week or month of each day (days since 1970)."""
        if not days.size:
            return days
        first = int(days.min())
        every = self._numbers(np.arange(first, int(days.max()) + 1))
        found: Ints = every[days - first]
        return found

    def _numbers(self, days: Ints) -> Ints:
        if self._by == "week":
            return (days + 3) // 7  # 1 January 1970 was a Thursday
        return (days.astype("datetime64[D]").astype("datetime64[M]")).astype(np.int64)

    def start(self, number: int) -> date:
        """The first day of a week or month."""
        if self._by == "week":
            return date(1970, 1, 1) + timedelta(days=7 * number - 3)
        return date(1970 + number // 12, number % 12 + 1, 1)


def _counted(
    days: PurchaseDays, calendar: _Calendar, first: int, last: int, today: int
) -> pl.DataFrame:
    """cohort, offset, customers, is_complete of every cell up to today."""
    begun = days.day[days.begins]
    counts, wanted = days.counts, (begun >= first) & (begun <= last)
    cohort = calendar.numbers(begun)
    at = np.repeat(wanted, counts)
    born = np.repeat(cohort, counts)[at]
    offset = calendar.numbers(days.day[at.nonzero()[0]]) - born
    customer = days.customer[at]
    is_new = np.ones(offset.size, np.bool_)
    is_new[1:] = (customer[1:] != customer[:-1]) | (offset[1:] != offset[:-1])
    present = int(calendar.numbers(np.array([today]))[0])
    rows = {name: [] for name in ("cohort", "offset", "customers", "is_complete")}  # type: ignore[var-annotated]
    if born.size:
        low, high = int(born.min()), int(born.max())
        widths = present - low + 1
        places = (born[is_new] - low) * widths + offset[is_new]
        table = np.bincount(places, minlength=(high - low + 1) * widths)
        # Everybody bought in his own week or month: who is there at all is at offset 0.
        for number in (low + np.flatnonzero(table[::widths])).tolist():
            for n in range(present - number + 1):
                rows["cohort"].append(calendar.start(number))
                rows["offset"].append(n)
                rows["customers"].append(int(table[(number - low) * widths + n]))
                rows["is_complete"].append(number + n < present)
    return pl.DataFrame(rows, schema={k: v for k, v in CELL_COLUMNS.items() if k != "share"})


def _curve(cells: pl.DataFrame) -> pl.DataFrame:
    return (
        cells.filter("is_complete")
        .group_by("offset")
        .agg(pl.col("customers").sum(), pl.col("size").sum().alias("base"))
        .with_columns(share=pl.col("customers") / pl.col("base"))
        .select(CURVE_COLUMNS.keys())
        .sort("offset")
    )
