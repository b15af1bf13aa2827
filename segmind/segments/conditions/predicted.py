"""The condition on what a customer is expected to do next."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, Literal, Self

import narwhals as nw
from pydantic import Field, ValidationInfo, field_validator, model_validator

from segmind import percent
from segmind.predictions.model import HORIZON
from segmind.segments.aggregates.predictions import Predictions
from segmind.segments.conditions.base import Condition, Found, Question, Requirement
from segmind.segments.fault import fault
from segmind.segments.words import Words

What = Literal["predicted_orders", "probability_alive", "predicted_value"]
Op = Literal["at_least", "at_most", "more_than", "less_than"]
#: What is asked: its column of the forecast, and what it is called.
_COLUMNS: Final[dict[str, tuple[str, str]]] = {
    "predicted_orders": ("orders", "expected orders"),
    "probability_alive": ("alive", "probability of still being a customer"),
    "predicted_value": ("value", "expected revenue"),
}
_LARGEST: Final = 10**15


class Predicted(Condition):
    """An expectation of the shop's model compared with a number.

    ``predicted_orders``: days with an order to be expected in the next ``days`` (90 unless said).
    ``predicted_value``: what those are worth, in minor units. ``probability_alive``: 0 to 1. Who
    never bought, and everybody in a shop without a model, has none and does not meet it.
    """

    type: Literal["predicted"] = "predicted"
    what: What
    op: Op = "at_least"
    n: float = Field(ge=0, le=_LARGEST, allow_inf_nan=False)
    days: int | None = Field(default=None, ge=1, le=730)

    @field_validator("n")
    @classmethod
    def _fits(cls, n: float, info: ValidationInfo) -> float:
        what = info.data.get("what")
        if what == "probability_alive" and n > 1:
            raise fault("A probability is at most 1.", "Write 70% as 0.7.")
        if what == "predicted_value" and n != int(n):
            raise fault("Money counts in whole minor units.", "Write 19.90 as 1990.")
        return n

    @model_validator(mode="after")
    def _looks_ahead(self) -> Self:
        if self.what == "probability_alive" and self.days is not None:
            raise fault("probability_alive is of the moment.", "Leave days away.")
        return self

    @property
    def _column(self) -> str:
        return _COLUMNS[self.what][0]

    @property
    def _days(self) -> int:
        return self.days or HORIZON

    def _aggregate(self) -> Predictions:
        return Predictions(self._days)

    def requirements(self, question: Question) -> Iterator[Requirement]:
        yield self._aggregate()

    def expression(self, question: Question) -> nw.Expr:
        value = self._aggregate().column(self._column)
        match self.op:
            case "at_least":
                met = value >= self.n
            case "at_most":
                met = value <= self.n
            case "more_than":
                met = value > self.n
            case "less_than":
                met = value < self.n
        return met.fill_null(False)

    def _say(self, value: float, words: Words) -> str:
        match self.what:
            case "probability_alive":
                return percent.said(100 * round(value, 4))
            case "predicted_value":
                return words.money(value)
        return f"{round(value, 2):,.6g}"

    def sentence(self, words: Words) -> str:
        said = f"{self.op.replace('_', ' ')} {self._say(self.n, words)}"
        ahead = "" if self.what == "probability_alive" else f" in the next {self._days} days"
        verb = "are" if self.what == "predicted_orders" else "is"
        return f"{_COLUMNS[self.what][1]}{ahead} {verb} {said}"

    @property
    def pronoun(self) -> Literal["whose"]:
        return "whose"

    def detail(self, question: Question, found: Found, words: Words) -> str:
        aggregate = self._aggregate()
        bought = found.of(aggregate, "purchases")
        if not bought:
            return "never bought"
        value: Any = found.of(aggregate, self._column)
        since = found.of(aggregate, "since")
        so_far = (
            f"ordered on {bought:,} day{'s' * (bought != 1)}, "
            f"the last {since:,} day{'s' * (since != 1)} ago"
        )
        told = "not known yet" if value is None else self._say(value, words)
        return f"{told}; {so_far}"
