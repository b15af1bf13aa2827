"""Conditions that compare: one act with another, a stretch with the one before, all customers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, Self

import narwhals as nw
from pydantic import Field, ValidationInfo, field_validator, model_validator

from segmind import percent
from segmind.segments.acts import ORDER, SESSION, Act, checked_event, checked_where, phrase
from segmind.segments.aggregates.base import Aggregate
from segmind.segments.aggregates.revenue import NetRevenueRank
from segmind.segments.aggregates.totals import totals
from segmind.segments.comparison import EventComparison
from segmind.segments.conditions.base import Condition, Found, Question, Requirement
from segmind.segments.fault import fault
from segmind.segments.thresholds import RatioThreshold
from segmind.segments.windows import Duration, Ever, Window
from segmind.segments.words import Words


class Rate(Condition, RatioThreshold):
    """How often ``event`` happened for every ``per``, of which there must be ``minimum``.

    Orders per session is the customer's conversion rate.
    """

    type: Literal["rate"] = "rate"
    event: str = Field(default=ORDER, min_length=1, max_length=200)
    per: str = Field(default=SESSION, min_length=1, max_length=200)
    where: tuple[EventComparison, ...] = Field(default=(), max_length=20)
    per_where: tuple[EventComparison, ...] = Field(default=(), max_length=20)
    minimum: int = Field(default=1, ge=1, le=1_000_000)
    window: Window = Field(default_factory=Ever)

    @field_validator("event", "per")
    @classmethod
    def _is_an_act(cls, name: str) -> str:
        return checked_event(name)

    @field_validator("where", "per_where")
    @classmethod
    def _can_be_asked(
        cls, where: tuple[EventComparison, ...], info: ValidationInfo
    ) -> tuple[EventComparison, ...]:
        of = {"where": "event", "per_where": "per"}[str(info.field_name)]
        return checked_where(where, info.data.get(of))

    @property
    def acts(self) -> tuple[Act, Act]:
        """What is counted, and for every what."""
        return Act(event=self.event, where=self.where), Act(event=self.per, where=self.per_where)

    def _aggregates(self, question: Question) -> tuple[Aggregate, Aggregate]:
        span = self.window.span(question.at)
        part, whole = self.acts
        return totals(part, span), totals(whole, span)

    def requirements(self, question: Question) -> Iterator[Requirement]:
        yield from self._aggregates(question)

    def expression(self, question: Question) -> nw.Expr:
        part, whole = (aggregate.column("n") for aggregate in self._aggregates(question))
        return self.holds(part, whole) & (whole >= self.minimum)

    def sentence(self, words: Words) -> str:
        when = self.window.words()
        tail = "" if when == "ever" else f" {when}"
        part, whole = phrase(self.event).noun, phrase(self.per).noun
        least = f" (at least {self.minimum:,} {whole}{'s' * (self.minimum != 1)})"
        one, other = (act.where_words(words) for act in self.acts)
        return f"{part}s{one} per {whole}{other} are {self.ratio_words}{tail}{least}"

    @property
    def pronoun(self) -> Literal["whose"]:
        return "whose"

    def detail(self, question: Question, found: Found, words: Words) -> str:
        part, whole = (found.of(a, "n") for a in self._aggregates(question))
        counts = f"{_of(part, self.event)}, {_of(whole, self.per)}"
        return counts if whole == 0 else f"{counts}: {percent.rounded(part / whole)}"


class Trend(Condition, Act, RatioThreshold):
    """The last stretch of time compared with the one of the same length just before it.

    The one before must have at least ``minimum``: a trend of nothing is no trend.
    """

    type: Literal["trend"] = "trend"
    metric: Literal["count", "value_sum"] = "count"
    length: Duration = Field(default_factory=lambda: Duration(amount=30))
    minimum: int = Field(default=1, ge=1, le=10**15)

    @model_validator(mode="after")
    def _can_be_compared(self) -> Self:
        if self.length.amount == 0:
            raise fault("The stretch of time is empty.", "Compare at least a minute.")
        if self.metric == "value_sum" and self.event == SESSION:
            raise fault("A session has no value.", "Ask for the event order.")
        return self

    def _aggregates(self, question: Question) -> tuple[Aggregate, Aggregate]:
        act = Act(event=self.event, where=self.where)
        length = self.length.length
        return totals(act, question.at.last(length)), totals(act, question.at.before_last(length))

    @property
    def _column(self) -> str:
        return "n" if self.metric == "count" else "value"

    def requirements(self, question: Question) -> Iterator[Requirement]:
        yield from self._aggregates(question)

    def expression(self, question: Question) -> nw.Expr:
        now, before = (a.column(self._column) for a in self._aggregates(question))
        return self.holds(now, before) & (before >= self.minimum)

    def sentence(self, words: Words) -> str:
        things = f"{phrase(self.event).noun}s{self.where_words(words)}"
        if self.metric == "value_sum":
            things = f"total value of {things}"
        return (
            f"{things} in the last {self.length} are {self.ratio_words} of those in the "
            f"{self.length} before, which had at least {self._say(self.minimum, words)}"
        )

    @property
    def pronoun(self) -> Literal["whose"]:
        return "whose"

    def _say(self, n: int, words: Words) -> str:
        return f"{n:,}" if self.metric == "count" else words.money(n)

    def detail(self, question: Question, found: Found, words: Words) -> str:
        now, before = (found.of(a, self._column) for a in self._aggregates(question))
        counts = f"{self._say(now, words)} now, {self._say(before, words)} before"
        return counts if before <= 0 else f"{counts}: {percent.rounded(now / before)}"


class Rank(Condition):
    """Among the best so many percent of the customers with orders in the window.

    By net revenue. A tie at the boundary lets everybody in it in.
    """

    type: Literal["rank"] = "rank"
    by: Literal["net_revenue"] = "net_revenue"
    top_percent: float = Field(gt=0, le=100, allow_inf_nan=False)
    window: Window = Field(default_factory=Ever)

    @field_validator("top_percent")
    @classmethod
    def _is_exact(cls, value: float) -> float:
        if abs(value * 100 - round(value * 100)) > 1e-9 or round(value * 100) == 0:
            raise fault("Percents have at most two decimals.", "Give 0.01 to 100.")
        return value

    def _aggregate(self, question: Question) -> NetRevenueRank:
        return NetRevenueRank(self.window.span(question.at))

    def requirements(self, question: Question) -> Iterator[Requirement]:
        yield self._aggregate(question)

    def expression(self, question: Question) -> nw.Expr:
        rank = self._aggregate(question)
        # In if fewer than the share have more; integers, so that no rounding moves the boundary.
        ahead = (rank.column("place") - 1) * 10_000
        return (ahead < rank.column("of") * round(self.top_percent * 100)).fill_null(False)

    def sentence(self, words: Words) -> str:
        when = self.window.words()
        tail = "" if when == "ever" else f" {when}"
        share = percent.said(self.top_percent)
        return f"are in the top {share} of customers with orders by net revenue{tail}"

    def detail(self, question: Question, found: Found, words: Words) -> str:
        rank = self._aggregate(question)
        if found.of(rank, "place") is None:
            return "no order in the window"
        place, total = found.of(rank, "place"), found.of(rank, "of")
        return f"place {place:,} of {total:,} with {words.money(found.of(rank, 'net'))}"


def _of(n: int, event: str) -> str:
    return f"{n:,} {phrase(event).noun}{'s' * (n != 1)}"
