"""What each kind of step does with those who come to it, in columns.

``automations.acting`` says the same of runs of one moment; a property test holds the two equal.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl

from segmind.automations.acting import ordered_branches
from segmind.automations.backtest.habits import rhythms
from segmind.automations.backtest.runs import (
    TOO_LATE,
    UNREACHABLE,
    Here,
    Sends,
    Ways,
    joined,
    parted,
)
from segmind.automations.backtest.timeline import BEFORE_ALL, NEVER
from segmind.automations.backtest.wall import next_times
from segmind.automations.flow import Ask
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
from segmind.experiments.assignment import BUCKETS, bucket

if TYPE_CHECKING:
    from segmind.automations.backtest.replay import Walk

_SECOND: Final = 1_000_000
_DAY: Final = 86_400 * _SECOND


def do(walk: Walk, step: Any, here: Here) -> list[Ways]:
    """Do a step for those who come to it: who goes on from it, when, by which way."""
    return _ACTS[type(step)](walk, step, here)


def _wait(walk: Walk, step: Wait, here: Here) -> list[Ways]:
    length = step.seconds * _SECOND
    until = here.arrived + length

    def again(due: Here) -> np.ndarray:
        rows = due.rows
        who = walk.runs.customers[rows]
        last = np.full(rows.shape, BEFORE_ALL)
        for timeline in walk.replay.past.any_of(step.restart_on):
            last = np.maximum(last, timeline.latest(who, due.at))
        restarted = last >= walk.runs.triggered[rows]
        return np.where(restarted, last + length, BEFORE_ALL)

    due = Here(here.rows, np.maximum(until, here.at), here.arrived, until)
    done = walk.look(due, step.id, again if step.restart_on else None)
    walk.outcomes[step.id, "passed"] += done.rows.size
    return [Ways(step.next, done)]


def _wait_until(walk: Walk, step: WaitUntil, here: Here) -> list[Ways]:
    zones = walk.replay.world.zones(
        walk.replay.past.people(walk.runs.customers[here.rows]).tolist()
    )
    until = next_times(walk.runs.customers[here.rows], here.arrived, step, zones)
    done = walk.when_over(here, step.id, until)
    walk.outcomes[step.id, "passed"] += done.rows.size
    return [Ways(step.next, done)]


def _wait_for(walk: Walk, step: WaitFor, here: Here) -> list[Ways]:
    timeline = walk.replay.past.asked(Ask(step.event, step.where))
    who = walk.runs.customers[here.rows]
    did = timeline.next_known(who, here.arrived, later=True)
    limit = here.arrived + step.seconds * _SECOND
    done = walk.when_over(here, step.id, np.minimum(did, limit))
    known = np.full(walk.runs.size, NEVER)
    known[here.rows] = did
    is_done = known[done.rows] <= done.at
    ways = [done.take(rows) for rows in parted(is_done)]
    walk.outcomes[step.id, "done"] += ways[0].rows.size
    walk.outcomes[step.id, "timed_out"] += ways[1].rows.size
    return [Ways(step.done, ways[0]), Ways(step.timed_out, ways[1])]


def _wait_rhythm(walk: Walk, step: WaitRhythm, here: Here) -> list[Ways]:
    unknown: list[Here] = []

    def again(due: Here) -> np.ndarray:
        gap, last = rhythms(walk.replay.past, step, walk.runs.customers[due.rows], due.at)
        has_none = last == BEFORE_ALL
        unknown.append(due.take(np.flatnonzero(has_none)))
        own = _rounded(gap * step.percent / 100)
        usual = np.clip(own, step.min_days * _DAY, step.max_days * _DAY)
        return np.where(has_none, BEFORE_ALL, last + usual)

    later = again(here)
    ready, rest = parted(later <= here.at)
    waited = walk.look(here.take(rest).until(later[rest]), step.id, again)
    done = joined([here.take(ready), waited])
    strangers = joined(unknown)
    knows = ~np.isin(done.rows, strangers.rows)
    walk.outcomes[step.id, "passed"] += int(knows.sum())
    walk.outcomes[step.id, "no_rhythm"] += strangers.rows.size
    return [
        Ways(step.next, done.take(np.flatnonzero(knows))),
        Ways(step.unknown, strangers),
    ]


def _condition(walk: Walk, step: Condition, here: Here) -> list[Ways]:
    yes = walk.replay.asking.holds(step.rule, walk.runs.customers[here.rows], here.at)
    walk.outcomes[step.id, "yes"] += int(yes.sum())
    walk.outcomes[step.id, "no"] += int((~yes).sum())
    yeses, noes = parted(yes)
    return [Ways(step.yes, here.take(yeses)), Ways(step.no, here.take(noes))]


def _split(walk: Walk, step: Split, here: Here) -> list[Ways]:
    who = pl.Series("customer", walk.runs.customers[here.rows], dtype=pl.Int64)
    drawn = bucket(who, f"{walk.replay.salt}:{step.id}").to_numpy().astype(np.int64)
    ways = []
    low, reached = 0, 0.0
    branches = ordered_branches(step)
    for n, branch in enumerate(branches):
        reached += branch.percent
        high = BUCKETS if n == len(branches) - 1 else round(reached * BUCKETS / 100)
        mine = here.take(np.flatnonzero((drawn >= low) & (drawn < high)))
        low = high
        walk.outcomes[step.id, f"branch:{branch.name}"] += mine.rows.size
        if branch.holdout:
            walk.leave(mine.rows, mine.at, HOLDOUT, step.id)
        else:
            ways.append(Ways(branch.next, mine))
    return ways


def _send(walk: Walk, step: Send, here: Here) -> list[Ways]:
    late = here.at - here.due > step.valid_minutes * 60 * _SECOND
    option = np.where(late, TOO_LATE, _options(walk, step, here))
    sent = int((option >= 0).sum())
    walk.outcomes[step.id, "sent"] += sent
    walk.outcomes[step.id, "skipped"] += option.size - sent
    place = np.full(option.shape, walk.replay.number(step.id))
    walk.sent.append(Sends(here.rows, here.at, place, option))
    return [Ways(step.next, here)]


def _options(walk: Walk, step: Send, here: Here) -> np.ndarray:
    """The place of the first option that reaches each; UNREACHABLE where none does."""
    if len(step.options) == 1:
        return np.zeros(here.rows.shape, dtype=np.int64)
    who = walk.runs.customers[here.rows]
    ids = walk.replay.past.people(who).tolist()
    liked = walk.replay.world.preferred(ids) if step.prefer == "customer" else {}
    favourite = pl.Series(who).replace_strict(liked, default="", return_dtype=pl.String())
    found = np.full(here.rows.shape, UNREACHABLE, dtype=np.int64)
    is_liked = np.zeros(here.rows.shape, dtype=np.bool_)
    for n, option in enumerate(step.options):
        reached = list(walk.replay.world.reachable(option.channel, step.purpose, ids))
        reaches = np.isin(who, np.array(reached, dtype=np.int64))
        is_favourite = (favourite == option.channel).to_numpy() & reaches
        better = (reaches & (found == UNREACHABLE)) | (is_favourite & ~is_liked)
        found[better] = n
        is_liked |= is_favourite
    return found


def _set_trait(walk: Walk, step: SetTrait, here: Here) -> list[Ways]:
    walk.outcomes[step.id, "set"] += here.rows.size
    return [Ways(step.next, here)]


def _webhook(walk: Walk, step: Webhook, here: Here) -> list[Ways]:
    walk.outcomes[step.id, "called"] += here.rows.size
    return [Ways(step.next, here)]


def _exit(walk: Walk, step: Exit, here: Here) -> list[Ways]:
    walk.leave(here.rows, here.at, step.reason, step.id)
    return []


def _rounded(values: np.ndarray) -> np.ndarray:
    whole: np.ndarray = np.rint(values).astype(np.int64)
    return whole


_ACTS: Final[Mapping[type, Callable[[Any, Any, Here], list[Ways]]]] = {
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
