"""Moving runs through their steps: who leaves, who waits, who goes which way, who is sent what.

Nothing is written here. What the log and the customers say comes through :class:`World`; what is to
be done comes out as one :class:`Move` for each run. The live engine, the replay of a past and the
simulation of one person differ only in the world that they give.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from segmind.automations.acting import Going, act
from segmind.automations.definition import Definition
from segmind.automations.flow import (
    FINISHED,
    GOAL,
    Ask,
    InFlight,
    Move,
    Scene,
    World,
    since_trigger,
    standing,
)
from segmind.automations.steps import Wait


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

    asked = since_trigger(runs)
    for ask, reason in exits(definition):
        leave(world.happened(ask, asked), reason)
    for rule in definition.exit_rules:
        if rule.rule is not None:
            stay = [run for run in runs if run.id not in reasons]
            gone = world.matching(rule.rule, {run.customer_id for run in stay})
            leave((run.id for run in stay if run.customer_id in gone), rule.reason)
    return reasons


def exits(definition: Definition) -> list[tuple[Ask, str]]:
    """The events that end a run, each with the reason that is noted."""
    trigger = definition.trigger_event
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
    definition: Definition,
    runs: Sequence[InFlight],
    world: World,
    now: datetime,
    salt: str,
) -> list[Move]:
    """Every run as far as it goes at ``now``: to a wait that is not over, or out.

    ``salt`` decides splits: ``automation:7`` for the automation 7.
    """
    scene = Scene(definition, world, now, salt)
    left = leavers(definition, runs, world)
    moves = [standing(run) for run in runs]
    for move in moves:
        if move.run.id in left:
            move.leave(move.run.step, left[move.run.id])
    # The way of the steps has no way back, so a walk ends after as many rounds as there are steps.
    active = [move for move in moves if not move.exited]
    while active:
        here: dict[str, list[Move]] = {}
        for move in active:
            if move.step is not None:
                here.setdefault(move.step, []).append(move)
        active = []
        for step_id, group in here.items():
            for going in act(definition.step(step_id), group, scene):
                if _arrive(going, step_id, scene):
                    active.append(going.move)
    return moves


def _arrive(going: Going, step_id: str, scene: Scene) -> bool:
    """Take the move to the next step; whether that is to be done at once."""
    move = going.move
    target = scene.definition.follower(step_id, going.named)
    if target is None:
        move.leave(step_id, FINISHED)
        return False
    move.step, move.arrived_at = target, scene.now
    move.arrivals.append(target)
    if not going.at_once:
        move.due_at = scene.now
    return going.at_once
