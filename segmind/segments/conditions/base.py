"""What every condition can do: say what it needs, decide, speak, explain."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import narwhals as nw

from segmind.segments.aggregates.base import Aggregate
from segmind.segments.attributes import Attribute
from segmind.segments.moment import Moment
from segmind.segments.part import Part
from segmind.segments.words import Words

if TYPE_CHECKING:
    from segmind.segments.rule import Rule

Requirement = Aggregate | Attribute


@dataclass(frozen=True, slots=True)
class Question:
    """A moment, and the rules of the segments that are referred to."""

    at: Moment
    segments: Mapping[int, Rule]


@dataclass(frozen=True, slots=True)
class Found:
    """One customer's values: what conditions decided by, to be explained."""

    values: Mapping[str, Any]

    def of(self, aggregate: Aggregate, column: str) -> Any:
        """The customer's value of an aggregate's column."""
        value = self.values[aggregate.name(column)]
        return aggregate.missing[column] if value is None else value

    def attribute(self, attribute: Attribute) -> Any:
        """The customer's value of an attribute."""
        return self.values[attribute.name]


class Condition(Part):
    """A yes-or-no question about a customer.

    A new kind of condition is one subclass with its own ``type``, listed in ``rule``.
    """

    type: str

    @abstractmethod
    def requirements(self, question: Question) -> Iterator[Requirement]:
        """What must be known of every customer to decide."""

    @abstractmethod
    def expression(self, question: Question) -> nw.Expr:
        """Whether a customer meets it, over the columns of ``requirements``; never null."""

    @abstractmethod
    def sentence(self, words: Words) -> str:
        """The condition as it follows ``pronoun``: ``placed an order in the last 30 days``."""

    @abstractmethod
    def detail(self, question: Question, found: Found, words: Words) -> str:
        """What the customer's own figures are: ``last order 47 days ago, limit 45 days``."""

    @property
    def pronoun(self) -> Literal["who", "whose"]:
        """How the sentence is joined to ``customers``."""
        return "who"
