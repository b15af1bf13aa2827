"""Acts followed, or not followed, by another act."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar

import narwhals as nw

from segmind.events.spans import Span
from segmind.segments.acts import Act
from segmind.segments.aggregates.base import Aggregate
from segmind.segments.sources import CUSTOMER, Frame, Sources


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
