"""Groups: all of, any of, none of."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from functools import reduce
from operator import and_, or_
from typing import TYPE_CHECKING, Any, Literal

import narwhals as nw
from pydantic import Field, field_validator

from segmind.segments.conditions.base import Condition, Found, Question, Requirement
from segmind.segments.fault import fault
from segmind.segments.words import Words

if TYPE_CHECKING:
    from segmind.segments.rule import AnyCondition


class Group(Condition):
    """Conditions together."""

    conditions: tuple[AnyCondition, ...] = Field(max_length=200)

    @field_validator("conditions")
    @classmethod
    def _says_something(cls, conditions: tuple[Any, ...]) -> tuple[Any, ...]:
        if not conditions and cls.model_fields["type"].default != "all":
            raise fault("The group is empty.", "Put at least one condition into it.")
        return conditions

    def requirements(self, question: Question) -> Iterator[Requirement]:
        for condition in self.conditions:
            yield from condition.requirements(question)

    def expressions(self, question: Question) -> list[nw.Expr]:
        return [condition.expression(question) for condition in self.conditions]

    def detail(self, question: Question, found: Found, words: Words) -> str:
        return ""

    def sentence(self, words: Words) -> str:
        return self.phrase(words)

    @abstractmethod
    def phrase(self, words: Words) -> str:
        """The group with its pronouns: ``who did this and whose country is DE``."""


class AllOf(Group):
    """Everything must be met; an empty one is everybody."""

    type: Literal["all"] = "all"

    def expression(self, question: Question) -> nw.Expr:
        # Not a literal: alone in a filter it would have no length.
        everybody = ~nw.col("customer_id").is_null()
        return reduce(and_, self.expressions(question), everybody)

    def phrase(self, words: Words) -> str:
        if not self.conditions:
            return "who exist"
        return joined(self.conditions, "and", words)


class AnyOf(Group):
    """At least one must be met."""

    type: Literal["any"] = "any"

    def expression(self, question: Question) -> nw.Expr:
        return reduce(or_, self.expressions(question))

    def phrase(self, words: Words) -> str:
        return joined(self.conditions, "or", words)


class NoneOf(Group):
    """Not one may be met."""

    type: Literal["none"] = "none"

    def expression(self, question: Question) -> nw.Expr:
        return ~reduce(or_, self.expressions(question))

    def phrase(self, words: Words) -> str:
        return f"not those {joined(self.conditions, 'or', words)}"


def joined(conditions: Sequence[Condition], conjunction: str, words: Words) -> str:
    """Conditions with their pronouns; groups of several in brackets."""
    return f" {conjunction} ".join(_bracketed(c, words) for c in conditions)


def _bracketed(condition: Condition, words: Words) -> str:
    if not isinstance(condition, Group):
        return f"{condition.pronoun} {condition.sentence(words)}"
    phrase = condition.phrase(words)
    return f"({phrase})" if len(condition.conditions) > 1 else phrase
