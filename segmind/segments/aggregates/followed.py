"""Whether an act was ever followed by another one, and whether it was ever not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Any, ClassVar

import narwhals as nw
import numpy as np
import polars as pl

from segmind.events.schema import DERIVED
from segmind.events.spans import Span
from segmind.events.vectors.following import Side, next_after
from segmind.events.vectors.instants import micros
from segmind.events.vectors.vector import NEVER, NOT_YET
from segmind.segments.acts import Act
from segmind.segments.aggregates.base import Aggregate
from segmind.segments.aggregates.pairs import Pairs
from segmind.segments.sources import CUSTOMER, Frame, Sources


@dataclass(frozen=True)
class Followed(Aggregate):
    """Whether ``Pairs`` counts at least one that was followed, and one that was not."""

    first: Act
    then: Act
    span: Span
    within: timedelta | None

    missing: ClassVar[Mapping[str, Any]] = {"followed": False, "not_followed": False}
    vector_types: ClassVar[Mapping[str, pl.DataType]] = {
        "followed": pl.Boolean(),
        "not_followed": pl.Boolean(),
    }

    def frame(self, sources: Sources) -> Frame:
        counted = Pairs(self.first, self.then, self.span, self.within).frame(sources)
        return counted.select(CUSTOMER, nw.col("followed") > 0, nw.col("not_followed") > 0)

    def has_vector(self, sources: Sources) -> bool:
        if self.first.where or self.then.where or not super().has_vector(sources):
            return False
        return self.within is None or _Search.of(self, sources).is_possible

    def unread(self, sources: Sources) -> tuple[int, Span] | None:
        """The frequent act and the span in which its events must be read; None if none must be.

        For those with a vector.
        """
        return None if self.within is None else _Search.of(self, sources).unread()

    def vector(self, column: str, sources: Sources) -> pl.Series:
        search = _Search.of(self, sources)
        is_followed = column == "followed"
        return pl.Series(column, search.followed() if is_followed else search.not_followed())


@dataclass(frozen=True)
class _Search:
    """The moments of the two acts, looked through once for everybody."""

    sources: Sources
    first: int
    then: int
    span: Span
    within: timedelta | None

    @classmethod
    def of(cls, asked: Followed, sources: Sources) -> _Search:
        codes = sources.code(asked.first.event), sources.code(asked.then.event)
        return cls(sources, *codes, asked.span, asked.within)

    @property
    def is_possible(self) -> bool:
        """Whether one of the acts is rare enough, and the other one no derived one if it is not."""
        return (self._first_is_few or self._then_is_few) and not (
            (not self._first_is_few and self.first in DERIVED)
            or (not self._then_is_few and self.then in DERIVED)
        )

    def unread(self) -> tuple[int, Span] | None:
        """The frequent act and where its events must be read."""
        if self._first_is_few and self._then_is_few:
            return None
        if self._first_is_few:
            rare, frequent, sides = self.first, self.then, [Side.AFTER]
        else:
            rare, frequent, sides = self.then, self.first, [Side.BEFORE, Side.SINCE]
        is_kept = self.sources.has_nearest(rare, frequent, sides, self._onward)
        return None if is_kept else (frequent, self._onward)

    def followed(self) -> np.ndarray:
        """By customer id: whether a moment of ``first`` was followed in time."""
        if self.within is None:
            begins = self.sources.first(self.first, self.span)
            came: np.ndarray = begins < self.sources.last(self.then, self._onward)
            return came
        if not self._first_is_few:
            return self._followed_by_few()
        customers, instants, following = self._following()
        return self._flags(customers[self._is_in_time(instants, following)])

    def not_followed(self) -> np.ndarray:
        """By customer id: whether a moment of ``first`` was not followed, and its time is over."""
        if self.within is None:
            ends = self.sources.last(self.first, self.span)
            alone: np.ndarray = ends >= self.sources.last(self.then, self._onward)
            alone &= ends != NEVER
            return alone
        if not self._first_is_few:
            return self._not_followed_by_few()
        customers, instants, following = self._following()
        return self._flags(customers[self._is_missed(instants, following)])

    def _followed_by_few(self) -> np.ndarray:
        """The frequent ``first``: the last one before each ``then`` decides."""
        until = min(self.span.until or self.sources.at.horizon, self.sources.at.horizon)
        reach = Span(self.span.since, until)
        customers, instants, before = self.sources.nearest(
            self.then, self.first, Side.BEFORE, reach, reach
        )
        since = NEVER + 1 if self.span.since is None else micros(self.span.since)
        chosen = (before >= since) & (before >= instants - self._limit)
        found = self._flags(customers[chosen])
        if until < self.sources.at.horizon:
            # Later ones have the span's last before them, and the first of them is the nearest.
            ends = self.sources.last(self.first, self.span)
            later = self.sources.first(self.then, Span(until, self.sources.at.horizon))
            both = np.flatnonzero((ends != NEVER) & (later != NOT_YET))
            found[both[later[both] - ends[both] <= self._limit]] = True
        return found

    def _not_followed_by_few(self) -> np.ndarray:
        """The frequent ``first``: the first one of all and the first one from each ``then`` on
        have the longest time before them until the next ``then``.
        """
        begins = self.sources.first(self.first, self.span)
        customers, _, since_then = self.sources.nearest(
            self.then, self.first, Side.SINCE, self.span, self._onward
        )
        in_span = since_then < micros(self.span.until or self.sources.at.horizon)
        over = micros(self.sources.at.as_of) - self._limit
        somebody = np.flatnonzero(begins <= over)
        chosen = in_span & (since_then <= over)
        who = np.concatenate([somebody, customers[chosen]])
        when = np.concatenate([begins[somebody], since_then[chosen]])
        thens = self.sources.instants(self.then, self._onward)
        found = next_after((who, when), thens)
        return self._flags(found[0][self._is_missed(found[1], found[2])])

    def _following(self) -> tuple[np.ndarray, ...]:
        """Customers and moments of a rare ``first``, each with the next one of ``then``."""
        if self._then_is_few:
            firsts = self.sources.instants(self.first, self.span)
            return next_after(firsts, self.sources.instants(self.then, self._onward))
        return self.sources.nearest(self.first, self.then, Side.AFTER, self.span, self._onward)

    def _is_in_time(self, instants: np.ndarray, following: np.ndarray) -> np.ndarray:
        # What is found beyond the moment has not happened yet.
        exists = following < micros(self.sources.at.horizon)
        in_time: np.ndarray = exists & (following <= instants + self._limit)
        return in_time

    def _is_missed(self, instants: np.ndarray, following: np.ndarray) -> np.ndarray:
        is_over = instants <= micros(self.sources.at.as_of) - self._limit
        missed: np.ndarray = is_over & ~self._is_in_time(instants, following)
        return missed

    def _flags(self, customers: np.ndarray) -> np.ndarray:
        found = np.zeros(self.sources.size, dtype=np.bool_)
        found[customers] = True
        return found

    @property
    def _limit(self) -> int:
        """``within`` in microseconds."""
        assert self.within is not None
        return self.within // timedelta(microseconds=1)

    @property
    def _onward(self) -> Span:
        """Where ``then`` can have followed."""
        return Span(self.span.since, self.sources.at.horizon)

    @cached_property
    def _first_is_few(self) -> bool:
        return self.sources.is_few(self.first, self._onward)

    @cached_property
    def _then_is_few(self) -> bool:
        return self.sources.is_few(self.then, self._onward)
