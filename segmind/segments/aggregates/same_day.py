"""Calendar days on which several things came together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import narwhals as nw

from segmind.events.spans import Span
from segmind.segments.acts import Act
from segmind.segments.aggregates.base import Aggregate
from segmind.segments.sources import CUSTOMER, Frame, Sources

_DAY = (CUSTOMER, "day")


@dataclass(frozen=True)
class SharedDays(Aggregate):
    """Calendar days (workspace's zone) on which all of ``acts`` happened and none of ``without``.

    ``last_day`` is the last of them.
    """

    acts: tuple[Act, ...]
    without: tuple[Act, ...]
    span: Span

    missing: ClassVar[Mapping[str, Any]] = {"days": 0, "last_day": None}

    def frame(self, sources: Sources) -> Frame:
        first, *others = (self._days(act, sources) for act in self.acts)
        days = first.unique()
        for other in others:
            days = days.join(other, on=list(_DAY), how="semi")
        for act in self.without:
            days = days.join(self._days(act, sources), on=list(_DAY), how="anti")
        return days.group_by(CUSTOMER).agg(
            nw.len().cast(nw.Int64).alias("days"), nw.col("day").max().alias("last_day")
        )

    def _days(self, act: Act, sources: Sources) -> Frame:
        """customer_id and day of every time that the act happened; days may repeat."""
        if not act.where:
            return sources.daily(sources.code(act.event), self.span).select(*_DAY)
        day = nw.col("ts").dt.convert_time_zone(sources.at.zone.key).dt.date()
        return sources.occurrences(act, self.span).select(CUSTOMER, day.alias("day"))
