"""Acts followed, or not followed, by another act."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar

import narwhals as nw
import numpy as np
import polars as pl

from segmind.events.schema import DERIVED, UTC_INSTANT
from segmind.events.spans import Span
from segmind.events.vectors.following import Moments, next_after
from segmind.events.vectors.instants import micros
from segmind.events.vectors.vector import NEVER, NOT_YET
from segmind.segments.acts import Act
from segmind.segments.aggregates.base import Aggregate
from segmind.segments.sources import CUSTOMER, Frame, Sources, as_instants


@dataclass(frozen=True)
class Pairs(Aggregate):
    """Times of ``first`` in the span that ``then`` followed within the time, and that it did not.

    ``then`` follows at a strictly later instant, at most ``within`` after (None: at any time up to
    the moment). ``not_followed`` counts only where that time is over: an hour that still runs has
    not passed without the other act.
    """

    first: Act
    then: Act
    span: Span
    within: timedelta | None

    missing: ClassVar[Mapping[str, Any]] = {
        "followed": 0,
        "not_followed": 0,
        "last_followed": None,
        "last_not_followed": None,
    }
    vector_types: ClassVar[Mapping[str, pl.DataType]] = {
        "followed": pl.Int64(),
        "not_followed": pl.Int64(),
        "last_followed": UTC_INSTANT,
        "last_not_followed": UTC_INSTANT,
    }

    def frame(self, sources: Sources) -> Frame:
        moments = self._instants(sources).with_columns(
            next_then=nw.col("then_ts").shift(-1).over(CUSTOMER, order_by="ts")
        )
        moments = moments.with_columns(
            next_then=nw.col("next_then")
            .fill_null(strategy="backward")
            .over(CUSTOMER, order_by="ts")
        )
        firsts = moments.filter(nw.col("is_first") & self._in_span())
        followed, not_followed = self._verdicts(sources)
        firsts = firsts.with_columns(
            followed=followed.cast(nw.Int64),
            not_followed=not_followed.cast(nw.Int64),
            last_followed=nw.when(followed).then(nw.col("ts")),
            last_not_followed=nw.when(not_followed).then(nw.col("ts")),
        )
        return firsts.group_by(CUSTOMER).agg(
            nw.col("followed").sum(),
            nw.col("not_followed").sum(),
            nw.col("last_followed").max(),
            nw.col("last_not_followed").max(),
        )

    def _instants(self, sources: Sources) -> Frame:
        """One row per customer and instant: whether ``first``, and when ``then``, happened."""
        onward = Span(self.span.since, sources.at.horizon)
        first = sources.occurrences(self.first, onward).select(
            CUSTOMER, "ts", nw.lit(1).alias("first"), nw.lit(0).alias("then")
        )
        then = sources.occurrences(self.then, onward).select(
            CUSTOMER, "ts", nw.lit(0).alias("first"), nw.lit(1).alias("then")
        )
        both = nw.concat([first, then]).group_by(CUSTOMER, "ts")
        return both.agg(nw.col("first").max(), nw.col("then").max()).select(
            CUSTOMER,
            "ts",
            (nw.col("first") == 1).alias("is_first"),
            nw.when(nw.col("then") == 1).then(nw.col("ts")).alias("then_ts"),
        )

    def _in_span(self) -> nw.Expr:
        ends = nw.col("ts") < self.span.until
        return ends if self.span.since is None else ends & (nw.col("ts") >= self.span.since)

    def _verdicts(self, sources: Sources) -> tuple[nw.Expr, nw.Expr]:
        following = nw.col("next_then")
        if self.within is None:
            return ~following.is_null(), following.is_null()
        deadline = nw.col("ts") + nw.lit(self.within)
        in_time = (following <= deadline).fill_null(False)
        return in_time, ~in_time & (deadline <= sources.at.as_of)

    def has_vector(self, sources: Sources) -> bool:
        if self.first.where or self.then.where or not super().has_vector(sources):
            return False
        onward = Span(self.span.since, sources.at.horizon)
        codes = [sources.code(act.event) for act in (self.first, self.then)]
        few = [code for code in codes if sources.is_few(code, onward)]
        return bool(few) and DERIVED.isdisjoint(set(codes) - set(few))

    def vector(self, column: str, sources: Sources) -> pl.Series:
        verdict = column.removeprefix("last_")
        customers, instants = sources.once((self, verdict), lambda: self._decided(verdict, sources))
        if column == verdict:
            return pl.Series(column, np.bincount(customers, minlength=sources.size))
        last = np.full(sources.size, NEVER)
        np.maximum.at(last, customers, instants)
        return as_instants(last, NEVER)

    def _decided(self, verdict: str, sources: Sources) -> Moments:
        """The moments of ``first`` that ``then`` followed, or those that it did not."""
        is_followed = verdict == "followed"
        customers, instants, following = self._following(sources, lonely=not is_followed)
        chosen = following != NOT_YET
        if self.within is not None:
            limit = self.within // timedelta(microseconds=1)
            chosen &= following - instants <= limit
        if not is_followed:
            chosen = ~chosen
            if self.within is not None:
                chosen &= instants <= micros(sources.at.as_of) - limit
        return customers[chosen], instants[chosen]

    def _following(
        self, sources: Sources, *, lonely: bool
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Customers and moments of ``first``, each with the next moment of ``then``.

        Of an act that is too frequent to be held, only moments of those who did the other one are;
        and, if asked for, the ``lonely`` ones that therefore nothing followed.
        """
        first, then = sources.code(self.first.event), sources.code(self.then.event)
        onward = Span(self.span.since, sources.at.horizon)
        if not sources.is_few(then, onward):
            firsts = sources.instants(first, self.span)
            did = _who(firsts[0], sources.size)
            return next_after(firsts, _together(sources.moments(self.then, onward, did)))
        thens = sources.instants(then, onward)
        if sources.is_few(first, self.span):
            return next_after(sources.instants(first, self.span), thens)
        did = _who(thens[0], sources.size)
        found = next_after(_together(sources.moments(self.first, self.span, did)), thens)
        if not lonely:
            return found
        customers, instants = _together(sources.moments(self.first, self.span, ~did))
        return (
            np.concatenate([found[0], customers]),
            np.concatenate([found[1], instants]),
            np.concatenate([found[2], np.full(customers.size, NOT_YET)]),
        )


def _who(customers: np.ndarray, size: int) -> np.ndarray:
    did = np.zeros(size, dtype=np.bool_)
    did[customers] = True
    return did


def _together(moments: Iterable[Moments]) -> Moments:
    parts = list(moments)
    none = np.zeros(0, dtype=np.int64)
    customers = np.concatenate([none, *(part[0] for part in parts)])
    return customers, np.concatenate([none, *(part[1] for part in parts)])
