"""Following runs through their steps, all at once, each at its own moments.

What each step does is said once more here in columns: ``automations.acting`` says it for runs of
one moment, and a property test holds the two equal. Steps come in an order in which none leads
back, so that everybody who ever comes to a step is there when it is done.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import polars as pl

from segmind import stopping
from segmind.automations.acting import ordered_branches
from segmind.automations.backtest.asking import Asking
from segmind.automations.backtest.habits import rhythms
from segmind.automations.backtest.past import Past, micros
from segmind.automations.backtest.starting import first_end
from segmind.automations.backtest.timeline import BEFORE_ALL, NEVER
from segmind.automations.backtest.wall import next_times
from segmind.automations.definition import Definition
from segmind.automations.flow import FINISHED, Ask
from segmind.automations.steps import (
    HOLDOUT,
    Condition,
    Exit,
    Send,
    SetTrait,
    Split,
    Wait,
    WaitFor,
    WaitRhythm,
    WaitUntil,
    Webhook,
)
from segmind.automations.walk import exits
from segmind.automations.world import FactsWorld
from segmind.experiments.assignment import BUCKETS, bucket

_SECOND: Final = 1_000_000
_DAY: Final = 86_400 * _SECOND
#: The reason of runs that are under way.
WAITING: Final = -1
#: Instead of an option: no channel reaches them; it is too late for the message.
UNREACHABLE: Final = -1
TOO_LATE: Final = -2


@dataclass
class Runs:
    """Runs side by side. Instants are microseconds.

    ``end``: when first something is known that ends them; ``end_reason`` which one. ``left_at``:
    when they left (NEVER: under way still); ``reason``: a place in ``Replay.reasons``; ``step``:
    where they left or are. ``by_event``: whether an event made them leave.
    """

    customers: np.ndarray
    triggered: np.ndarray
    entered: np.ndarray
    end: np.ndarray
    end_reason: np.ndarray
    left_at: np.ndarray
    reason: np.ndarray
    step: np.ndarray
    by_event: np.ndarray

    @property
    def size(self) -> int:
        return int(self.customers.size)


@dataclass
class _Here:
    """Runs at a step: which, the moment at which they are looked at, when they ``arrived`` there,
    and when they were ``due`` last."""

    rows: np.ndarray
    at: np.ndarray
    arrived: np.ndarray
    due: np.ndarray

    def take(self, which: np.ndarray) -> _Here:
        return _Here(self.rows[which], self.at[which], self.arrived[which], self.due[which])

    def until(self, at: np.ndarray) -> _Here:
        """The same, due at another moment."""
        return _Here(self.rows, at, self.arrived, at)

    def arriving(self) -> _Here:
        """The same, coming to their next step at once."""
        return _Here(self.rows, self.at, self.at, self.due)


@dataclass
class Sends:
    """Messages that send steps would have queued: by run (row), step and option (places; of whom
    no message is queued, why)."""

    rows: np.ndarray
    at: np.ndarray
    step: np.ndarray
    option: np.ndarray

    @classmethod
    def none(cls) -> Sends:
        empty = np.zeros(0, dtype=np.int64)
        return cls(empty, empty, empty, empty)

    @classmethod
    def joined(cls, parts: Sequence[Sends], shifts: Sequence[int]) -> Sends:
        """One after the other; the rows of each are shifted to where its runs lie."""
        if not parts:
            return cls.none()
        rows = [part.rows + shift for part, shift in zip(parts, shifts, strict=True)]
        return cls(
            np.concatenate(rows),
            *(np.concatenate([getattr(p, name) for p in parts]) for name in _SEND_COLUMNS),
        )


_SEND_COLUMNS: Final = ("at", "step", "option")


@dataclass
class Course:
    """What became of runs. ``outcomes``: how many by (step, outcome), as ``numbers`` counts."""

    runs: Runs
    sends: Sends
    outcomes: Counter[tuple[str, str]]


@dataclass(frozen=True)
class _Ways:
    """Who goes on from a step: runs, by the way that is ``named``."""

    named: str | None
    here: _Here


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
        course = _Walk(self, runs)
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


class _Walk:
    """One following."""

    def __init__(self, replay: Replay, runs: Runs) -> None:
        self.replay = replay
        self.runs = runs
        self.outcomes: Counter[tuple[str, str]] = Counter()
        self._sends: list[Sends] = []
        self._now = micros(replay.past.now)
        self._rules = [rule for rule in replay.definition.exit_rules if rule.rule is not None]

    def go(self) -> None:
        definition = self.replay.definition
        everybody = np.arange(self.runs.size)
        first = definition.steps[0]
        runs = self.runs
        begun = _Here(everybody, runs.entered, runs.triggered, runs.entered)
        if not isinstance(first, Wait):  # a wait at the beginning is looked at when it is over
            runs.step[:] = self.replay.number(first.id)
            begun = self._asked_again(begun, first.id)
        waiting: dict[str, list[_Here]] = {first.id: [begun]}
        self.outcomes[first.id, "entered"] += runs.size - begun.rows.size
        for step_id in self.replay.in_order():
            stopping.check()
            for here in waiting.pop(step_id, []):
                self.outcomes[step_id, "entered"] += here.rows.size
                for ways in self._do(step_id, here):
                    target = definition.follower(step_id, ways.named)
                    if target is None:
                        self._leave(ways.here.rows, ways.here.at, FINISHED, step_id)
                    elif ways.here.rows.size:
                        waiting.setdefault(target, []).append(ways.here.arriving())

    def sends(self) -> Sends:
        return Sends.joined(self._sends, [0] * len(self._sends))

    def _do(self, step_id: str, here: _Here) -> list[_Ways]:
        step = self.replay.definition.step(step_id)
        self.runs.step[here.rows] = self.replay.number(step_id)
        return _ACTS[type(step)](self, step, here)

    # --- leaving -------------------------------------------------------------------------------

    def _leave(self, rows: np.ndarray, at: np.ndarray, reason: str, step_id: str) -> None:
        self._left(rows, at, np.full(rows.shape, self.replay.place(reason)), by_event=False)
        self.outcomes[step_id, "exited"] += rows.size

    def _left(self, rows: np.ndarray, at: np.ndarray, reasons: Any, *, by_event: bool) -> None:
        self.runs.left_at[rows] = at
        self.runs.reason[rows] = reasons
        self.runs.by_event[rows] = by_event

    def _still_in(self, here: _Here, step_id: str) -> np.ndarray:
        """Who is still in when their moments come: nothing has ended them until then, and the
        moments have come at all."""
        end = self.runs.end[here.rows]
        gone = end <= np.minimum(here.at, self._now)
        rows = here.rows[gone]
        self._left(rows, end[gone], self.runs.end_reason[rows], by_event=True)
        self.outcomes[step_id, "exited"] += rows.size
        return ~gone & (here.at <= self._now)

    def _asked_again(self, here: _Here, step_id: str) -> _Here:
        """Those whom the engine still finds when it looks at their moments: exits by events, and
        the exit rules, which it asks whenever it moves somebody who was due."""
        here = here.take(np.flatnonzero(self._still_in(here, step_id)))
        for rule in self._rules:
            assert rule.rule is not None
            gone = self.replay.asking.holds(rule.rule, self.runs.customers[here.rows], here.at)
            self._leave(here.rows[gone], here.at[gone], rule.reason, step_id)
            here = here.take(np.flatnonzero(~gone))
        return here

    def _look(
        self,
        due: _Here,
        step_id: str,
        again: Callable[[_Here], np.ndarray] | None = None,
    ) -> _Here:
        """Who goes on when the engine looks at those who are due; ``again`` may put it off, and
        then they are looked at once more."""
        done: list[_Here] = []
        while due.rows.size:
            stopping.check()
            due = self._asked_again(due, step_id)
            if again is None:
                return due
            later = again(due)
            ready, rest = _parted(later <= due.at)
            done.append(due.take(ready))
            due = due.take(rest).until(later[rest])
        return _joined(done)

    def _when(self, here: _Here, step_id: str, until: np.ndarray) -> _Here:
        """Who goes on, at once or when the time has come."""
        at_once, rest = _parted(until <= here.at)
        waited = self._look(here.take(rest).until(until[rest]), step_id)
        return _joined([here.take(at_once), waited])

    # --- the kinds of steps --------------------------------------------------------------------

    def wait(self, step: Wait, here: _Here) -> list[_Ways]:
        length = step.seconds * _SECOND
        until = here.arrived + length

        def again(due: _Here) -> np.ndarray:
            rows = due.rows
            who = self.runs.customers[rows]
            last = np.full(rows.shape, BEFORE_ALL)
            for timeline in self.replay.past.any_of(step.restart_on):
                last = np.maximum(last, timeline.latest(who, due.at))
            restarted = last >= self.runs.triggered[rows]
            return np.where(restarted, last + length, BEFORE_ALL)

        due = _Here(here.rows, np.maximum(until, here.at), here.arrived, until)
        done = self._look(due, step.id, again if step.restart_on else None)
        self.outcomes[step.id, "passed"] += done.rows.size
        return [_Ways(step.next, done)]

    def wait_until(self, step: WaitUntil, here: _Here) -> list[_Ways]:
        zones = self.replay.world.zones(
            self.replay.past.people(self.runs.customers[here.rows]).tolist()
        )
        until = next_times(self.runs.customers[here.rows], here.arrived, step, zones)
        done = self._when(here, step.id, until)
        self.outcomes[step.id, "passed"] += done.rows.size
        return [_Ways(step.next, done)]

    def wait_for(self, step: WaitFor, here: _Here) -> list[_Ways]:
        timeline = self.replay.past.asked(Ask(step.event, step.where))
        who = self.runs.customers[here.rows]
        did = timeline.next_known(who, here.arrived, later=True)
        limit = here.arrived + step.seconds * _SECOND
        done = self._when(here, step.id, np.minimum(did, limit))
        known = np.full(self.runs.size, NEVER)
        known[here.rows] = did
        is_done = known[done.rows] <= done.at
        ways = [done.take(rows) for rows in _parted(is_done)]
        self.outcomes[step.id, "done"] += ways[0].rows.size
        self.outcomes[step.id, "timed_out"] += ways[1].rows.size
        return [_Ways(step.done, ways[0]), _Ways(step.timed_out, ways[1])]

    def wait_rhythm(self, step: WaitRhythm, here: _Here) -> list[_Ways]:
        unknown: list[_Here] = []

        def again(due: _Here) -> np.ndarray:
            gap, last = rhythms(self.replay.past, step, self.runs.customers[due.rows], due.at)
            has_none = last == BEFORE_ALL
            unknown.append(due.take(np.flatnonzero(has_none)))
            own = _rounded(gap * step.percent / 100)
            usual = np.clip(own, step.min_days * _DAY, step.max_days * _DAY)
            return np.where(has_none, BEFORE_ALL, last + usual)

        later = again(here)
        ready, rest = _parted(later <= here.at)
        waited = self._look(here.take(rest).until(later[rest]), step.id, again)
        done = _joined([here.take(ready), waited])
        strangers = _joined(unknown)
        knows = ~np.isin(done.rows, strangers.rows)
        self.outcomes[step.id, "passed"] += int(knows.sum())
        self.outcomes[step.id, "no_rhythm"] += strangers.rows.size
        return [
            _Ways(step.next, done.take(np.flatnonzero(knows))),
            _Ways(step.unknown, strangers),
        ]

    def condition(self, step: Condition, here: _Here) -> list[_Ways]:
        yes = self.replay.asking.holds(step.rule, self.runs.customers[here.rows], here.at)
        self.outcomes[step.id, "yes"] += int(yes.sum())
        self.outcomes[step.id, "no"] += int((~yes).sum())
        yeses, noes = _parted(yes)
        return [_Ways(step.yes, here.take(yeses)), _Ways(step.no, here.take(noes))]

    def split(self, step: Split, here: _Here) -> list[_Ways]:
        who = pl.Series("customer", self.runs.customers[here.rows], dtype=pl.Int64)
        drawn = bucket(who, f"{self.replay.salt}:{step.id}").to_numpy().astype(np.int64)
        ways = []
        low, reached = 0, 0.0
        branches = ordered_branches(step)
        for n, branch in enumerate(branches):
            reached += branch.percent
            high = BUCKETS if n == len(branches) - 1 else round(reached * BUCKETS / 100)
            mine = here.take(np.flatnonzero((drawn >= low) & (drawn < high)))
            low = high
            self.outcomes[step.id, f"branch:{branch.name}"] += mine.rows.size
            if branch.holdout:
                self._leave(mine.rows, mine.at, HOLDOUT, step.id)
            else:
                ways.append(_Ways(branch.next, mine))
        return ways

    def send(self, step: Send, here: _Here) -> list[_Ways]:
        late = here.at - here.due > step.valid_minutes * 60 * _SECOND
        option = np.where(late, TOO_LATE, self._options(step, here))
        sent = int((option >= 0).sum())
        self.outcomes[step.id, "sent"] += sent
        self.outcomes[step.id, "skipped"] += option.size - sent
        place = np.full(option.shape, self.replay.number(step.id))
        self._sends.append(Sends(here.rows, here.at, place, option))
        return [_Ways(step.next, here)]

    def _options(self, step: Send, here: _Here) -> np.ndarray:
        """The place of the first option that reaches each; UNREACHABLE where none does."""
        if len(step.options) == 1:
            return np.zeros(here.rows.shape, dtype=np.int64)
        who = self.runs.customers[here.rows]
        ids = self.replay.past.people(who).tolist()
        liked = self.replay.world.preferred(ids) if step.prefer == "customer" else {}
        favourite = pl.Series(who).replace_strict(liked, default="", return_dtype=pl.String())
        found = np.full(here.rows.shape, UNREACHABLE, dtype=np.int64)
        is_liked = np.zeros(here.rows.shape, dtype=np.bool_)
        for n, option in enumerate(step.options):
            reached = list(self.replay.world.reachable(option.channel, step.purpose, ids))
            reaches = np.isin(who, np.array(reached, dtype=np.int64))
            is_favourite = (favourite == option.channel).to_numpy() & reaches
            better = (reaches & (found == UNREACHABLE)) | (is_favourite & ~is_liked)
            found[better] = n
            is_liked |= is_favourite
        return found

    def set_trait(self, step: SetTrait, here: _Here) -> list[_Ways]:
        self.outcomes[step.id, "set"] += here.rows.size
        return [_Ways(step.next, here)]

    def webhook(self, step: Webhook, here: _Here) -> list[_Ways]:
        self.outcomes[step.id, "called"] += here.rows.size
        return [_Ways(step.next, here)]

    def exit(self, step: Exit, here: _Here) -> list[_Ways]:
        self._leave(here.rows, here.at, step.reason, step.id)
        return []


def _rounded(values: np.ndarray) -> np.ndarray:
    return np.rint(values).astype(np.int64)


def _parted(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The places where it holds, and the others."""
    return np.flatnonzero(mask), np.flatnonzero(~mask)


def _joined(parts: Sequence[_Here]) -> _Here:
    if len(parts) == 1:
        return parts[0]
    none = np.zeros(0, dtype=np.int64)
    names = ("rows", "at", "arrived", "due")
    return _Here(*(np.concatenate([none, *(getattr(p, name) for p in parts)]) for name in names))


_ACTS: Final[Mapping[type, Callable[[_Walk, Any, _Here], list[_Ways]]]] = {
    Wait: _Walk.wait,
    WaitUntil: _Walk.wait_until,
    WaitFor: _Walk.wait_for,
    WaitRhythm: _Walk.wait_rhythm,
    Condition: _Walk.condition,
    Split: _Walk.split,
    Send: _Walk.send,
    SetTrait: _Walk.set_trait,
    Webhook: _Walk.webhook,
    Exit: _Walk.exit,
}
