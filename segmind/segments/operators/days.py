"""Calendar days: before, after, lately, soon, long ago, every year."""

from __future__ import annotations

from typing import Any

import narwhals as nw

from segmind.segments import operands
from segmind.segments.fields import FieldType, Form
from segmind.segments.operators.base import DATED, Operator, Say, Subject


class _DayOperator(Operator):
    types = DATED

    def read(self, value: Any, field: FieldType) -> Any:
        return operands.day(value)

    def form(self, value: Any) -> Form:
        return Form.TEXT


class Before(_DayOperator):
    name = "before"

    def holds(self, subject: Subject, value: Any) -> nw.Expr:
        return subject.day() < subject.day_literal(operands.Day(value))

    def words(self, value: Any, say: Say) -> str:
        return f"is before {value}"


class After(_DayOperator):
    name = "after"

    def holds(self, subject: Subject, value: Any) -> nw.Expr:
        return subject.day() > subject.day_literal(operands.Day(value))

    def words(self, value: Any, say: Say) -> str:
        return f"is after {value}"


class _CountOfDays(_DayOperator):
    """Its operand is a number of days from today."""

    def read(self, value: Any, field: FieldType) -> Any:
        return operands.whole(value, low=0, high=36_500)


class InLastDays(_CountOfDays):
    """From so many calendar days before today up to today."""

    name = "in_last_days"

    def holds(self, subject: Subject, value: Any) -> nw.Expr:
        today = operands.Day.of(subject.at.today)
        day = subject.day()
        return (day >= subject.day_literal(today.minus(value))) & (
            day <= subject.day_literal(today)
        )

    def words(self, value: Any, say: Say) -> str:
        return f"is in the last {_days(value)}"


class MoreThanDaysAgo(_CountOfDays):
    """Earlier than so many calendar days before today: what ``in_last_days`` leaves of the past."""

    name = "more_than_days_ago"

    def holds(self, subject: Subject, value: Any) -> nw.Expr:
        first = operands.Day.of(subject.at.today).minus(value)
        return subject.day() < subject.day_literal(first)

    def words(self, value: Any, say: Say) -> str:
        return f"is more than {_days(value)} ago"


class InNextDays(_CountOfDays):
    """From today up to so many calendar days after it."""

    name = "in_next_days"

    def holds(self, subject: Subject, value: Any) -> nw.Expr:
        today = operands.Day.of(subject.at.today)
        day = subject.day()
        return (day >= subject.day_literal(today)) & (day <= subject.day_literal(today.plus(value)))

    def words(self, value: Any, say: Say) -> str:
        return f"is in the next {_days(value)}"


class AnniversaryIn(_DayOperator):
    """Its day and month come round from today up to so many days after it: a birthday near.

    29 February comes round on the 28th in years that have no 29th.
    """

    name = "anniversary_in_days"

    def read(self, value: Any, field: FieldType) -> Any:
        return operands.whole(value, low=0, high=365)

    def holds(self, subject: Subject, value: Any) -> nw.Expr:
        return subject.month_and_day().is_in(operands.anniversaries(subject.at.today, value))

    def words(self, value: Any, say: Say) -> str:
        if value == 0:
            return "has its anniversary today"
        return f"has its anniversary in the next {_days(value)}"


class InMonth(_DayOperator):
    """In a month of any year: 1 to 12, or ``current``, the month of the moment."""

    name = "in_month"

    def read(self, value: Any, field: FieldType) -> Any:
        return value if value == "current" else operands.whole(value, low=1, high=12)

    def holds(self, subject: Subject, value: Any) -> nw.Expr:
        return subject.is_in_month(subject.at.today.month if value == "current" else value)

    def words(self, value: Any, say: Say) -> str:
        return f"is in {operands.month_words(value)}"


def _days(n: int) -> str:
    return f"{n:,} day{'s' * (n != 1)}"
