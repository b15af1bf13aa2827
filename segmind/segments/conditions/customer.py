"""Conditions on what a customer is: fields and traits, reachability, consent, chance."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, Self

import narwhals as nw
from pydantic import Field, model_validator

from segmind import percent
from segmind.segments import attributes
from segmind.segments.attributes import Attribute
from segmind.segments.comparison import CustomerComparison
from segmind.segments.conditions.base import Condition, Found, Question, Requirement
from segmind.segments.fault import fault
from segmind.segments.reach import ChannelName
from segmind.segments.words import Words

_CHANNEL_WORDS = {"email": "e-mail", "sms": "SMS", "push": "push"}


class Trait(CustomerComparison, Condition):
    """A customer's field (``country``) or custom trait (``traits.tier``) compared with a value."""

    type: Literal["trait"] = "trait"

    @property
    def attribute(self) -> Attribute:
        if self.form is None:
            return attributes.Field(self.field)
        return attributes.Trait(self.field, self.form)

    @property
    def pronoun(self) -> Literal["whose"]:
        return "whose"

    def requirements(self, question: Question) -> Iterator[Requirement]:
        yield self.attribute

    def expression(self, question: Question) -> nw.Expr:
        return self.holds(self.attribute.column(), question.at)

    def detail(self, question: Question, found: Found, words: Words) -> str:
        value: Any = found.attribute(self.attribute)
        return "not set" if value is None else f"is {words.operand(value, self.field_type)}"


class Reachable(Condition):
    """Marketing may reach the customer: an address that works, a yes, no suppression."""

    type: Literal["reachable"] = "reachable"
    channel: ChannelName

    @property
    def attribute(self) -> Attribute:
        return attributes.Reachable(self.channel)

    def requirements(self, question: Question) -> Iterator[Requirement]:
        yield self.attribute

    def expression(self, question: Question) -> nw.Expr:
        return self.attribute.column()

    def sentence(self, words: Words) -> str:
        return f"can be reached by {_CHANNEL_WORDS[self.channel]}"

    def detail(self, question: Question, found: Found, words: Words) -> str:
        if found.attribute(self.attribute):
            return "address, consent and no suppression"
        return "address or consent is missing, or the address is suppressed"


class Consent(Condition):
    """What the customer said to messages on a channel; unknown: nothing so far."""

    type: Literal["consent"] = "consent"
    channel: ChannelName
    status: Literal["yes", "no", "unknown"] = "yes"

    @property
    def attribute(self) -> Attribute:
        return attributes.Field(f"{self.channel}_consent")

    def requirements(self, question: Question) -> Iterator[Requirement]:
        yield self.attribute

    def expression(self, question: Question) -> nw.Expr:
        column = self.attribute.column()
        if self.status == "unknown":
            return column.is_null()
        return (column == (1 if self.status == "yes" else 0)).fill_null(False)

    @property
    def pronoun(self) -> Literal["whose"]:
        return "whose"

    def sentence(self, words: Words) -> str:
        return f"consent to {_CHANNEL_WORDS[self.channel]} is {self.status}"

    def detail(self, question: Question, found: Found, words: Words) -> str:
        said = {1: "yes", 0: "no", None: "unknown"}
        return f"consent is {said[found.attribute(self.attribute)]}"


class Bucket(Condition):
    """A stable random share of all customers, the same for ever for one salt.

    From ``from_percent`` up to but not including ``to_percent``: 0 to 10 and 10 to 100 never
    overlap and leave nobody out.
    """

    type: Literal["bucket"] = "bucket"
    salt: str = Field(default="segment", min_length=1, max_length=100)
    from_percent: float = Field(default=0, ge=0, le=100, allow_inf_nan=False)
    to_percent: float = Field(ge=0, le=100, allow_inf_nan=False)

    @model_validator(mode="after")
    def _holds_somebody(self) -> Self:
        if self._ends[0] >= self._ends[1]:
            raise fault("The share is empty.", "to_percent must be above from_percent, by 0.01.")
        return self

    @property
    def _ends(self) -> tuple[int, int]:
        return round(self.from_percent * 100), round(self.to_percent * 100)

    @property
    def attribute(self) -> Attribute:
        return attributes.Bucket(self.salt)

    def requirements(self, question: Question) -> Iterator[Requirement]:
        yield self.attribute

    def expression(self, question: Question) -> nw.Expr:
        low, high = self._ends
        return (self.attribute.column() >= low) & (self.attribute.column() < high)

    def sentence(self, words: Words) -> str:
        share = f"{self.from_percent:g} to {percent.said(self.to_percent)}"
        return f"are in the random share {share} of “{self.salt}”"

    def detail(self, question: Question, found: Found, words: Words) -> str:
        return f"at {percent.of_share(found.attribute(self.attribute) / 10_000, 2)}"
