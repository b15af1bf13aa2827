"""Conditions on what a customer did: how often, how much, how long ago."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal, Self

import narwhals as nw
from pydantic import Field, model_validator

from segmind.segments.acts import ORDER, SESSION, Act, phrase
from segmind.segments.aggregates.base import Aggregate
from segmind.segments.aggregates.distinct import Days, Products
from segmind.segments.aggregates.totals import totals
from segmind.segments.conditions.base import Condition, Found, Question, Requirement
from segmind.segments.fault import fault
from segmind.segments.thresholds import CountThreshold
from segmind.segments.windows import Duration, Ever, Window
from segmind.segments.words import Words, ago, times

Metric = Literal["count", "value_sum", "distinct_days", "distinct_products"]


class Did(Condition, Act, CountThreshold):
    """Did an act so often, for so much, on so many days, or with so many products, in a window."""

    type: Literal["did"] = "did"
    metric: Metric = "count"
    window: Window = Field(default_factory=Ever)

    @model_validator(mode="after")
    def _can_be_counted(self) -> Self:
        if self.metric == "distinct_products" and self.event in {ORDER, SESSION}:
            raise fault(
                f"Products of {self.event}s cannot be counted.",
                "Ask for the event order_completed: it is one product of an order.",
            )
        if self.metric == "value_sum" and self.event == SESSION:
            raise fault("A session has no value.", "Ask for the event order.")
        return self

    def _measure(self, question: Question) -> tuple[Aggregate, str]:
        """The aggregate that is asked, and its column."""
        act = Act(event=self.event, where=self.where)
        span = self.window.span(question.at)
        match self.metric:
            case "count":
                return totals(act, span), "n"
            case "value_sum":
                return totals(act, span), "value"
            case "distinct_days":
                return Days(act, span), "days"
            case "distinct_products":
                return Products(act, span), "products"

    def requirements(self, question: Question) -> Iterator[Requirement]:
        yield self._measure(question)[0]

    def expression(self, question: Question) -> nw.Expr:
        aggregate, column = self._measure(question)
        return self.holds(aggregate.column(column))

    def presence(self, question: Question) -> frozenset[Aggregate]:
        if self.lets_zero_pass:
            return frozenset()
        return frozenset({self._measure(question)[0]})

    def sentence(self, words: Words) -> str:
        act, where = phrase(self.event), self.where_words(words)
        when = self.window.words()
        tail = "" if when == "ever" else f" {when}"
        if self.means_never and self.metric != "value_sum":
            return f"did not {act.base}{where}{tail or ' ever'}"
        if self.means_any and self.metric != "value_sum":
            return f"{act.past}{where}{tail}"
        return f"{act.past}{where} {self._amount(words)}{tail}"

    def _amount(self, words: Words) -> str:
        match self.metric:
            case "count":
                return self.words(times)
            case "value_sum":
                return f"for {self.words(words.money)} in total"
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
            case "distinct_days":
                return f"on {_counted('different day')(n)}"
            case "distinct_products":
                return _counted("different product")(n)


class Recency(Condition, Act):
    """The last time lies within so long before the moment, or longer ago, or there is none.

    ``within`` and ``more_than`` part those who ever did it; exactly so long ago is within.
    """

    type: Literal["recency"] = "recency"
    op: Literal["within", "more_than", "never"]
    ago: Duration | None = None

    @model_validator(mode="after")
    def _has_the_limit_it_needs(self) -> Self:
        if (self.op == "never") == (self.ago is not None):
            raise fault("within and more_than need ago, never takes none.", "Change op or ago.")
        return self

    def _aggregate(self, question: Question) -> Aggregate:
        return totals(Act(event=self.event, where=self.where), question.at.ever())

    def requirements(self, question: Question) -> Iterator[Requirement]:
        yield self._aggregate(question)

    def expression(self, question: Question) -> nw.Expr:
        last = self._aggregate(question).column("last_ts")
        if self.ago is None:
            return last.is_null()
        limit = question.at.last(self.ago.length).since
        return (last >= limit if self.op == "within" else last < limit).fill_null(False)

    def presence(self, question: Question) -> frozenset[Aggregate]:
        return frozenset() if self.op == "never" else frozenset({self._aggregate(question)})

    def sentence(self, words: Words) -> str:
        act, where = phrase(self.event), self.where_words(words)
        match self.op:
            case "never":
                return f"never {act.past}{where}"
            case "within":
                return f"last {act.past}{where} within the last {self.ago}"
            case "more_than":
                return f"last {act.past}{where} more than {self.ago} ago"

    def detail(self, question: Question, found: Found, words: Words) -> str:
        last = found.of(self._aggregate(question), "last_ts")
        limit = "" if self.ago is None else f", limit {self.ago}"
        name = phrase(self.event).noun
        if last is None:
            return f"no {name} so far{limit}"
        return f"last {name} {ago(last, question.at.as_of)}{limit}"


def _counted(thing: str) -> Callable[[int], str]:
    return lambda n: f"{n:,} {thing}{'s' * (n != 1)}"
