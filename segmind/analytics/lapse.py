"""When silence means that a customer is gone: thresholds from the shop's own gaps between orders.

A threshold is so many days without an order. How good one is, is measured out of time: learnt from
what had happened by a day in the past, asked of the customers of then, judged by what they did in
the days that followed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from segmind import percent
from segmind.analytics.customer_numbers import is_among
from segmind.analytics.definition import Definition
from segmind.analytics.instants import micros
from segmind.analytics.purchase_days import PurchaseDays, purchase_days
from segmind.analytics.touches import DAY
from segmind.customers.facts import Facts
from segmind.customers.purchases import day_number
from segmind.events.schema import Kind
from segmind.events.spans import Span
from segmind.experiments.survival import still_waiting

Ints = NDArray[np.int64]
#: Shares of all gaps that are at most as long as a threshold: the candidates.
QUANTILES: Final = (0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
AT_RISK: Final = 0.75
LAPSED: Final = 0.9
#: With fewer gaps their quantiles say little.
LEAST_GAPS: Final = 30
#: Days that are held back to judge by, at most.
_HELD: Final = 90
_EPOCH: Final = date(1970, 1, 1)

THRESHOLD_COLUMNS: Final[dict[str, pl.DataType]] = {
    "quantile": pl.Float64(),
    "days": pl.Int64(),  # silent for more than these days
    "customers": pl.Int64(),  # returning customers who are so now
    "precision": pl.Float64(),  # of those flagged then, who did not buy in the held-back days
    "recall": pl.Float64(),  # of those who did not buy, who had been flagged
    "flagged": pl.Int64(),  # then
}
SURVIVAL_COLUMNS: Final[dict[str, pl.DataType]] = {
    "days": pl.Int64(),
    "waiting": pl.Float64(),  # share of purchases not followed by another within so many days
}


@dataclass(frozen=True, slots=True)
class Lapse:
    """``thresholds``: THRESHOLD_COLUMNS, shortest first. ``survival``: SURVIVAL_COLUMNS.

    ``judged_since``: the first of the ``held`` days by which they are judged (None: the log is too
    short); ``judged`` customers then, of whom the share ``quiet`` bought nothing in them.
    """

    gaps: int
    customers: int
    at_risk: int
    lapsed: int
    thresholds: pl.DataFrame
    survival: pl.DataFrame
    judged_since: date | None
    held: int
    judged: int
    quiet: float | None
    zone: str
    as_of: datetime

    def definition(self) -> Definition:
        judged = (
            f"thresholds learnt before {self.judged_since.isoformat()}, judged by the {self.held} "
            "days from then"
            if self.judged_since
            else "not judged: the log is too short"
        )
        return Definition(
            what="Threshold: more than so many x 24 hours without an order, of customers who "
            "ordered on at least two days. The days are quantiles of all gaps between successive "
            f"days with an order: at risk beyond {percent.of_share(AT_RISK, 0)} of them, lapsed "
            f"beyond {percent.of_share(LAPSED, 0)}. Precision: of those beyond the threshold then, "
            "how many bought nothing in the days held back. Recall: of all who bought nothing, how "
            "many were beyond it.",
            window=judged,
            start_point="the calendar day of the last order",
            tie_break="several orders of one day are one",
            zone=self.zone,
            as_of=self.as_of,
        )


def lapse(facts: Facts, as_of: datetime) -> Lapse | None:
    """Thresholds as of a moment; None with fewer than LEAST_GAPS gaps."""
    days, today = purchase_days(facts, as_of), day_number(as_of, facts.zone)
    gaps = _gaps(days)
    if gaps.size < LEAST_GAPS:
        return None
    limits = _limits(gaps)
    silent = _silent(facts, days, as_of)
    first = int(days.day.min())
    held = min(_HELD, (today - first) // 3)
    then = today - held
    verdict = _judged(days, then, today)
    rows = []
    for n, quantile in enumerate(QUANTILES):
        precision, recall, flagged = verdict.of(n)
        rows.append(
            {
                "quantile": quantile,
                "days": limits[n],
                "customers": int(np.count_nonzero(silent > limits[n] * DAY)),
                "precision": precision,
                "recall": recall,
                "flagged": flagged,
            }
        )
    return Lapse(
        gaps=gaps.size,
        customers=silent.size,
        at_risk=limits[QUANTILES.index(AT_RISK)],
        lapsed=limits[QUANTILES.index(LAPSED)],
        thresholds=pl.DataFrame(rows, schema=THRESHOLD_COLUMNS),
        survival=_survival(gaps, today - _lasts(days)),
        judged_since=_EPOCH + timedelta(days=then) if verdict.is_there else None,
        held=held,
        judged=verdict.is_quiet.size,
        quiet=float(verdict.is_quiet.mean()) if verdict.is_quiet.size else None,
        zone=facts.zone.key,
        as_of=as_of,
    )


@dataclass(frozen=True, eq=False)
class _Verdict:
    """Silences of the customers of then, thresholds of then, and who bought nothing afterwards."""

    silent: Ints
    limits: list[int]
    is_quiet: NDArray[np.bool_]

    @property
    def is_there(self) -> bool:
        return bool(self.limits) and self.silent.size > 0

    def of(self, n: int) -> tuple[float | None, float | None, int]:
        """Precision, recall and the number of flagged customers of the n-th threshold."""
        if not self.is_there:
            return None, None, 0
        flagged = self.silent > self.limits[n]
        right = int(np.count_nonzero(flagged & self.is_quiet))
        return (
            right / int(flagged.sum()) if flagged.any() else None,
            right / int(self.is_quiet.sum()) if self.is_quiet.any() else None,
            int(flagged.sum()),
        )


def _judged(days: PurchaseDays, then: int, today: int) -> _Verdict:
    """``today`` is not over yet and does not count."""
    past = days.before(then)
    gaps = _gaps(past)
    if gaps.size < LEAST_GAPS or then >= today:
        return _Verdict(np.zeros(0, np.int64), [], np.zeros(0, np.bool_))
    returning = past.customer[past.begins[past.counts > 1]]
    bought = days.customer[(days.day >= then) & (days.day < today)]
    is_quiet = ~is_among(returning, bought)
    # At the beginning of a day somebody was silent for more than n x 24 hours exactly if more than
    # n days have begun since the last order's.
    return _Verdict(then - _last_of_returning(past), _limits(gaps), is_quiet)


def _silent(facts: Facts, days: PurchaseDays, as_of: datetime) -> Ints:
    """Microseconds since the last order of everybody who ordered on two days, as rules count."""
    buyers = facts.vectors.buyers
    last = buyers.last(Kind.ORDER, Span(None, as_of + timedelta(microseconds=1)))
    returning = days.customer[days.begins[days.counts > 1]]
    silent: Ints = micros(as_of) - last[np.searchsorted(buyers.ids, returning)]
    return silent


def _gaps(days: PurchaseDays) -> Ints:
    """The days between successive purchases of one customer, of all customers."""
    gaps: Ints = days.day[days.follows] - days.day[days.follows - 1]
    return gaps


def _lasts(days: PurchaseDays) -> Ints:
    found: Ints = days.day[days.begins + days.counts - 1]
    return found


def _last_of_returning(days: PurchaseDays) -> Ints:
    found: Ints = _lasts(days)[days.counts > 1]
    return found


def _limits(gaps: Ints) -> list[int]:
    """The shortest length that so large a share of the gaps do not exceed."""
    within = np.cumsum(np.bincount(gaps))
    needed = [-(-round(100 * quantile) * gaps.size // 100) for quantile in QUANTILES]
    return [int(np.searchsorted(within, n)) for n in needed]


def _survival(gaps: Ints, waiting: Ints) -> pl.DataFrame:
    """Purchases whose next one has not come yet count as long as they have been waited for, up to
    the longest gap."""
    longest = int(gaps.max())
    ended = np.bincount(gaps, minlength=longest + 2)
    unwatched = np.bincount(np.minimum(waiting, longest + 1), minlength=longest + 2)
    share = still_waiting(ended, unwatched)[: longest + 1]
    return pl.DataFrame({"days": np.arange(longest + 1), "waiting": share}, schema=SURVIVAL_COLUMNS)
