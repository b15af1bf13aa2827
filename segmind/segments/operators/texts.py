"""Looking inside a text."""

from __future__ import annotations

from typing import Any

import narwhals as nw

from segmind.segments import operands
from segmind.segments.fields import FieldType, Form
from segmind.segments.operators.base import TEXTUAL, Operator, Say, Subject


class _TextOperator(Operator):
    """Looks inside a text; capital and small letters are the same."""

    types = TEXTUAL

    def read(self, value: Any, field: FieldType) -> Any:
        return operands.text(value)

    def form(self, value: Any) -> Form:
        return Form.TEXT


class Contains(_TextOperator):
    name = "contains"

    def holds(self, subject: Subject, value: Any) -> nw.Expr:
        return subject.column.str.to_lowercase().str.contains(value.lower(), literal=True)

    def words(self, value: Any, say: Say) -> str:
        return f"contains {say(value)}"


class ContainsNot(Contains):
    name, matches_missing = "contains_not", True

    def holds(self, subject: Subject, value: Any) -> nw.Expr:
        return ~super().holds(subject, value)

    def words(self, value: Any, say: Say) -> str:
        return f"does not contain {say(value)}"


class StartsWith(_TextOperator):
    name = "starts_with"

    def holds(self, subject: Subject, value: Any) -> nw.Expr:
        return subject.column.str.to_lowercase().str.starts_with(value.lower())

    def words(self, value: Any, say: Say) -> str:
        return f"starts with {say(value)}"


class EndsWith(_TextOperator):
    name = "ends_with"

    def holds(self, subject: Subject, value: Any) -> nw.Expr:
        return subject.column.str.to_lowercase().str.ends_with(value.lower())

    def words(self, value: Any, say: Say) -> str:
        return f"ends with {say(value)}"
