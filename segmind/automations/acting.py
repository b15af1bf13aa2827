"""What each kind of step does with those who stand at it: a pure function for each.

Everything that a step needs to know comes from its :class:`Scene`; what it does is written into the
moves. It returns who goes on at once, and by which way: the others stay until their ``due_at``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from segmind.automations.flow import Ask, Move, Outgoing, Scene, Since
from segmind.automations.steps import (
    HOLDOUT,
    Branch,
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
from segmind.automations.wall_clock import next_time
from segmind.experiments.assignment import BUCKETS, bucket


@dataclass(frozen=True, slots=True)
class Going:
    """A move that leaves its step: by the way that is ``named`` (None: to the step below).

    ``at_once``: whether the next step is done now; else by a later pass, which sees what this step
    has changed.
    """

    move: Move
    named: str | None
    at_once: bool = True


def act(step: Any, group: Sequence[Move], scene: Scene) -> list[Going]:
    """Do ``step`` for those who stand at it."""
    return _ACTS[type(step)](step, group, scene)


def _stays(move: Move, step_id: str, until: datetime, scene: Scene) -> bool:
    """Whether the move has to wait until then; one that was due says that it waits on."""
    if until <= scene.now:
        return False
    if move.arrived_at != scene.now and move.due_at is not None and move.due_at <= scene.now:
        move.note(step_id, "waited")
    move.due_at = until
    return True


def _wait(step: Wait, group: Sequence[Move], scene: Scene) -> list[Going]:
    """Time since the arrival, or since the last event that restarts it."""
    asked = {
        move.run.id: Since(move.customer_id, move.run.triggered_at)
        for move in group
        if step.restart_on and move.arrived_at != scene.now
    }
    last = scene.world.latest(step.restart_on, asked) if asked else {}
    length = timedelta(seconds=step.seconds)
    going = []
    for move in group:
        until = _first_end(move, length)
        if (again := last.get(move.run.id)) is not None:
            until = max(until, again + length)
        if not _stays(move, step.id, until, scene):
            move.note(step.id, "passed")
            going.append(Going(move, step.next))
    return going


def _first_end(move: Move, length: timedelta) -> datetime:
    if move.arrived_at is None:
        return move.run.due_at
    return move.arrived_at + length


def _wait_until(step: WaitUntil, group: Sequence[Move], scene: Scene) -> list[Going]:
    """The next such time of day in each customer's zone since the arrival."""
    zones = scene.world.zones({move.customer_id for move in group})
    going = []
    for move in group:
        since = move.arrived_at or move.run.due_at
        until = next_time(since, step.at, step.weekdays, zones[move.customer_id])
        if not _stays(move, step.id, until, scene):
            move.note(step.id, "passed")
            going.append(Going(move, step.next))
    return going


def _wait_for(step: WaitFor, group: Sequence[Move], scene: Scene) -> list[Going]:
    """Done, if the event came after the arrival; else timed out, once the time is up."""
    asked = {
        move.run.id: Since(move.customer_id, move.arrived_at or move.run.triggered_at)
        for move in group
        if move.arrived_at != scene.now
    }
    ask = Ask(step.event, step.where, strictly_later=True)
    done = scene.world.happened(ask, asked) if asked else set()
    going = []
    for move in group:
        if move.run.id in done:
            move.note(step.id, "done")
            going.append(Going(move, step.done))
        elif not _stays(move, step.id, _first_end(move, timedelta(seconds=step.seconds)), scene):
            move.note(step.id, "timed_out")
            going.append(Going(move, step.timed_out))
    return going


def _wait_rhythm(step: WaitRhythm, group: Sequence[Move], scene: Scene) -> list[Going]:
    """The customer's own median gap after their latest event."""
    rhythms = scene.world.rhythm(step.event, step.least, {move.customer_id for move in group})
    going = []
    for move in group:
        rhythm = rhythms.get(move.customer_id)
        if rhythm is None:
            move.note(step.id, "no_rhythm")
            going.append(Going(move, step.unknown))
            continue
        usual = max(
            timedelta(days=step.min_days),
            min(timedelta(days=step.max_days), rhythm.gap * step.percent / 100),
        )
        if not _stays(move, step.id, rhythm.last + usual, scene):
            move.note(step.id, "passed", days=round(usual / timedelta(days=1), 1))
            going.append(Going(move, step.next))
    return going


def _condition(step: Condition, group: Sequence[Move], scene: Scene) -> list[Going]:
    yes = scene.world.matching(step.rule, {move.customer_id for move in group})
    going = []
    for move in group:
        answer = move.customer_id in yes
        move.note(step.id, "yes" if answer else "no")
        going.append(Going(move, step.yes if answer else step.no))
    return going


def _split(step: Split, group: Sequence[Move], scene: Scene) -> list[Going]:
    going = []
    for move in group:
        branch = drawn(step, move.customer_id, scene.salt)
        move.note(step.id, f"branch:{branch.name}")
        if branch.holdout:
            move.leave(step.id, HOLDOUT)
        else:
            going.append(Going(move, branch.next))
    return going


def drawn(step: Split, customer_id: int, salt: str) -> Branch:
    """The branch of a customer, for ever the same. Holdouts take the lowest buckets, as
    ``experiments.holdouts.in_holdout`` has it, so that growing one keeps everybody in it."""
    order = ordered_branches(step)
    at = bucket(customer_id, f"{salt}:{step.id}")
    reached = 0.0
    for branch in order:
        reached += branch.percent
        if at < round(reached * BUCKETS / 100):
            return branch
    return order[-1]


def ordered_branches(step: Split) -> list[Branch]:
    """The branches in the order in which they take buckets, from the lowest."""
    return sorted(step.branches, key=lambda branch: not branch.holdout)


def _send(step: Send, group: Sequence[Move], scene: Scene) -> list[Going]:
    chosen = _chosen(step, group, scene)
    for move in group:
        late = scene.now - move.due_at if move.due_at is not None else timedelta(0)
        if late > timedelta(minutes=step.valid_minutes):
            move.note(step.id, "skipped", reason="too_late")
        elif (outgoing := chosen.get(move.run.id)) is None:
            move.note(step.id, "skipped", reason="not_reachable")
        else:
            move.sends.append(outgoing)
    return [Going(move, step.next) for move in group]


def _chosen(step: Send, group: Sequence[Move], scene: Scene) -> dict[int, Outgoing]:
    """By run id: the first channel on which the customer may be reached. A step with one channel
    has no choice: the gate says why it was not used."""
    if len(step.options) == 1:
        return {move.run.id: Outgoing(step, step.options[0]) for move in group}
    ids = {move.customer_id for move in group}
    reached = {
        option.channel: scene.world.reachable(option.channel, step.purpose, ids)
        for option in step.options
    }
    liked = scene.world.preferred(ids) if step.prefer == "customer" else {}
    chosen = {}
    for move in group:
        first = liked.get(move.customer_id)
        for option in sorted(step.options, key=lambda option: option.channel != first):
            if move.customer_id in reached[option.channel]:
                chosen[move.run.id] = Outgoing(step, option)
                break
    return chosen


def _set_trait(step: SetTrait, group: Sequence[Move], _: Scene) -> list[Going]:
    for move in group:
        move.traits.append(step)
        move.note(step.id, "set")
    return [Going(move, step.next, at_once=False) for move in group]


def _webhook(step: Webhook, group: Sequence[Move], _: Scene) -> list[Going]:
    for move in group:
        move.calls.append(step)
        move.note(step.id, "called")
    return [Going(move, step.next) for move in group]


def _exit(step: Exit, group: Sequence[Move], _: Scene) -> list[Going]:
    for move in group:
        move.leave(step.id, step.reason)
    return []


_ACTS: Final[Mapping[type, Callable[[Any, Sequence[Move], Scene], list[Going]]]] = {
    Wait: _wait,
    WaitUntil: _wait_until,
    WaitFor: _wait_for,
    WaitRhythm: _wait_rhythm,
    Condition: _condition,
    Split: _split,
    Send: _send,
    SetTrait: _set_trait,
    Webhook: _webhook,
    Exit: _exit,
}
