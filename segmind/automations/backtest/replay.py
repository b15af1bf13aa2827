"""Following runs through their steps, all at once, each at its own moments.

Steps come in an order in which none leads back, so that everybody who ever comes to a step is there
when it is done.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from segmind import stopping
from segmind.automations.backtest.asking import Asking
from segmind.automations.backtest.doing import do
from segmind.automations.backtest.ending import first_end
from segmind.automations.backtest.past import Past, micros
from segmind.automations.backtest.runs import (
    WAITING,
    Course,
    Here,
    Runs,
    Sends,
    Ways,
    joined,
    parted,
)
from segmind.automations.backtest.timeline import NEVER
from segmind.automations.definition import Definition
from segmind.automations.flow import FINISHED
from segmind.automations.steps import HOLDOUT, Exit, Wait
from segmind.automations.walk import exits
from segmind.automations.world import FactsWorld


@dataclass
class Replay:
    """One definition over one past. ``salt`` decides splits, as in ``walk``."""

    definition: Definition
    past: Past
    asking: Asking
    world: FactsWorld
    salt: str
    reasons: list[str] = field(init=False)
    _steps: Mapping[str, int] = field(init=False)

    def __post_init__(self) -> None:
        self.reasons = [
            *(reason for _, reason in exits(self.definition)),
            *(rule.reason for rule in self.definition.exit_rules if rule.rule is not None),
            FINISHED,
            HOLDOUT,
            *dict.fromkeys(s.reason for s in self.definition.steps if isinstance(s, Exit)),
        ]
        self._steps = {step.id: n for n, step in enumerate(self.definition.steps)}

    def follow(self, customers: np.ndarray, triggered: np.ndarray, entered: np.ndarray) -> Course:
        """Where these runs get to, up to now."""
        end, which = first_end(self.past, self.definition, customers, triggered)
        runs = Runs(
            customers, triggered, entered, end, which,
            left_at=np.full(customers.shape, NEVER),
            reason=np.full(customers.shape, WAITING, dtype=np.int64),
            step=np.zeros(customers.shape, dtype=np.int64),
            by_event=np.zeros(customers.shape, dtype=np.bool_),
        )  # fmt: skip
        course = Walk(self, runs)
        course.go()
        return Course(runs, course.sends(), course.outcomes)

    def place(self, reason: str) -> int:
        """The place of a reason."""
        return self.reasons.index(reason)

    def number(self, step_id: str) -> int:
        """The place of a step."""
        return self._steps[step_id]

    def in_order(self) -> list[str]:
        """The steps' ids, each before those that it leads to."""
        ways: dict[str, list[str]] = {step.id: [] for step in self.definition.steps}
        for source, _, target in self.definition.ways():
            if target is not None:
                ways[source].append(target)
        done: dict[str, None] = {}

        def visit(step: str) -> None:
            if step not in done:
                for target in ways[step]:
                    visit(target)
                done[step] = None

        for step in ways:
            visit(step)
        return list(reversed(done))


class Walk:
    """One following. ``sent``: what send steps queued, a part each; ``outcomes`` as ``Course`` has
    them."""

    def __init__(self, replay: Replay, runs: Runs) -> None:
        self.replay = replay
        self.runs = runs
        self.outcomes: Counter[tuple[str, str]] = Counter()
        self.sent: list[Sends] = []
        self._now = micros(replay.past.now)
        self._rules = [rule for rule in replay.definition.exit_rules if rule.rule is not None]

    def go(self) -> None:
        """Take everybody through the steps."""
        definition = self.replay.definition
        everybody = np.arange(self.runs.size)
        first = definition.steps[0]
        runs = self.runs
        begun = Here(everybody, runs.entered, runs.triggered, runs.entered)
        if not isinstance(first, Wait):  # a wait at the beginning is looked at when it is over
            runs.step[:] = self.replay.number(first.id)
            begun = self._asked_again(begun, first.id)
        waiting: dict[str, list[Here]] = {first.id: [begun]}
        self.outcomes[first.id, "entered"] += runs.size - begun.rows.size
        for step_id in self.replay.in_order():
            stopping.check()
            for here in waiting.pop(step_id, []):
                self.outcomes[step_id, "entered"] += here.rows.size
                for ways in self._do(step_id, here):
                    target = definition.follower(step_id, ways.named)
                    if target is None:
                        self.leave(ways.here.rows, ways.here.at, FINISHED, step_id)
                    elif ways.here.rows.size:
                        waiting.setdefault(target, []).append(ways.here.arriving())

    def sends(self) -> Sends:
        """Everything that was queued."""
        return Sends.joined(self.sent, [0] * len(self.sent))

    def _do(self, step_id: str, here: Here) -> list[Ways]:
        step = self.replay.definition.step(step_id)
        self.runs.step[here.rows] = self.replay.number(step_id)
        return do(self, step, here)

    def leave(self, rows: np.ndarray, at: np.ndarray, reason: str, step_id: str) -> None:
        """These runs end at a step."""
        self._left(rows, at, np.full(rows.shape, self.replay.place(reason)), by_event=False)
        self.outcomes[step_id, "exited"] += rows.size

    def _left(self, rows: np.ndarray, at: np.ndarray, reasons: Any, *, by_event: bool) -> None:
        self.runs.left_at[rows] = at
        self.runs.reason[rows] = reasons
        self.runs.by_event[rows] = by_event

    def _still_in(self, here: Here, step_id: str) -> np.ndarray:
        """Who is still in when their moments come: nothing has ended them until then, and the
        moments have come at all."""
        end = self.runs.end[here.rows]
        gone = end <= np.minimum(here.at, self._now)
        rows = here.rows[gone]
        self._left(rows, end[gone], self.runs.end_reason[rows], by_event=True)
        self.outcomes[step_id, "exited"] += rows.size
        there: np.ndarray = ~gone & (here.at <= self._now)
        return there

    def _asked_again(self, here: Here, step_id: str) -> Here:
        """Those whom the engine still finds when it looks at their moments: exits by events, and
        the exit rules, which it asks whenever it moves somebody who was due."""
        here = here.take(np.flatnonzero(self._still_in(here, step_id)))
        for rule in self._rules:
            assert rule.rule is not None
            gone = self.replay.asking.holds(rule.rule, self.runs.customers[here.rows], here.at)
            self.leave(here.rows[gone], here.at[gone], rule.reason, step_id)
            here = here.take(np.flatnonzero(~gone))
        return here

    def look(
        self,
        due: Here,
        step_id: str,
        again: Callable[[Here], np.ndarray] | None = None,
    ) -> Here:
        """Who goes on when the engine looks at those who are due; ``again`` may put it off, and
        then they are looked at once more."""
        done: list[Here] = []
        while due.rows.size:
            stopping.check()
            due = self._asked_again(due, step_id)
            if again is None:
                return due
            later = again(due)
            ready, rest = parted(later <= due.at)
            done.append(due.take(ready))
            due = due.take(rest).until(later[rest])
        return joined(done)

    def when_over(self, here: Here, step_id: str, until: np.ndarray) -> Here:
        """Who goes on, at once or when the time has come."""
        at_once, rest = parted(until <= here.at)
        waited = self.look(here.take(rest).until(until[rest]), step_id)
        return joined([here.take(at_once), waited])
