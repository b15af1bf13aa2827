"""Conditions on when a customer did something: the last time, the first time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, Self

import narwhals as nw
from pydantic import Field, model_validator

from segmind.events.spans import Span
from segmind.segments.acts import Act, phrase
from segmind.segments.aggregates.base import Aggregate
from segmind.segments.aggregates.totals import Totals, totals
from segmind.segments.conditions.base import Condition, Found, Question, Requirement
from segmind.segments.fault import fault
from segmind.segments.windows import Duration, Ever, Window
from segmind.segments.words import Words, ago


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


class Occurrence(Condition, Act):
    """The very first, or the last, time that a customer did something lies in the window.

    With comparisons, it was such a one: of the customer's events at that very instant one satisfies
    them all. What lies outside the window is never looked into.
    """

    type: Literal["occurrence"] = "occurrence"
    which: Literal["first", "last"]
    window: Window = Field(default_factory=Ever)

    def _bare(self, question: Question) -> Totals:
        """The event as such, ever: it tells the first and the last time."""
        return Totals(self.event, question.at.ever())

    def _such(self, question: Question) -> Aggregate | None:
        """The events in the window that satisfy the comparisons, if there are any to satisfy."""
        if not self.where:
            return None
        return totals(Act(event=self.event, where=self.where), self.window.span(question.at))

    def requirements(self, question: Question) -> Iterator[Requirement]:
        yield self._bare(question)
        such = self._such(question)
        if such is not None:
            yield such

    def expression(self, question: Question) -> nw.Expr:
        time = self._bare(question).column(f"{self.which}_ts")
        met = _lies_in(self.window.span(question.at), time)
        such = self._such(question)
        if such is not None:
            met = met & (such.column(f"{self.which}_ts") == time)
        return met.fill_null(False)

    def sentence(self, words: Words) -> str:
        when = self.window.words()
        tail = "" if when == "ever" else f" {when}"
        tests = " and ".join(test.sentence(words) for test in self.where)
        such = f", and that time {tests}" if tests else ""
        return f"{self.which} {phrase(self.event).past}{tail}{such}"

    def detail(self, question: Question, found: Found, words: Words) -> str:
        time = found.of(self._bare(question), f"{self.which}_ts")
        name = phrase(self.event).noun
        if time is None:
            return f"no {name} so far"
        text = f"{self.which} {name} {ago(time, question.at.as_of)}"
        such = self._such(question)
        if such is None or not self.window.span(question.at).meets(time, time):
            return text
        fits = found.of(such, f"{self.which}_ts") == time
        return f"{text}, {'such a one' if fits else 'not such a one'}"


def _lies_in(span: Span, time: nw.Expr) -> nw.Expr:
    met = ~time.is_null()
    if span.since is not None:
        met = met & (time >= span.since)
    return met if span.until is None else met & (time < span.until)
