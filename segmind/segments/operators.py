"""Operators that compare a field with a value. A new operator is one class, listed at the end.

Every operator answers true or false, never null: a value that is not there matches only where
``matches_missing`` says so (``is_not`` is the opposite of ``is``, so it includes the missing).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import narwhals as nw

from segmind.segments import operands
from segmind.segments.fields import FieldType, Form
from segmind.segments.moment import Moment
from segmind.segments.words import alternatives

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


OPERATORS: Final[Mapping[str, Operator]] = {
    operator.name: operator
    for operator in (
        Is(),
        IsNot(),
        AnyOf(),
        NoneOf(),
        Contains(),
        ContainsNot(),
        StartsWith(),
        EndsWith(),
        Greater(),
        AtLeast(),
        Less(),
        AtMost(),
        Between(),
        Before(),
        After(),
        InLastDays(),
        InMonth(),
        IsSet(),
        IsNotSet(),
    )
}


def operators_for(field: FieldType) -> list[str]:
    """The names of the operators that a field of this type takes."""
    return [name for name, operator in OPERATORS.items() if field in operator.types]
