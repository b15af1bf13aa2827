"""Forecast against fact: a model of then, asked what it expected of the days that followed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

import numpy as np
import polars as pl

from segmind.analytics.definition import Definition
from segmind.customers import purchases
from segmind.customers.facts import Facts
from segmind.events.schema import Kind
from segmind.events.spans import Span, start_of
from segmind.events.vectors.instants import day_numbers
from segmind.events.vectors.sorting import ascending_once
from segmind.predictions.histories import Histories, Ints
from segmind.predictions.model import HORIZON, Model

_TICK: Final = timedelta(microseconds=1)
_WEEK: Final = 7
#: Classes by repeat purchases before the days that were held back; the last is "so many or more".
_LARGEST_CLASS: Final = 7

COURSE_COLUMNS: Final[dict[str, pl.DataType]] = {
    "day": pl.Date(),  # the last of the week
    "expected": pl.Float64(),  # purchases since the beginning, all together
    "actual": pl.Int64(),
}
CLASS_COLUMNS: Final[dict[str, pl.DataType]] = {
    "repeats": pl.Int64(),
    "customers": pl.Int64(),
    "expected": pl.Float64(),  # purchases of all of them together
    "actual": pl.Int64(),
}


@dataclass(frozen=True, slots=True)
class Check:
    """A model fitted to the days before ``since``, and the whole days from then to ``until``.

    ``course``: COURSE_COLUMNS by week. ``classes``: CLASS_COLUMNS by how often they had bought
    again. Of the ``customers`` who had bought before ``since``; nobody who came later counts.
    """

    since: date
    until: date
    model: Model
    customers: int
    expected: float
    actual: int
    course: pl.DataFrame
    classes: pl.DataFrame
    zone: str

    @property
    def error(self) -> float | None:
        """(expected - actual) / actual; None where nobody bought."""
        return self.expected / self.actual - 1 if self.actual else None

    def definition(self) -> Definition:
        return Definition(
            what="Days with an order of everybody who had bought before, against what a model "
            "fitted to those days alone expected of them.",
            window=f"{self.since.isoformat()} to {self.until.isoformat()}, the last day not in it",
            start_point="model and histories as of the first day's beginning",
            tie_break="several orders of one calendar day are one purchase",
            zone=self.zone,
            as_of=None,
        )


def check(facts: Facts, as_of: datetime) -> Check | None:
    """The forecast made a while ago: a third of the log, 90 days at most, in whole weeks.

    None where the log is shorter than three weeks, or too few had come back by then.
    """
    first = facts.log.first_ts
    today = as_of.astimezone(facts.zone).date()
    if first is None:
        return None
    length = (today - first.astimezone(facts.zone).date()).days
    held = min(HORIZON, length // 3) // _WEEK * _WEEK
    if held < _WEEK:
        return None
    since = today - timedelta(days=held)
    begin, end = start_of(since, facts.zone), start_of(today, facts.zone)
    ids, histories = purchases.histories(facts, begin - _TICK)
    model = Model.fitted(since, begin, histories, with_money=False)
    if model is None:
        return None
    places, days = _bought(facts, ids, Span(begin, end))
    actual = np.bincount(places, minlength=ids.size)
    days -= purchases.day_number(begin, facts.zone)
    expected = _expected(model, histories, held)
    return Check(
        since=since,
        until=today,
        model=model,
        customers=ids.size,
        expected=float(expected.sum()),
        actual=int(actual.sum()),
        course=_course(model, histories, days, since, held),
        classes=_classes(histories.repeats, expected, actual),
        zone=facts.zone.key,
    )


def _bought(facts: Facts, ids: Ints, span: Span) -> tuple[Ints, Ints]:
    """The purchases of these customers (ascending) in the span: their places and days."""
    customers, instants = facts.vectors.instants(Kind.ORDER, span)
    place = np.full(facts.vectors.size, -1, np.int64)
    place[ids] = np.arange(ids.size)
    mine = place[customers]
    days = day_numbers(instants[mine >= 0], facts.zone)
    most = int(days.max(initial=0)) + 1
    pairs = ascending_once(mine[mine >= 0] * most + days)
    return np.divmod(pairs, most)


def _expected(model: Model, histories: Histories, days: int) -> np.ndarray:
    found = model.forecast(histories, days).orders
    assert found is not None
    return found


def _course(model: Model, histories: Histories, days: Ints, since: date, held: int) -> pl.DataFrame:
    kinds = histories.kinds
    rows = []
    for end in range(_WEEK, held + 1, _WEEK):
        each = model.buying.expected(kinds.repeats, kinds.recency, kinds.age, end)
        rows.append(
            {
                "day": since + timedelta(days=end - 1),
                "expected": float(kinds.weight @ each),
                "actual": int(np.count_nonzero(days < end)),
            }
        )
    return pl.DataFrame(rows, schema=COURSE_COLUMNS)


def _classes(repeats: Ints, expected: np.ndarray, actual: np.ndarray) -> pl.DataFrame:
    group = np.minimum(repeats, _LARGEST_CLASS)
    size = _LARGEST_CLASS + 1
    return (
        pl.DataFrame(
            {
                "repeats": np.arange(size),
                "customers": np.bincount(group, minlength=size),
                "expected": np.bincount(group, weights=expected, minlength=size),
                "actual": np.bincount(group, weights=actual, minlength=size).astype(np.int64),
            },
            schema=CLASS_COLUMNS,
        )
        .filter(pl.col("customers") > 0)
        .sort("repeats")
    )
