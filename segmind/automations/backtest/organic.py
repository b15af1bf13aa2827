"""What comes by itself: how many reach the goal anyway, by when, so that the delay is chosen from
data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from segmind.automations.backtest.past import MICROSECOND, Past, micros
from segmind.automations.backtest.timeline import NEVER
from segmind.automations.definition import Definition
from segmind.automations.entry import CART_LIFE
from segmind.automations.flow import Ask
from segmind.automations.steps import Wait
from segmind.automations.triggers import EventTrigger
from segmind.experiments.survival import still_waiting

#: 15 minutes, 1, 4, 24 and 72 hours, in seconds.
AFTER: Final = (900, 3_600, 14_400, 86_400, 259_200)
_SECOND: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Organic:
    """Of ``counted`` runs, ``reached`` the goal within ``seconds`` of the last change (of the cart:
    the last event that starts the first wait anew, before the goal; else the trigger). Counted is
    who could be watched for so long.

    ``share`` is the share of all runs, with those that could be watched for less as long as they
    were (Kaplan and Meier 1958), so that it never falls; None where nobody could be.
    """

    seconds: int
    reached: int
    counted: int
    share: float | None


def curve(
    past: Past, definition: Definition, customers: np.ndarray, triggered: np.ndarray
) -> list[Organic]:
    """The curve of these runs; empty where no event starts them, or they have no goal."""
    goal = definition.goal
    if goal is None or not isinstance(definition.trigger, EventTrigger):
        return []
    ask = Ask(goal.event, goal.where, goal.event == definition.trigger.event)
    reached = past.asked(ask).next_ts(customers, triggered, later=ask.strictly_later)
    if definition.key == "cart":  # an order after the cart's life is another cart's
        reached = np.where(reached - triggered < CART_LIFE // MICROSECOND, reached, NEVER)
    changed = _last_change(past, definition, customers, triggered, reached)
    took = np.where(reached == NEVER, NEVER, reached - changed)
    return summed(took, micros(past.now) - changed)


def summed(took: np.ndarray, watched: np.ndarray) -> list[Organic]:
    """The curve of runs that ``took`` so long to their goal (NEVER: did not reach it) and could be
    ``watched`` for so long, both in microseconds."""
    found = []
    times, shares = _by_time(took, watched)
    for seconds in AFTER:
        within = seconds * _SECOND
        is_watched = watched >= within
        counted = int(is_watched.sum())
        share = float(shares[np.searchsorted(times, within, side="right")]) if counted else None
        found.append(Organic(seconds, int((took[is_watched] <= within).sum()), counted, share))
    return found


def _by_time(took: np.ndarray, watched: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Times, ascending; the share that had reached the goal before the first, and after each."""
    times, place = np.unique(np.minimum(took, watched), return_inverse=True)
    is_there = took <= watched
    ended = np.bincount(place[is_there], minlength=times.size)
    unwatched = np.bincount(place[~is_there], minlength=times.size)
    return times, np.concatenate([[0.0], 1 - still_waiting(ended, unwatched)])


def _last_change(
    past: Past,
    definition: Definition,
    customers: np.ndarray,
    triggered: np.ndarray,
    reached: np.ndarray,
) -> np.ndarray:
    """The last event that starts the first wait anew: up to the goal, within a cart's life."""
    first = definition.steps[0]
    changed = triggered.copy()
    if isinstance(first, Wait):
        end = np.minimum(reached, triggered + CART_LIFE // MICROSECOND)
        end = np.minimum(end, micros(past.now))
        for timeline in past.any_of(first.restart_on):
            changed = np.maximum(changed, timeline.last(customers, end))
    return changed
