"""More or less than a number, or between two."""

from __future__ import annotations

from typing import Any

import narwhals as nw

from segmind.segments import operands
from segmind.segments.fields import FieldType
from segmind.segments.operators.base import DATED, NUMERIC, Operator, Say, Subject


class _NumberOperator(Operator):
    types = NUMERIC

    def read(self, value: Any, field: FieldType) -> Any:
        return operands.number(value, field)


class Greater(_NumberOperator):
    name = "greater"

    def holds(self, subject: Subject, value: Any) -> nw.Expr:
        return subject.column > nw.lit(value)

    def words(self, value: Any, say: Say) -> str:
        return f"is more than {say(value)}"


class AtLeast(_NumberOperator):
    name = "at_least"

    def holds(self, subject: Subject, value: Any) -> nw.Expr:
        return subject.column >= nw.lit(value)

    def words(self, value: Any, say: Say) -> str:
        return f"is at least {say(value)}"


class Less(_NumberOperator):
    name = "less"

    def holds(self, subject: Subject, value: Any) -> nw.Expr:
        return subject.column < nw.lit(value)

    def words(self, value: Any, say: Say) -> str:
        return f"is less than {say(value)}"


class AtMost(_NumberOperator):
    name = "at_most"

    def holds(self, subject: Subject, value: Any) -> nw.Expr:
        return subject.column <= nw.lit(value)

    def words(self, value: Any, say: Say) -> str:
        return f"is at most {say(value)}"


class Between(Operator):
    """Both ends included; numbers or days."""

    name, types = "between", NUMERIC | DATED

    def read(self, value: Any, field: FieldType) -> Any:
        return operands.pair(value, field)

    def holds(self, subject: Subject, value: Any) -> nw.Expr:
        low, high = value
        if isinstance(low, str):
            low, high = operands.Day(low), operands.Day(high)
            day = subject.day()
            return (day >= subject.day_literal(low)) & (day <= subject.day_literal(high))
        return (subject.column >= nw.lit(low)) & (subject.column <= nw.lit(high))

    def words(self, value: Any, say: Say) -> str:
        return f"is between {say(value[0])} and {say(value[1])}"
