"""From a question to runs: which would have begun, and where they got to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy import Connection

from segmind.automations.backtest.asking import Asking
from segmind.automations.backtest.choosing import choose
from segmind.automations.backtest.past import Past
from segmind.automations.backtest.question import Question, begin_of
from segmind.automations.backtest.replay import Replay
from segmind.automations.backtest.runs import Course, Runs, Sends
from segmind.automations.backtest.starting import Found, Period, Starting
from segmind.automations.rules import matching_in
from segmind.automations.world import FactsWorld
from segmind.customers.facts import Facts
from segmind.segments.segment import resolver


@dataclass
class Replayed:
    """A question answered as far as its runs and messages: what the figures are made of."""

    question: Question
    past: Past
    asking: Asking
    starting: Starting
    replay: Replay
    found: Found
    chosen: np.ndarray
    course: Course

    @property
    def entries(self) -> Found:
        """The triggers that started a run."""
        return self.found.take(self.chosen)


def replay(conn: Connection, facts: Facts, question: Question) -> Replayed:
    """The runs that would have begun, and where they got to.

    Raises:
        InvalidPeriod, InvalidRule.
    """
    question = question.checked()
    definition = question.definition
    past = Past(
        facts,
        begin_of(definition, question.since),
        question.now,
        imported_as_it_happened=question.imported_as_it_happened,
    )
    world = FactsWorld(facts, question.now, matching_in(conn))
    asking = Asking(past, resolver(conn))
    starting = Starting(definition, past, asking, Period(question.since, question.until), world)
    runs = Replay(definition, past, asking, world, salt=f"automation:{question.automation_id or 0}")
    found = starting.found()
    parts: list[Course] = []
    rows: list[np.ndarray] = []

    def follow(begun: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        course = runs.follow(found.customers[begun], found.at[begun], found.known[begun])
        parts.append(course)
        rows.append(begun)
        return course.runs.left_at, course.runs.by_event

    chosen = choose(definition, found, past, follow)
    if not parts:  # runs do not depend on one another: all at once
        follow(chosen)
    else:
        followed = np.concatenate(rows)
        last = np.setdiff1d(chosen, followed)
        if last.size:
            follow(last)
        chosen = np.concatenate(rows)
    return Replayed(question, past, asking, starting, runs, found, chosen, _together(parts))


def _together(parts: Sequence[Course]) -> Course:
    columns = {
        name: np.concatenate([getattr(part.runs, name) for part in parts])
        for name in Runs.__dataclass_fields__
    }
    shifts = np.cumsum([0, *(part.runs.size for part in parts)])[:-1].tolist()
    outcomes: Counter[tuple[str, str]] = Counter()
    for part in parts:
        outcomes.update(part.outcomes)
    return Course(Runs(**columns), Sends.joined([p.sends for p in parts], shifts), outcomes)
