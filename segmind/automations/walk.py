"""Moving runs through their steps: who leaves, who waits, who goes which way, who is sent what.

Nothing is written here. What the log and the customers say comes through :class:`World`; what is to
be done comes out as one :class:`Move` for each run.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from segmind.automations.definition import (
    Condition,
    Definition,
    Exit,
    RuleJson,
    Send,
    Wait,
)

GOAL = "goal"
FINISHED = "finished"


@dataclass(frozen=True, slots=True)
class InFlight:
    """A run that is due at ``step``."""

    id: int
    customer_id: int
    triggered_at: datetime
    step: str
    due_at: datetime


@dataclass(frozen=True, slots=True)
class Ask:
    """An event that happened to a customer, asked since an instant of each run's own."""

    event: str
    where: tuple[Mapping[str, Any], ...]
    #: An event of the trigger's own name counts only when it came later: else the trigger itself
    #: would be the goal.
    strictly_later: bool


class World(Protocol):
    """What a walk asks. Answers are as of one instant."""

    def happened(self, ask: Ask, runs: Sequence[InFlight]) -> set[int]:
        """Ids of the runs since whose trigger it happened."""

    def latest(self, events: Collection[str], runs: Sequence[InFlight]) -> dict[int, datetime]:
        """By run id: when one of the events last happened to the customer, since the trigger."""

    def matching(self, rule: RuleJson, customer_ids: Collection[int]) -> set[int]:
        """Those of the customers whom the segment rule matches."""


@dataclass(frozen=True, slots=True)
class Note:
    """What happened to a run at a step; kept as its history."""

    step: str
    outcome: str  # waited, passed, yes, no, sent, skipped, exited
    detail: dict[str, Any] | None = None


@dataclass(slots=True)
class Move:
    """What becomes of a run: where it stands afterwards, its notes, and what it is sent."""

    run: InFlight
    step: str | None
    due_at: datetime | None
    exit_reason: str | None = None
    notes: list[Note] = field(default_factory=list)
    sends: list[Send] = field(default_factory=list)

    @property
    def exited(self) -> bool:
        return self.exit_reason is not None


def first_due(definition: Definition, triggered_at: datetime, now: datetime) -> datetime:
    """When a new run is due first: a wait at the beginning counts from the trigger."""
    first = definition.steps[0]
    if isinstance(first, Wait):
        return triggered_at + timedelta(seconds=first.seconds)
    return now


def leavers(definition: Definition, runs: Sequence[InFlight], world: World) -> dict[int, str]:
    """Run id -> why it leaves now: the goal, else the first exit rule that holds."""
    reasons: dict[int, str] = {}

    def leave(ids: Iterable[int], reason: str) -> None:
        for run_id in ids:
            reasons.setdefault(run_id, reason)

    for ask, reason in exits(definition):
        leave(world.happened(ask, runs), reason)
    for rule in definition.exit_rules:
        if rule.rule is not None:
            stay = [run for run in runs if run.id not in reasons]
            gone = world.matching(rule.rule, {run.customer_id for run in stay})
            leave((run.id for run in stay if run.customer_id in gone), rule.reason)
    return reasons


def exits(definition: Definition) -> list[tuple[Ask, str]]:
    """The events that end a run, each with the reason that is noted."""
    trigger = definition.trigger.event
    found = []
    if definition.goal is not None:
        goal = definition.goal
        found.append((Ask(goal.event, goal.where, goal.event == trigger), GOAL))
    found += [
        (Ask(rule.event, rule.where, rule.event == trigger), rule.reason)
        for rule in definition.exit_rules
        if rule.event is not None
    ]
    return found


def walk(
    definition: Definition, runs: Sequence[InFlight], world: World, now: datetime
) -> list[Move]:
    """Every run as far as it goes at ``now``: to a wait that is not over, or out."""
    left = leavers(definition, runs, world)
    moves = [_standing(run) for run in runs]
    for move in moves:
        if move.run.id in left and move.step is not None:
            _exit(move, move.step, left[move.run.id])
    # The way of the steps has no way back, so a walk ends after as many rounds as there are steps.
    active = [move for move in moves if not move.exited]
    while active:
        here: dict[str, list[Move]] = {}
        for move in active:
            if move.step is not None:
                here.setdefault(move.step, []).append(move)
        active = []
        for step_id, group in here.items():
            active.extend(_perform(definition, step_id, group, world, now))
    return moves


def _standing(run: InFlight) -> Move:
    return Move(run, run.step, run.due_at)


def _exit(move: Move, step: str, reason: str) -> None:
    move.step, move.due_at, move.exit_reason = None, None, reason
    move.notes.append(Note(step, "exited", {"reason": reason}))


def _perform(
    definition: Definition, step_id: str, group: list[Move], world: World, now: datetime
) -> list[Move]:
    """Do one step for those who stand at it; returns those who go on at once."""
    step = definition.step(step_id)
    if isinstance(step, Wait):
        return [
            move
            for move in _wait(step, group, world, now)
            if _arrive(definition, move, step, step.next, now)
        ]
    if isinstance(step, Condition):
        yes = world.matching(step.rule, {move.run.customer_id for move in group})
        going = []
        for move in group:
            answer = move.run.customer_id in yes
            move.notes.append(Note(step.id, "yes" if answer else "no"))
            if _arrive(definition, move, step, step.yes if answer else step.no, now):
                going.append(move)
        return going
    if isinstance(step, Send):
        for move in group:
            _send(step, move, now)
        return [move for move in group if _arrive(definition, move, step, step.next, now)]
    for move in group:
        _exit(move, step.id, step.reason)
    return []


def _wait(step: Wait, group: list[Move], world: World, now: datetime) -> list[Move]:
    """Those whose wait is over; an event that restarts it moves the others' time on."""
    last = world.latest(step.restart_on, [m.run for m in group]) if step.restart_on else {}
    over = []
    for move in group:
        again = last.get(move.run.id)
        until = again + timedelta(seconds=step.seconds) if again is not None else None
        if until is not None and until > now:
            move.due_at = until
            move.notes.append(Note(step.id, "waited"))
        else:
            move.notes.append(Note(step.id, "passed"))
            over.append(move)
    return over


def _send(step: Send, move: Move, now: datetime) -> None:
    late = now - move.due_at if move.due_at is not None else timedelta(0)
    if late > timedelta(minutes=step.valid_minutes):
        move.notes.append(Note(step.id, "skipped", {"reason": "too_late"}))
    else:
        move.sends.append(step)


def _arrive(
    definition: Definition,
    move: Move,
    step: Wait | Condition | Send | Exit,
    named: str | None,
    now: datetime,
) -> bool:
    """Take the move to the next step; whether there is something to do there at once."""
    target = definition.follower(step.id, named)
    if target is None:
        _exit(move, step.id, FINISHED)
        return False
    move.step = target
    following = definition.step(target)
    if isinstance(following, Wait):
        move.due_at = now + timedelta(seconds=following.seconds)
        return False
    return True
