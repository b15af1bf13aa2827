"""Operators that compare a field with a value. A new operator is one class, listed here.

Every operator answers true or false, never null: a value that is not there matches only where
``matches_missing`` says so (``is_not`` is the opposite of ``is``, so it includes the missing).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from segmind.segments.fields import FieldType
from segmind.segments.operators.base import Operator, Subject
from segmind.segments.operators.days import (
    After,
    AnniversaryIn,
    Before,
    InLastDays,
    InMonth,
    InNextDays,
    MoreThanDaysAgo,
)
from segmind.segments.operators.numbers import AtLeast, AtMost, Between, Greater, Less
from segmind.segments.operators.texts import Contains, ContainsNot, EndsWith, StartsWith
from segmind.segments.operators.values import AnyOf, Is, IsNot, IsNotSet, IsSet, NoneOf

__all__ = ["OPERATORS", "Operator", "Subject", "operators_for"]

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
        MoreThanDaysAgo(),
        InNextDays(),
        AnniversaryIn(),
        InMonth(),
        IsSet(),
        IsNotSet(),
    )
}


def operators_for(field: FieldType) -> list[str]:
    """The names of the operators that a field of this type takes."""
    return [name for name, operator in OPERATORS.items() if field in operator.types]
