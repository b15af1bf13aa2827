"""Who visits when, for how long, and with what outcome: one row per session, no events yet."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from segmind.events.shop.published import HOURS, LENGTH_QUANTILES, WEEKDAYS, Size

MICROSECONDS = 1_000_000


@dataclass(frozen=True, slots=True)
class Visits:
    """Sessions ordered by their start. All arrays have one entry per session.

    ``person`` counts from 0; ``start`` is microseconds since 1970 UTC; ``length`` is the number
    of events, of which ``carts``, ``removals`` and ``lines`` (bought) are no views.
    """

    person: np.ndarray
    start: np.ndarray
    length: np.ndarray
    carts: np.ndarray
    removals: np.ndarray
    lines: np.ndarray
    people: int


def plan_visits(size: Size, since: datetime, until: datetime, rng: np.random.Generator) -> Visits:
    """Sessions of a shop of ``size`` in ``[since, until)`` with the published funnel.

    Users, sessions, cart and purchase sessions and their users are met exactly (scaled);
    the total of ``length`` is ``size.events``.
    """
    people = size.count("users")
    per_person = _sessions_per_person(people, size.count("sessions"), rng)
    person = np.repeat(np.arange(people, dtype=np.int32), per_person)
    length = _lengths(len(person), rng)
    carts, lines = _outcomes(size, person, per_person, length, rng)
    removals = np.where(lines == 0, rng.binomial(carts, 0.07), 0).astype(np.int32)
    length = _fit_total(length, carts + lines + removals, size.events, rng)
    order = np.argsort(_moments(person, people, rng))
    return Visits(
        person=person[order],
        start=_starts(len(person), since, until, rng),
        length=length[order],
        carts=carts[order],
        removals=removals[order],
        lines=lines[order],
        people=people,
    )


def _sessions_per_person(people: int, total: int, rng: np.random.Generator) -> np.ndarray:
    """One each, the rest by a heavy-tailed taste: median 2, mean 3.7, a few with hundreds."""
    taste = rng.lognormal(0.0, 1.45, size=people)
    taste *= (total - people) / taste.sum()
    counts = 1 + rng.poisson(taste)
    gap = total - int(counts.sum())
    who = rng.integers(0, people, size=4 * abs(gap) + 16)
    if gap < 0:
        who = who[counts[who] > 1]
    np.add.at(counts, np.unique(who)[: abs(gap)], 1 if gap > 0 else -1)
    return np.asarray(counts)


def _lengths(n: int, rng: np.random.Generator) -> np.ndarray:
    x, y = np.array(LENGTH_QUANTILES).T
    return np.asarray(np.ceil(np.interp(rng.random(n), x, y)).astype(np.int32))


def _outcomes(
    size: Size,
    person: np.ndarray,
    per_person: np.ndarray,
    length: np.ndarray,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Cart additions and bought lines of each session.

    Users first, then sessions: each chosen user has at least one such session, the remaining
    sessions go to the same users, longer sessions more often. So both published counts hold.
    """
    first = np.concatenate([[0], np.cumsum(per_person)[:-1]])
    urge = 0.7 * np.log(length) + rng.gumbel(size=len(length))
    carter = _choose(per_person**0.55, size.count("cart users"), rng)
    with_cart = _spread(carter, urge, person, first, size.count("cart sessions"))

    without = size.count("purchase sessions without cart")
    bought_with_cart = size.count("purchase sessions") - without
    buyers = size.count("buyers")
    cart_sessions = np.bincount(person[with_cart], minlength=len(per_person))
    from_cart = _choose(np.where(carter, cart_sessions**0.9, 0.0), round(buyers * 0.88), rng)
    urge_cart = np.where(with_cart, urge, -np.inf)
    bought = _spread(from_cart, urge_cart, person, first, bought_with_cart)

    direct = _choose(np.where(carter, 0.0, per_person**0.5), buyers - int(from_cart.sum()), rng)
    urge_direct = np.where(with_cart, -np.inf, urge)
    bought |= _spread(direct, urge_direct, person, first, without)

    carts = np.where(with_cart, rng.geometric(1 / 1.737, size=len(length)), 0)
    lines = np.where(bought, rng.geometric(1 / 1.186, size=len(length)), 0)
    return carts.astype(np.int32), np.minimum(lines, 12).astype(np.int32)


def _choose(weight: np.ndarray, k: int, rng: np.random.Generator) -> np.ndarray:
    """Exactly ``k`` (or all possible) of the weighted, as a mask: Gumbel top-k."""
    possible = weight > 0
    k = min(k, int(possible.sum()))
    key = np.full(len(weight), -np.inf)
    key[possible] = np.log(weight[possible]) + rng.gumbel(size=int(possible.sum()))
    mask = np.zeros(len(weight), dtype=bool)
    if k > 0:
        mask[np.argpartition(-key, k - 1)[:k]] = True
    return mask


def _spread(
    chosen: np.ndarray, urge: np.ndarray, person: np.ndarray, first: np.ndarray, total: int
) -> np.ndarray:
    """Sessions of the chosen people: each one's strongest, then the strongest of the rest."""
    best = np.maximum.reduceat(urge, first)
    mine = chosen[person] & np.isfinite(urge)
    picked = mine & (urge == best[person])
    rest = np.where(mine & ~picked, urge, -np.inf)
    left = min(total - int(picked.sum()), int(np.isfinite(rest).sum()))
    if left > 0:
        picked[np.argpartition(-rest, left - 1)[:left]] = True
    return np.asarray(picked)


def _fit_total(
    length: np.ndarray, acts: np.ndarray, total: int, rng: np.random.Generator
) -> np.ndarray:
    """Room for every act and one view in each session; views added or taken until it sums."""
    length = np.maximum(length, acts + 1)
    while (gap := total - int(length.sum())) != 0:
        able = np.flatnonzero(length > acts + 1) if gap < 0 else np.arange(len(length))
        if len(able) == 0:
            break
        # Long sessions give and take more, so that the shape of short ones stays.
        weight = length[able].astype(float)
        n = min(abs(gap), len(able) // 2 + 1)
        keys = np.log(weight) + rng.gumbel(size=len(able))
        length[able[np.argpartition(-keys, n - 1)[:n]]] += 1 if gap > 0 else -1
    return length


def _moments(person: np.ndarray, people: int, rng: np.random.Generator) -> np.ndarray:
    """When each session falls, only good for ordering: each person is active in a stretch."""
    birth = np.where(rng.random(people) < 0.4, 0.0, rng.random(people) ** 0.9)
    stretch = np.minimum(rng.exponential(0.45, size=people) + 0.02, 1.0 - birth)
    return np.asarray(birth[person] + stretch[person] * rng.random(len(person)))


def _starts(
    sessions: int, since: datetime, until: datetime, rng: np.random.Generator
) -> np.ndarray:
    """Start instants in order: even in the shop's own time, hours and weekdays as in the real one.

    Sessions keep the order of their moments, not the moments themselves: so the shares of hours
    and days hold whatever the stretches of the people are.
    """
    when = (np.arange(sessions) + rng.random(sessions)) / sessions
    edges, cumulated = _calendar(since, until)
    start: np.ndarray = np.interp(when, cumulated, edges).astype(np.int64)
    return start + round(since.timestamp() * MICROSECONDS)


def _calendar(since: datetime, until: datetime) -> tuple[np.ndarray, np.ndarray]:
    """Hour edges (microseconds from ``since``) and the cumulated share of visits at each."""
    hours = max(1, round((until - since) / timedelta(hours=1)))
    instants = [since + timedelta(hours=i) for i in range(hours)]
    weight = np.array([HOURS[t.hour] * WEEKDAYS[t.weekday()] for t in instants], dtype=float)
    # Two sale days, as in the real month, two fifths before the end.
    for i, t in enumerate(instants):
        days = (t.date() - since.date()).days / max(1, (until - since).days)
        if 0.5 <= days < 0.5 + 2 / max(2, (until - since).days):
            weight[i] *= 2.4
    cumulated = np.concatenate([[0.0], np.cumsum(weight)]) / weight.sum()
    span = (until - since) / timedelta(microseconds=1)
    return np.linspace(0.0, span, hours + 1), cumulated
