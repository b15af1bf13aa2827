"""Is it this, one of these, or there at all."""

from __future__ import annotations

from typing import Any

import narwhals as nw

from segmind.segments import operands
from segmind.segments.fields import FieldType
from segmind.segments.operators.base import EVERY, NUMERIC, TEXTUAL, Operator, Say, Subject
from segmind.segments.words import alternatives


class Is(Operator):
    name, types = "is", EVERY

    def read(self, value: Any, field: FieldType) -> Any:
        return operands.scalar(value, field)

    def holds(self, subject: Subject, value: Any) -> nw.Expr:
        if subject.type in {FieldType.DAY, FieldType.INSTANT}:
            return subject.day() == subject.day_literal(operands.Day(value))
        return subject.column == nw.lit(operands.in_column(value, subject.type))

    def words(self, value: Any, say: Say) -> str:
        return f"is {say(value)}"


class IsNot(Is):
    name, matches_missing = "is_not", True

    def holds(self, subject: Subject, value: Any) -> nw.Expr:
        return ~super().holds(subject, value)

    def words(self, value: Any, say: Say) -> str:
        return f"is not {say(value)}"


class AnyOf(Operator):
    name, types = "any_of", TEXTUAL | NUMERIC

    def read(self, value: Any, field: FieldType) -> Any:
        return operands.several(value, field)

    def holds(self, subject: Subject, value: Any) -> nw.Expr:
        if operands.are_numbers(value):
            return subject.column.cast(nw.Float64).is_in([float(v) for v in value])
        return subject.column.is_in([operands.in_column(v, subject.type) for v in value])

    def words(self, value: Any, say: Say) -> str:
        return f"is one of {alternatives([say(v) for v in value])}"


class NoneOf(AnyOf):
    name, matches_missing = "none_of", True

    def holds(self, subject: Subject, value: Any) -> nw.Expr:
        return ~super().holds(subject, value)

    def words(self, value: Any, say: Say) -> str:
        return f"is none of {alternatives([say(v) for v in value])}"


class IsSet(Operator):
    name, types = "is_set", EVERY

    def read(self, value: Any, field: FieldType) -> Any:
        return operands.nothing(value)

    def holds(self, subject: Subject, value: Any) -> nw.Expr:
        return ~subject.column.is_null()

    def words(self, value: Any, say: Say) -> str:
        return "is set"


class IsNotSet(IsSet):
    name, matches_missing = "is_not_set", True

    def holds(self, subject: Subject, value: Any) -> nw.Expr:
        return subject.column.is_null()

    def words(self, value: Any, say: Say) -> str:
        return "is not set"
