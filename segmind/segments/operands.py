"""Operands of operators: read out of JSON, checked against the field, put into a column's terms."""

from __future__ import annotations

import calendar
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

from segmind.segments.fault import fault
from segmind.segments.fields import FieldType

_LONGEST_TEXT: Final = 1_000
_MOST_VALUES: Final = 1_000
_LARGEST: Final = 10**15
_EARLIEST: Final = date(1, 1, 1)


@dataclass(frozen=True, slots=True)
class Day:
    """A calendar day, kept as its ISO text."""

    iso: str

    @classmethod
    def of(cls, day: date) -> Day:
        return cls(day.isoformat())

    @property
    def date(self) -> date:
        return date.fromisoformat(self.iso)

    def minus(self, days: int) -> Day:
        """So many days earlier, as far as the calendar goes."""
        reach = (self.date - _EARLIEST).days
        return Day.of(self.date - timedelta(days=min(days, reach)))

    def plus(self, days: int) -> Day:
        """So many days later, as far as the calendar goes."""
        reach = (date.max - self.date).days
        return Day.of(self.date + timedelta(days=min(days, reach)))


def text(value: Any) -> str:
    """A text that is not empty."""
    if value == "":
        raise fault("A value is missing.", "Choose or type one.")
    if not isinstance(value, str):
        raise fault("The value must be a text.", "Give it in quotes, at least one character.")
    if len(value) > _LONGEST_TEXT:
        raise fault(f"The text is longer than {_LONGEST_TEXT:,} characters.")
    return value


def number(value: Any, field: FieldType) -> int | float:
    """A finite number; whole for money, which counts in minor units."""
    if not _is_number(value):
        raise fault("The value must be a number.", "Give it without quotes, like 10.")
    if not math.isfinite(value) or abs(value) > _LARGEST:
        raise fault("The number is too large.", f"At most {_LARGEST:,}.")
    if field is FieldType.MONEY and not isinstance(value, int):
        raise fault("Money counts in whole minor units.", "Write 19.90 as 1990.")
    return value  # type: ignore[no-any-return]


def whole(value: Any, *, low: int, high: int) -> int:
    """A whole number from ``low`` to ``high``."""
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise fault(f"The value must be a whole number from {low} to {high:,}.")
    return value


def day(value: Any) -> str:
    """A calendar day as ISO text."""
    try:
        return date.fromisoformat(value).isoformat()
    except (TypeError, ValueError):
        raise fault("The value must be a day.", "Write it as 2026-03-31.") from None


def nothing(value: Any) -> None:
    """No operand."""
    if value is not None:
        raise fault("This operator takes no value.", "Leave value away.")


def scalar(value: Any, field: FieldType) -> Any:
    """One value of the field's type; of an open field a text, a number, true or false."""
    match field:
        case FieldType.TEXT:
            return text(value)
        case FieldType.NUMBER | FieldType.MONEY:
            return number(value, field)
        case FieldType.DAY | FieldType.INSTANT:
            return day(value)
        case FieldType.FLAG:
            return _flag(value)
        case FieldType.OPEN:
            return _open(value, field)


def several(value: Any, field: FieldType) -> tuple[Any, ...]:
    """At least one value, all of one type."""
    if not isinstance(value, list | tuple) or not value:
        raise fault("The value must be a list.", 'At least one value: ["a", "b"].')
    if len(value) > _MOST_VALUES:
        raise fault(f"More than {_MOST_VALUES:,} values.", "Use a trait that groups them.")
    items = tuple(scalar(item, field) for item in value)
    if field is FieldType.OPEN and len({_is_number(item) for item in items}) > 1:
        raise fault("The values must be all texts or all numbers.")
    return items


def pair(value: Any, field: FieldType) -> tuple[Any, Any]:
    """Two numbers or two days, the lower one first."""
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise fault("The value must be a pair.", "Give the lower and the upper end: [10, 20].")
    is_dated = field in {FieldType.DAY, FieldType.INSTANT}
    if is_dated or (field is FieldType.OPEN and isinstance(value[0], str)):
        low, high = day(value[0]), day(value[1])
    else:
        low, high = number(value[0], field), number(value[1], field)  # type: ignore[assignment]
    if low > high:
        raise fault("The lower end is above the upper end.", "Swap the two.")
    return low, high


def are_numbers(values: Sequence[Any]) -> bool:
    """Whether all of the values are numbers (true and false are none)."""
    return all(_is_number(value) for value in values)


def in_column(value: Any, field: FieldType) -> Any:
    """A value as the column writes it: an open field's true is the text ``true``."""
    if field is FieldType.OPEN and isinstance(value, bool):
        return str(value).lower()
    return value


def anniversaries(first: date, days: int) -> list[str]:
    """The anniversaries (``02-29``) that fall on ``first`` or on one of so many days after it."""
    ahead = [Day.of(first).plus(n).date for n in range(days + 1)]
    found = {f"{day:%m-%d}" for day in ahead}
    if any((day.month, day.day) == (2, 28) and not calendar.isleap(day.year) for day in ahead):
        found.add("02-29")
    return sorted(found)


def month_words(value: int | str) -> str:
    """``3`` is March; ``current`` is this month."""
    return calendar.month_name[value] if isinstance(value, int) else "this month"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise fault("The value must be true or false.")
    return value


def _open(value: Any, field: FieldType) -> Any:
    if isinstance(value, bool):
        return value
    return number(value, field) if _is_number(value) else text(value)
