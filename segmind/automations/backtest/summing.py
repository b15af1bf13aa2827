"""What a replay found, in figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from typing import Final

import numpy as np
import polars as pl
from sqlalchemy import Connection

from segmind.automations.backtest import leaving, notes, organic, prices
from segmind.automations.backtest.leaving import BLOCKS, Fates, options_of
from segmind.automations.backtest.past import MICROSECOND, instant
from segmind.automations.backtest.replaying import Replayed
from segmind.automations.backtest.result import Backtest, Day, Peak, Reason, StepFigures
from segmind.automations.backtest.runs import WAITING
from segmind.automations.backtest.timeline import NEVER
from segmind.automations.flow import FINISHED, GOAL
from segmind.automations.steps import HOLDOUT, Send
from segmind.customers.facts import Facts
from segmind.events.schema import UTC_INSTANT
from segmind.events.spans import day_of
from segmind.workspace.product_settings import ProductSettings

_MINUTE: Final = 60_000_000
_HOUR: Final = 60 * _MINUTE
_UNDER_WAY: Final = "waiting"


@dataclass
class Summing:
    """The figures of one replay and of what became of its messages."""

    conn: Connection
    facts: Facts
    settings: ProductSettings
    replayed: Replayed
    fates: Fates

    def result(self) -> Backtest:
        """All of them."""
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
            yield Reason(f"{FINISHED}:{step_id}", f"Their way ended at step {step + 1}", n)
        for fate, label in BLOCKS.items():
            if counted[fate]:
                yield Reason(fate, label, counted[fate])
        if by_reason[_UNDER_WAY]:
            yield Reason(_UNDER_WAY, "Still under way at the end", by_reason[_UNDER_WAY])


_LABELS: Final = {GOAL: "Reached the goal before", HOLDOUT: "Kept out, to measure lift"}


def _by_day(instants: np.ndarray, facts: Facts) -> dict[date, int]:
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
