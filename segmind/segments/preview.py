"""What a rule means now: how many, who for example, and how they can be reached."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import polars as pl

from segmind.customers.facts import Facts
from segmind.segments import reach
from segmind.segments.compile import matched
from segmind.segments.linking import Resolve, no_segments
from segmind.segments.notices import notice, without_model
from segmind.segments.rule import Rule

SAMPLE_SIZE: Final = 20


@dataclass(frozen=True, slots=True)
class Preview:
    """The answer to a what-if.

    ``share_of_base`` is ``count / base`` between 0 and 1 (0 without customers). ``sample`` are up
    to 20 customers spread evenly over the members by id. ``reach`` counts by channel whom
    marketing may reach; one customer can be in several.
    """

    count: int
    share_of_base: float
    base: int
    sample: list[int]
    reach: dict[str, int]
    took_ms: float
    incomplete: tuple[str, ...] = ()
    notice: str = ""


def preview(rule: Rule, facts: Facts, as_of: datetime, resolve: Resolve = no_segments) -> Preview:
    """Count, sample and reach of the rule's customers at ``as_of``.

    ``incomplete`` names event files that could not be read: the answer leaves them out. ``notice``
    says what else must be known: that the moment lies before the log, or that nothing can be
    predicted yet.

    Raises:
        InvalidRule: see ``compile.compiled``.
    """
    began = time.perf_counter()
    found = matched(rule, facts, as_of, resolve)
    base = facts.count
    return Preview(
        count=found.count,
        share_of_base=found.count / base if base else 0.0,
        base=base,
        sample=_spread(found.ids),
        reach={channel: found.reached(channel) for channel in reach.CHANNELS},
        took_ms=(time.perf_counter() - began) * 1000,
        incomplete=facts.log.incomplete,
        notice=notice(facts, as_of) or without_model(rule, facts, as_of),
    )


def _spread(members: pl.Series) -> list[int]:
    step = max(1, members.len() // SAMPLE_SIZE)
    return members.gather_every(step).head(SAMPLE_SIZE).to_list()
