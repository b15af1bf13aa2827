"""What a rule costs before it is asked: how many events must be read, and how long that takes.

Counts, sums, first and last times, days, ranks and RFM come from rollups and are as good as free.
What looks into single events (comparisons, different products or values, what followed what, the
cart, messages) must read them: their number is known from the rollups of the days, without opening
an event file; seconds are that number at rates measured on two cores (see ``_PER_SECOND``). What a
process read once for different products, or for what followed what, is free while it is kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from segmind.customers.facts import Facts
from segmind.errors import InvalidInput
from segmind.events.schema import Kind
from segmind.events.spans import Span
from segmind.segments import fields, row_counts
from segmind.segments.acts import ORDER, SESSION, Act
from segmind.segments.aggregates.base import Aggregate
from segmind.segments.aggregates.distinct import Days, Products
from segmind.segments.aggregates.engagement import Messages
from segmind.segments.aggregates.followed import Followed
from segmind.segments.aggregates.same_day import SharedDays
from segmind.segments.aggregates.totals import MatchingTotals
from segmind.segments.aggregates.values import Values
from segmind.segments.comparison import EventComparison
from segmind.segments.compile import compiled
from segmind.segments.linking import Resolve, no_segments
from segmind.segments.rule import Rule
from segmind.segments.sources import Sources

#: A rule above this is asked only when somebody says so.
FREE_SECONDS: Final = 1.0


#: Events a second, measured at 67.5M events on two cores: read and compared by their columns or
#: their product's; told apart by customer and something else; properties (about 60 characters)
#: parsed.
_READ: Final = 22_000_000
_TOLD_APART: Final = 9_000_000
_PARSED: Final = 4_000_000


@dataclass(frozen=True, slots=True)
class Cost:
    """``events`` that must be read, and about how many ``seconds`` that takes.

    Nothing to read costs nothing: such a rule is answered from rollups.
    """

    events: int
    seconds: float

    @property
    def is_free(self) -> bool:
        """Whether to ask without asking first."""
        return self.seconds <= FREE_SECONDS

    def __str__(self) -> str:
        if self.events == 0:
            return "Answered from rollups: no event has to be read."
        time = "less than a second" if self.seconds < 1 else f"about {_round(self.seconds)} s"
        return f"Reads about {_short(self.events)} events: {time}."


class TooCostly(InvalidInput):
    """The question (``what``) would take longer than it is allowed to."""

    code = "too_costly"

    def __init__(
        self,
        cost: Cost,
        seconds: float,
        what: str = "The rule",
        hint: str = "Allow more time, choose a shorter window, or compare fewer events.",
    ) -> None:
        self.cost = cost
        super().__init__(
            f"{what} would take longer than {seconds:g} s. {cost}", hint=hint, field="max_seconds"
        )

    @property
    def more(self) -> dict[str, object]:
        """The estimate, for programs."""
        return {"cost": {"events": self.cost.events, "seconds": round(self.cost.seconds, 6)}}


@dataclass(frozen=True, slots=True)
class _Read:
    kinds: tuple[int, ...]
    span: Span
    told_apart: bool = False
    parsed: bool = False


def cost(rule: Rule, facts: Facts, as_of: datetime, resolve: Resolve = no_segments) -> Cost:
    """What the rule costs, together with the segments that it refers to. Takes milliseconds.

    Raises:
        InvalidRule: see ``compile.compiled``.
    """
    plan = compiled(rule, facts, as_of, resolve)
    reads = dict.fromkeys(
        read for aggregate in plan.aggregates for read in _reads(aggregate, plan.sources)
    )
    events, seconds = 0, 0.0
    for read in reads:
        rows = row_counts.rows(facts.log, read.kinds, read.span)
        events += rows
        seconds += rows / (_TOLD_APART if read.told_apart else _READ)
        if read.parsed:
            seconds += min(rows, row_counts.rows_with_properties(facts.log, read.span)) / _PARSED
    return Cost(events, seconds)


def _reads(aggregate: Aggregate, sources: Sources) -> Iterator[_Read]:
    """The events that an aggregate reads one by one; none where rollups tell."""
    match aggregate:
        case MatchingTotals(act=act, span=span):
            yield from _occurrences([act], span, sources)
        case Days(act=act, span=span) if act.where:
            yield from _occurrences([act], span, sources, told_apart=True)
        case Products(act=act, span=span) if act.where or not sources.has_products(
            sources.code(act.event), span
        ):
            yield from _occurrences([act], span, sources, told_apart=True)
        case Values(act=act, of=of, span=span):
            there = EventComparison(field=of, op="is_set")
            known = Act(event=act.event, where=(*act.where, there))
            yield from _occurrences([known], span, sources, told_apart=True)
        case SharedDays(acts=acts, without=without, span=span):
            looked_into = [act for act in (*acts, *without) if act.where]
            yield from _occurrences(looked_into, span, sources, told_apart=True)
            # The others' days are read from the rollups' files, about as long as events are.
            plain = [act for act in (*acts, *without) if not act.where]
            yield from _occurrences(plain, span, sources)
        case Followed() if aggregate.has_vector(sources):
            if (unread := aggregate.unread(sources)) is not None:
                yield _Read((unread[0],), unread[1])
        case Followed(first=first, then=then, span=span):
            onward = Span(span.since, sources.at.horizon)
            loose = [act for act in (first, then) if not _is_at_hand(act, onward, sources)]
            yield from _occurrences(loose, onward, sources, told_apart=True)
        case Messages(kind=kind, span=span) if not sources.is_few(int(kind), span):
            yield _Read((int(kind),), span)


def _is_at_hand(act: Act, span: Span, sources: Sources) -> bool:
    """Whether the moments of an act are kept in memory."""
    return not act.where and sources.is_few(sources.code(act.event), span)


def _occurrences(
    acts: Sequence[Act], span: Span, sources: Sources, *, told_apart: bool = False
) -> Iterator[_Read]:
    for act in acts:
        parsed = any(test.field.startswith(fields.PROPERTIES) for test in act.where)
        if act.event == SESSION:
            continue  # the lists of session starts tell
        if act.event == ORDER:
            # Where an order starts depends on all lines before.
            lines = (int(Kind.ORDER_COMPLETED),)
            yield _Read(lines, Span(None, span.until), told_apart, parsed)
        else:
            yield _Read((sources.code(act.event),), span, told_apart, parsed)


def _short(n: int) -> str:
    if n >= 1_000_000:
        return f"{n / 1_000_000:,.1f} million".replace(".0 ", " ")
    return f"{n:,}" if n < 10_000 else f"{round(n, -3):,}"


def _round(seconds: float) -> str:
    return f"{seconds:.0f}" if seconds >= 10 else f"{seconds:.1f}".removesuffix(".0")
