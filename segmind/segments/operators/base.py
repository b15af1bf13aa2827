"""What every operator is, and what it is asked about."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import narwhals as nw

from segmind.segments import operands
from segmind.segments.fields import FieldType, Form
from segmind.segments.moment import Moment

TEXTUAL: Final = frozenset({FieldType.TEXT, FieldType.OPEN})
NUMERIC: Final = frozenset({FieldType.NUMBER, FieldType.MONEY, FieldType.OPEN})
DATED: Final = frozenset({FieldType.DAY, FieldType.INSTANT, FieldType.OPEN})
EVERY: Final = frozenset(FieldType)
Say = Callable[[Any], str]


@dataclass(frozen=True, slots=True)
class Subject:
    """What is compared: a column, what it holds, and the moment of the question."""

    column: nw.Expr
    type: FieldType
    at: Moment

    def day(self) -> nw.Expr:
        """The calendar day: a date, or of an open value the ISO text that it begins with.

        ISO days sort as text like dates do, so that nothing has to be parsed and nothing can fail.
        """
        match self.type:
            case FieldType.DAY:
                return self.column
            case FieldType.INSTANT:
                return self.column.dt.convert_time_zone(self.at.zone.key).dt.date()
            case _:
                return nw.when(self.column.str.contains(r"^\d{4}-\d{2}-\d{2}")).then(
                    self.column.str.slice(0, 10)
                )

    def is_in_month(self, month: int) -> nw.Expr:
        """Whether the calendar day lies in this month (1 to 12) of any year."""
        if self.type is FieldType.OPEN:
            return self.day().str.slice(5, 2) == f"{month:02d}"
        return self.day().dt.month() == month

    def month_and_day(self) -> nw.Expr:
        """Month and day of the calendar day: ``02-29``."""
        if self.type is FieldType.OPEN:
            return self.day().str.slice(5, 5)
        return self.day().dt.to_string("%m-%d")

    def day_literal(self, day: operands.Day) -> nw.Expr:
        """A day in the form in which ``day()`` gives the column's."""
        value = day.date
        return nw.lit(value.isoformat() if self.type is FieldType.OPEN else value)


class Operator(ABC):
    """One comparison."""

    name: ClassVar[str]
    types: ClassVar[frozenset[FieldType]]
    matches_missing: ClassVar[bool] = False

    @abstractmethod
    def read(self, value: Any, field: FieldType) -> Any:
        """The operand in its normal, hashable form. Raises a fault if it does not fit."""

    @abstractmethod
    def holds(self, subject: Subject, value: Any) -> nw.Expr:
        """Whether it holds; may be null where the column is."""

    @abstractmethod
    def words(self, value: Any, say: Say) -> str:
        """As it follows the field's name: ``is at least 5``. ``say`` puts one value in words."""

    def form(self, value: Any) -> Form:
        """How an open field must be read for this operand."""
        items = value if isinstance(value, tuple) else (value,)
        return Form.NUMBER if operands.are_numbers(items) else Form.TEXT

    def expression(self, subject: Subject, value: Any) -> nw.Expr:
        """Whether it holds, never null."""
        return self.holds(subject, value).fill_null(self.matches_missing)
