"""What became of the demo shop's past messages, drawn from a story's rates: columns, no rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np

from scripts.demo_shop.stories import COMPLAINTS, HARD_BOUNCES, UNSUBSCRIBES, Story
from segmind.events.schema import Channel

SECOND = 1_000_000


@dataclass(frozen=True, slots=True)
class Outcomes:
    """One entry per recipient; instants are microseconds since 1970 UTC, 0 = never."""

    sent: np.ndarray
    delivered: np.ndarray
    bounced: np.ndarray
    opened: np.ndarray
    machine_opened: np.ndarray
    clicked: np.ndarray
    unsubscribed: np.ndarray
    complained: np.ndarray
    ordered: np.ndarray  # an order that the message caused


def draw(
    story: Story, count: int, at: datetime, last: int, rng: np.random.Generator,
    sent: np.ndarray | None = None,
) -> Outcomes:  # fmt: skip
    """Outcomes of ``count`` messages sent from ``at`` on (2,000 a minute), or at ``sent``.

    Nothing happens after ``last``.

    Exactly ``round(effect x delivered)`` orders are caused, two thirds of them by clickers.
    """
    if sent is None:
        sent = round(at.timestamp() * SECOND) + np.arange(count) * 30_000
    never = np.zeros(count, dtype=np.int64)
    bounce = rng.random(count) < HARD_BOUNCES[story.channel]
    arrived = ~bounce & (rng.random(count) < 0.988)
    delivered = np.where(arrived, sent + _seconds(rng, count, 4.0, 0.8), never)
    opens = arrived & (rng.random(count) < story.opens)
    opened = np.where(opens, delivered + _seconds(rng, count, 5_400.0, 1.4), never)
    machine = arrived & (rng.random(count) < story.machine)
    machine_opened = np.where(machine, delivered + _seconds(rng, count, 3.0, 0.5), never)
    # Those who read click: all clicks lie among the openers where opens are known.
    base = opens if story.opens > 0 else arrived
    clicks = base & (rng.random(count) < story.clicks / max(story.opens, story.clicks, 0.01))
    if story.opens == 0:
        clicks = base & (rng.random(count) < story.clicks)
    read = np.where(story.opens > 0, opened, delivered)
    clicked = np.where(clicks, read + _seconds(rng, count, 60.0, 1.0), never)
    gone = arrived & (rng.random(count) < UNSUBSCRIBES)
    angry = arrived & (rng.random(count) < COMPLAINTS) & (story.channel == Channel.EMAIL)
    return Outcomes(
        sent=sent,
        delivered=_until(delivered, last),
        bounced=np.where(bounce, sent + _seconds(rng, count, 20.0, 0.7), never),
        opened=_until(opened, last),
        machine_opened=_until(machine_opened, last),
        clicked=_until(clicked, last),
        unsubscribed=_until(
            np.where(gone, delivered + _seconds(rng, count, 900.0, 1.0), never), last
        ),
        complained=_until(
            np.where(angry, delivered + _seconds(rng, count, 1800.0, 1.0), never), last
        ),
        ordered=_until(_caused_orders(story, arrived, clicks, delivered, clicked, rng), last),
    )


def _caused_orders(
    story: Story,
    arrived: np.ndarray,
    clicks: np.ndarray,
    delivered: np.ndarray,
    clicked: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    total = round(story.effect * int(arrived.sum()))
    clickers = rng.permutation(np.flatnonzero(clicks))
    by_click = clickers[: min(round(total * 0.66), len(clickers))]
    others = rng.permutation(np.flatnonzero(arrived & ~clicks))[: total - len(by_click)]
    ordered = np.zeros(len(arrived), dtype=np.int64)
    ordered[by_click] = clicked[by_click] + _seconds(rng, len(by_click), 1_500.0, 1.0)
    late = (rng.uniform(0.5, 60.0, len(others)) * 3600 * SECOND).astype(np.int64)
    ordered[others] = delivered[others] + late
    return ordered


def _seconds(rng: np.random.Generator, n: int, median: float, spread: float) -> np.ndarray:
    return np.asarray((rng.lognormal(np.log(median), spread, n) * SECOND).astype(np.int64))


def _until(instants: np.ndarray, last: int) -> np.ndarray:
    return np.asarray(np.where(instants > last, 0, instants))
