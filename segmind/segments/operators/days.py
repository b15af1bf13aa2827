"""Calendar days: before, after, lately, in a month."""

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


class InLastDays(_DayOperator):
    """From so many calendar days before today up to today."""

    name = "in_last_days"

    def read(self, value: Any, field: FieldType) -> Any:
        return operands.whole(value, low=0, high=36_500)

    def holds(self, subject: Subject, value: Any) -> nw.Expr:
        today = operands.Day.of(subject.at.today)
        day = subject.day()
        return (day >= subject.day_literal(today.minus(value))) & (
            day <= subject.day_literal(today)
        )

    def words(self, value: Any, say: Say) -> str:
        return f"is in the last {value} days"


class InMonth(_DayOperator):
    """In a month of any year: 1 to 12, or ``current``, the month of the moment."""

    name = "in_month"

    def read(self, value: Any, field: FieldType) -> Any:
        return value if value == "current" else operands.whole(value, low=1, high=12)

    def holds(self, subject: Subject, value: Any) -> nw.Expr:
        return subject.is_in_month(subject.at.today.month if value == "current" else value)

    def words(self, value: Any, say: Say) -> str:
        return f"is in {operands.month_words(value)}"
