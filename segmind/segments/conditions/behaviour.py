"""Conditions on what a customer did: how often, how much, how many different ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, Literal, Self

import narwhals as nw
from pydantic import Field, field_validator, model_validator

from segmind.segments import fields
from segmind.segments.acts import ORDER, SESSION, Act, phrase
from segmind.segments.aggregates.base import Aggregate
from segmind.segments.aggregates.distinct import Days, Products
from segmind.segments.aggregates.totals import totals
from segmind.segments.aggregates.values import Values
from segmind.segments.conditions.base import Condition, Found, Question, Requirement
from segmind.segments.fault import fault
from segmind.segments.thresholds import CountThreshold
from segmind.segments.windows import Ever, Window
from segmind.segments.words import Words, times

Metric = Literal[
    "count",
    "value_sum",
    "value_average",
    "quantity_sum",
    "distinct_days",
    "distinct_products",
    "distinct_values",
]
#: Metrics in money.
OF_VALUE: Final = frozenset({"value_sum", "value_average"})
#: Metrics that look into single events; what is derived has none of its own.
_OF_EVENTS: Final = {"distinct_products": "Products", "distinct_values": "Values"}
#: Metrics of which at least 1 means that it was done, and 0 that it was not.
_AS_OFTEN: Final = frozenset({"count", "distinct_days"})
_OF_ROWS: Final = {"value_sum": "value", "value_average": "value", "quantity_sum": "quantity"}


class Did(Condition, Act, CountThreshold):
    """Did an act so often, for so much, on so many days, or with so many products, in a window.

    ``value_average`` is the value of one: who never did it has none, and meets nothing.
    ``distinct_values`` are those of the field ``of``.
    """

    type: Literal["did"] = "did"
    metric: Metric = "count"
    of: str | None = Field(default=None, max_length=120)
    window: Window = Field(default_factory=Ever)

    @field_validator("of")
    @classmethod
    def _can_be_told_apart(cls, name: str | None) -> str | None:
        if name is None or name.startswith((fields.PRODUCT, fields.PROPERTIES)):
            return name if name is None or fields.event_field(name) else None
        raise fault(
            f"Values of {name!r} cannot be told apart.",
            "Count those of a field of the product or of a property (properties.x).",
        )

    @model_validator(mode="after")
    def _can_be_counted(self) -> Self:
        if self.metric in _OF_EVENTS and self.event in {ORDER, SESSION}:
            raise fault(
                f"{_OF_EVENTS[self.metric]} of {self.event}s cannot be counted.",
                "Ask for the event order_completed: it is one product of an order.",
            )
        if self.metric in _OF_ROWS and self.event == SESSION:
            raise fault(f"A session has no {_OF_ROWS[self.metric]}.", "Ask for the event order.")
        if (self.metric == "distinct_values") != (self.of is not None):
            raise fault("Only distinct_values takes of, and it needs one.", "Change metric or of.")
        return self

    def _measure(self, question: Question) -> tuple[Aggregate, str]:
        """The aggregate that is asked, and its column."""
        act = Act(event=self.event, where=self.where)
        span = self.window.span(question.at)
        match self.metric:
            case "count":
                return totals(act, span), "n"
            case "value_sum" | "value_average":
                return totals(act, span), "value"
            case "quantity_sum":
                return totals(act, span), "quantity"
            case "distinct_days":
                return Days(act, span), "days"
            case "distinct_products":
                return Products(act, span), "products"
            case "distinct_values":
                return Values(act, self.of or "", span), "values"

    def requirements(self, question: Question) -> Iterator[Requirement]:
        yield self._measure(question)[0]

    def expression(self, question: Question) -> nw.Expr:
        aggregate, column = self._measure(question)
        if self.metric == "value_average":
            return self.holds_average(aggregate.column("value"), aggregate.column("n"))
        return self.holds(aggregate.column(column))

    def sentence(self, words: Words) -> str:
        act, where = phrase(self.event), self.where_words(words)
        when = self.window.words()
        tail = "" if when == "ever" else f" {when}"
        if self.means_never and self.metric in _AS_OFTEN:
            return f"did not {act.base}{where}{tail or ' ever'}"
        if self.means_any and self.metric in _AS_OFTEN:
            return f"{act.past}{where}{tail}"
        return f"{act.past}{where} {self._amount(words)}{tail}"

    def _amount(self, words: Words) -> str:
        match self.metric:
            case "count":
                return self.words(times)
            case "value_sum":
                return f"for {self.words(words.money)} in total"
            case "value_average":
                return f"for {self.words(words.money)} on average"
            case "quantity_sum":
                return f"({self.words(_counted('item'))})"
            case "distinct_values":
                return f"({self.words(_counted('different value'))} of {_label(self.of or '')})"
            case "distinct_days":
                return f"on {self.words(_counted('different day'))}"
            case "distinct_products":
                return f"({self.words(_counted('different product'))})"

    def detail(self, question: Question, found: Found, words: Words) -> str:
        n = found.of(*self._measure(question))
        match self.metric:
            case "count":
                return "never" if n == 0 else times(n)
            case "value_sum":
                return f"{words.money(n)} in total"
            case "value_average":
                count = found.of(self._measure(question)[0], "n")
                return "never" if count == 0 else f"{words.money(n / count)} on average"
            case "quantity_sum":
                return _counted("item")(n)
            case "distinct_values":
                return _counted("different value")(n)
            case "distinct_days":
                return f"on {_counted('different day')(n)}"
            case "distinct_products":
                return _counted("different product")(n)


def _label(field: str) -> str:
    return field.removeprefix(fields.PROPERTIES).removeprefix(fields.PRODUCT).replace("_", " ")


def _counted(thing: str) -> Callable[[int], str]:
    return lambda n: f"{n:,} {thing}{'s' * (n != 1)}"
