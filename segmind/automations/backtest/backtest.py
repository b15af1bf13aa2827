"""Replaying one definition over a period of the past."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Final

import numpy as np
import polars as pl
from sqlalchemy import Connection

from segmind.automations.backtest import leaving, notes, organic, prices
from segmind.automations.backtest.asking import Asking
from segmind.automations.backtest.leaving import BLOCKS, Fates, Gate, options_of
from segmind.automations.backtest.past import MICROSECOND, Past, instant
from segmind.automations.backtest.replay import WAITING, Course, Replay, Runs, Sends
from segmind.automations.backtest.result import Backtest, Day, Peak, Reason, StepFigures
from segmind.automations.backtest.starting import Found, Period, Starting, choose
from segmind.automations.backtest.timeline import NEVER
from segmind.automations.definition import Definition
from segmind.automations.entry import CART_LIFE
from segmind.automations.flow import FINISHED, GOAL
from segmind.automations.rules import matching_in
from segmind.automations.steps import HOLDOUT, Send, WaitRhythm
from segmind.automations.world import RHYTHM_WITHIN, FactsWorld
from segmind.customers.facts import Facts
from segmind.errors import InvalidInput
from segmind.events.schema import UTC_INSTANT
from segmind.events.spans import day_of
from segmind.segments.segment import resolver
from segmind.workspace.product_settings import ProductSettings

#: The longest period: what a shop knows by heart is shorter.
LONGEST: Final = timedelta(days=400)
_MINUTE: Final = 60_000_000
_HOUR: Final = 60 * _MINUTE
_UNDER_WAY: Final = "waiting"


class InvalidPeriod(InvalidInput):
    """The period cannot be replayed."""

    code = "invalid_period"


@dataclass(frozen=True)
class Question:
    """What is replayed: a definition over a period, as of ``now``.

    ``automation_id``: what splits are drawn by, and whose own messages of that time do not count
    into the caps; None for a definition that was not saved. ``imported_as_it_happened``: see
    :class:`Past`.
    """

    definition: Definition
    since: datetime
    until: datetime
    now: datetime
    automation_id: int | None = None
    imported_as_it_happened: bool = True

    def checked(self) -> Question:
        """The question, if it can be asked; a period that reaches beyond now ends there.

        Raises:
            InvalidPeriod: ``field`` names what is wrong.
        """
        if self.since >= self.until:
            raise InvalidPeriod("The period ends before it begins.", field="until")
        if self.since >= self.now:
            raise InvalidPeriod("The period lies in the future.", field="since")
        if self.until - self.since > LONGEST:
            raise InvalidPeriod("The period is longer than 400 days.", field="since")
        return self


def begin_of(definition: Definition, since: datetime) -> datetime | None:
    """From when on single events matter to a replay from ``since`` on; None: from the first."""
    if notes.asks_the_log(definition):
        return None
    reach = CART_LIFE
    if any(isinstance(step, WaitRhythm) for step in definition.steps):
        reach = RHYTHM_WITHIN
    return since - reach


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


def run(conn: Connection, facts: Facts, settings: ProductSettings, question: Question) -> Backtest:
    """What the automation would have done.

    Raises:
        InvalidPeriod, InvalidRule; Stopped, when told to stop.
    """
    replayed = replay(conn, facts, question)
    gate = Gate(replayed.past, question.definition, settings, question.automation_id)
    fates = gate.fates(replayed.course.runs, replayed.course.sends)
    return _Summing(conn, facts, settings, replayed, fates).result()


@dataclass
class _Summing:
    conn: Connection
    facts: Facts
    settings: ProductSettings
    replayed: Replayed
    fates: Fates

    def result(self) -> Backtest:
        question, course = self.replayed.question, self.replayed.course
        runs, dropped = course.runs, self.replayed.starting.dropped
        steps = tuple(self._steps())
        left = self.fates.at[self.fates.at != NEVER]
        is_goal = runs.by_event & (runs.reason >= 0)
        goals = int((is_goal & (self._reason_names[runs.reason] == GOAL)).sum())
        curve = organic.curve(
            self.replayed.past, question.definition, runs.customers, runs.triggered
        )
        return Backtest(
            since=question.since,
            until=min(question.until, question.now),
            as_of=question.now,
            log_begins=self.facts.log.first_ts,
            triggers=self.replayed.found.size
            + dropped.overtaken + dropped.filtered + dropped.too_late,
            overtaken=dropped.overtaken,
            filtered=dropped.filtered,
            too_late=dropped.too_late,
            entered=runs.size,
            people=int(self.replayed.past.people(runs.customers).size),
            reached=int(self._is_reached.sum()),
            sent=int(left.size),
            goals=goals,
            waiting=int((runs.reason == WAITING).sum()),
            cost_micros=sum(step.cost_micros for step in steps),
            currency=self.settings.currency,
            steps=steps,
            days=tuple(self._days(left)),
            reasons=tuple(self._reasons()),
            per_minute=_peak(left, _MINUTE),
            per_hour=_peak(left, _HOUR),
            hours=_by_hour(left, self.facts),
            organic=tuple(curve),
            notes=tuple(notes.of(
                    self.replayed.past,
                    question.definition,
                    self.replayed.asking,
                    self.replayed.starting.by_days_until,
                )),
        )  # fmt: skip

    @cached_property
    def _reason_names(self) -> np.ndarray:
        return np.array([*self.replayed.replay.reasons, ""], dtype=object)

    @cached_property
    def _is_reached(self) -> np.ndarray:
        """Of each run: whether a message left."""
        reached = np.zeros(self.replayed.course.runs.size, dtype=np.bool_)
        reached[self.replayed.course.sends.rows[self.fates.code == 0]] = True
        return reached

    def _steps(self) -> Iterator[StepFigures]:
        course, definition = self.replayed.course, self.replayed.question.definition
        costs = self._costs()
        for n, step in enumerate(definition.steps):
            outcomes = {
                outcome: count
                for (where, outcome), count in sorted(course.outcomes.items())
                if where == step.id and count and outcome != "entered"
            }
            entered = course.outcomes[step.id, "entered"]
            if not isinstance(step, Send):
                yield StepFigures(step.id, step.kind, entered, outcomes)
                continue
            codes = self.fates.code[course.sends.step == n]
            counted = np.bincount(codes, minlength=len(self.fates.names))
            fates = dict(zip(self.fates.names, counted.tolist(), strict=True))
            sent = fates.pop(leaving.SENT)
            blocked = {reason: count for reason, count in fates.items() if count}
            yield StepFigures(step.id, step.kind, entered, outcomes, sent, blocked, costs[n])

    def _costs(self) -> Counter[int]:
        """Micros by the place of the step."""
        course = self.replayed.course
        costs: Counter[int] = Counter()
        for n, m, _, option in options_of(self.replayed.question.definition):
            sends = course.sends
            mine = (sends.step == n) & (sends.option == m) & (self.fates.code == 0)
            customers = course.runs.customers[sends.rows[mine]]
            if not customers.size:
                continue
            some = customers[:: max(1, customers.size // prices.SAMPLE)].tolist()
            parts = prices.parts_of(self.conn, self.settings, option, some)
            costs[n] += prices.micros_of(self.facts, self.settings, option, customers, parts)
        return costs

    def _days(self, left: np.ndarray) -> Iterator[Day]:
        """Every calendar day from the period's first to the last on which anything happened."""
        zone = self.facts.zone
        entered = _by_day(self.replayed.course.runs.entered, self.facts)
        sent = _by_day(left, self.facts)
        question = self.replayed.question
        day = question.since.astimezone(zone).date()
        end = min(question.until, question.now) - MICROSECOND
        last = max([end.astimezone(zone).date(), *entered, *sent])
        while day <= last:
            yield Day(day, entered.get(day, 0), sent.get(day, 0))
            day += timedelta(days=1)

    def _reasons(self) -> Iterator[Reason]:
        """Why runs got nothing: of those to whom a message was to go the first one's fate, of the
        others why they left."""
        course = self.replayed.course
        runs, sends = course.runs, course.sends
        open_ = ~self._is_reached
        order = np.lexsort((sends.at, sends.rows))
        rows, first = np.unique(sends.rows[order], return_index=True)
        tried = open_[rows]
        codes = self.fates.code[order][first][tried]
        open_[rows[tried]] = False
        counted = Counter(self.fates.names[code] for code in codes.tolist())
        reasons = self._reason_names[runs.reason]
        left = Counter(zip(reasons[open_].tolist(), runs.step[open_].tolist(), strict=True))
        by_reason: Counter[str] = Counter()
        finished: Counter[int] = Counter()
        for (reason, step), n in left.items():
            if reason == FINISHED:
                finished[step] += n
            else:
                by_reason[reason or _UNDER_WAY] += n
        for reason, n in by_reason.most_common():
            if reason != _UNDER_WAY:
                yield Reason(reason, _LABELS.get(reason, f"Left before: {reason}"), n)
        for step, n in sorted(finished.items()):
            step_id = self.replayed.question.definition.steps[step].id
            yield Reason(f"{FINISHED}:{step_id}", f"Their way ended at “{step_id}”", n)
        for fate, label in BLOCKS.items():
            if counted[fate]:
                yield Reason(fate, label, counted[fate])
        if by_reason[_UNDER_WAY]:
            yield Reason(_UNDER_WAY, "Still under way at the end", by_reason[_UNDER_WAY])


_LABELS: Final = {GOAL: "Reached the goal before", HOLDOUT: "Kept out, to measure lift"}


def _by_day(instants: np.ndarray, facts: Facts) -> dict[object, int]:
    frame = pl.DataFrame({"at": instants}, schema={"at": pl.Int64()}).select(
        day_of(pl.col("at").cast(UTC_INSTANT), facts.zone).alias("day")
    )
    return dict(frame.group_by("day").len().iter_rows())


def _by_hour(instants: np.ndarray, facts: Facts) -> tuple[int, ...]:
    """How many at each hour of the day, in the workspace's zone."""
    at = pl.Series("at", instants, dtype=pl.Int64).cast(UTC_INSTANT)
    hours = at.dt.convert_time_zone(facts.zone.key).dt.hour().to_numpy()
    return tuple(np.bincount(hours, minlength=24).tolist())


def _peak(left: np.ndarray, length: int) -> Peak:
    """The fullest minute or hour; of several the first."""
    if not left.size:
        return Peak(0, None)
    begun, counts = np.unique(left // length, return_counts=True)
    most = int(counts.argmax())
    return Peak(int(counts[most]), instant(int(begun[most]) * length))
