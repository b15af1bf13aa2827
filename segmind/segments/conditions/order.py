"""Conditions on several acts: one and then another, on the same day, what was left in the cart."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Literal, Self

import narwhals as nw
from pydantic import Field, model_validator

from segmind.events.spans import Span
from segmind.segments.acts import LINE, Act, phrase
from segmind.segments.aggregates.cart import Cart as CartContents
from segmind.segments.aggregates.followed import Followed
from segmind.segments.aggregates.pairs import Pairs
from segmind.segments.aggregates.same_day import SharedDays
from segmind.segments.aggregates.totals import Totals
from segmind.segments.conditions.base import Condition, Found, Question, Requirement
from segmind.segments.fault import fault
from segmind.segments.thresholds import CountThreshold
from segmind.segments.windows import Duration, Ever, Window, day_words
from segmind.segments.words import Words, ago, times


class Sequence(Condition):
    """Did ``first`` in the window and ``then`` did, or did not do, ``then`` within a time after.

    After means strictly later. ``followed`` false counts a time at which ``first`` happened only
    once the time for ``then`` is over.
    """

    type: Literal["sequence"] = "sequence"
    first: Act
    then: Act
    followed: bool = True
    within: Duration | None = None
    window: Window = Field(default_factory=Ever)

    def _asked(self, question: Question) -> tuple[Act, Act, Span, timedelta | None]:
        """What the aggregates are of."""
        within = self.within.length if self.within else None
        return self.first, self.then, self.window.span(question.at), within

    @property
    def _verdict(self) -> str:
        return "followed" if self.followed else "not_followed"

    def requirements(self, question: Question) -> Iterator[Requirement]:
        yield Followed(*self._asked(question))
        yield Pairs(*self._asked(question))

    def expression(self, question: Question) -> nw.Expr:
        return Followed(*self._asked(question)).column(self._verdict)

    def sentence(self, words: Words) -> str:
        first, then = phrase(self.first.event), phrase(self.then.event)
        begin = f"{first.past}{self.first.where_words(words)}"
        when = self.window.words()
        begin += "" if when == "ever" else f" {when}"
        end = then.past if self.followed else f"did not {then.base}"
        limit = f" within {self.within}" if self.within else ""
        return f"{begin} and then {end}{self.then.where_words(words)}{limit}"

    def detail(self, question: Question, found: Found, words: Words) -> str:
        aggregate = Pairs(*self._asked(question))
        n = found.of(aggregate, self._verdict)
        if n == 0:
            return "not once"
        last = found.of(aggregate, f"last_{self._verdict}")
        return f"{times(n)}, the last time {ago(last, question.at.as_of)}"


class SameDay(Condition, CountThreshold):
    """On so many calendar days did all of ``acts`` and none of ``without``.

    Days are those of the workspace's time zone; in which order things happened does not matter.
    """

    type: Literal["same_day"] = "same_day"
    acts: tuple[Act, ...] = Field(min_length=1, max_length=4)
    without: tuple[Act, ...] = Field(default=(), max_length=4)
    window: Window = Field(default_factory=Ever)

    @model_validator(mode="after")
    def _compares_something(self) -> Self:
        if len(self.acts) + len(self.without) < 2:
            raise fault("There is nothing else on the day.", "Add an act to acts or to without.")
        return self

    def _aggregate(self, question: Question) -> SharedDays:
        return SharedDays(self.acts, self.without, self.window.span(question.at))

    def requirements(self, question: Question) -> Iterator[Requirement]:
        yield self._aggregate(question)

    def expression(self, question: Question) -> nw.Expr:
        return self.holds(self._aggregate(question).column("days"))

    def sentence(self, words: Words) -> str:
        did = [f"{phrase(act.event).past}{act.where_words(words)}" for act in self.acts]
        did_not = [
            f"did not {phrase(act.event).base}{act.where_words(words)}" for act in self.without
        ]
        when = self.window.words()
        tail = "" if when == "ever" else f" {when}"
        days = "one day" if self.means_any else self.words(_days)
        if self.means_never:
            days = "no day"
        return f"on {days}{tail} {' and '.join((*did, *did_not))}"

    def detail(self, question: Question, found: Found, words: Words) -> str:
        aggregate = self._aggregate(question)
        n = found.of(aggregate, "days")
        if n == 0:
            return "on no day"
        return f"on {_days(n)}, the last {day_words(found.of(aggregate, 'last_day'))}"


class Cart(Condition):
    """Items in the cart, the last one added between two times ago, and no order since.

    Items: those added less those removed, strictly after the last product bought.
    """

    type: Literal["cart"] = "cart"
    newest: Duration = Field(default_factory=lambda: Duration(amount=0, unit="hours"))
    oldest: Duration = Field(default_factory=lambda: Duration(amount=7, unit="days"))

    @model_validator(mode="after")
    def _runs_backward(self) -> Self:
        if self.oldest.length < self.newest.length:
            raise fault("oldest is more recent than newest.", "Swap the two.")
        return self

    def _aggregate(self, question: Question) -> CartContents:
        return CartContents(question.at.ever())

    def _bought(self, question: Question) -> Totals:
        return Totals(LINE, question.at.ever())

    def requirements(self, question: Question) -> Iterator[Requirement]:
        yield self._aggregate(question)
        yield self._bought(question)

    def expression(self, question: Question) -> nw.Expr:
        cart = self._aggregate(question)
        added = cart.column("last_added")
        earliest = question.at.last(self.oldest.length).since
        latest = question.at.last(self.newest.length).since
        in_time = ((added >= earliest) & (added <= latest)).fill_null(False)
        return in_time & (cart.column("items") > 0)

    def sentence(self, words: Words) -> str:
        newest, oldest = self.newest, self.oldest
        when = f"{newest} to {oldest} ago" if newest.amount else f"in the last {oldest}"
        return f"have items in the cart, the last added {when}, with no order since"

    def detail(self, question: Question, found: Found, words: Words) -> str:
        cart, as_of = self._aggregate(question), question.at.as_of
        bought = ago(found.of(self._bought(question), "last_ts"), as_of)
        items = found.of(cart, "items")
        if found.of(cart, "last_added") is None:
            return f"nothing added since the last product bought ({bought})"
        added = ago(found.of(cart, "last_added"), as_of)
        held = f"{items:,} item{'s' * (items != 1)}" if items > 0 else "no items"
        return f"{held} in the cart, last added {added}, last product bought {bought}"


def _days(n: int) -> str:
    return f"{n:,} day{'s' * (n != 1)}"
