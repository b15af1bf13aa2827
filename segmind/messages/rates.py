"""Token buckets in PostgreSQL: so many sends in a second, all dispatchers together.

A send passes a hierarchy of buckets (provider, sender, campaign) and is granted by all of them or
not at all. A provider that answers "too many" teaches its bucket a lower limit, which grows again
slowly (additive-increase would need a unit; here both ways are shares).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, text


@dataclass(frozen=True, slots=True)
class Limit:
    """A bucket's name (``provider:twilio``, ``sender:twilio:+15005550006``, ``source:1:7``) and its
    sends per second. None: no limit but what the provider has taught."""

    name: str
    per_second: float | None


@dataclass(frozen=True, slots=True)
class Teaching:
    """What "too many" (429) does: the limit becomes ``fall`` of the pace, then grows by ``rise`` in
    every ``rise_seconds``, until it is the given one again or, without one, is forgotten."""

    fall: float = 0.5
    rise: float = 0.05
    rise_seconds: float = 10.0
    forget_seconds: float = 900.0
    least_per_second: float = 1.0
    #: A lone refusal among many answers teaches nothing.
    share: float = 0.1
    #: One decrease for all that were under way together.
    pause_seconds: float = 2.0


TEACHING: Final = Teaching()


def reserve(conn: Connection, limits: Sequence[Limit], want: int) -> int:
    """Take up to ``want`` sends out of every bucket of ``limits``; returns how many.

    Exact whatever the number of processes: the buckets stay locked, in one order, until the
    caller's transaction ends, so it should end at once. What is not used goes back by
    ``give_back``. A bucket holds at most one second's worth (at least one send); the database's
    clock fills it.
    """
    granted = want
    ordered = sorted(limits, key=lambda limit: limit.name)
    for limit in ordered:
        left = _available(conn, limit)
        if left is not None:
            granted = max(0, min(granted, left))
    if granted:
        _take(conn, ordered, granted)
    return granted


def give_back(conn: Connection, limits: Sequence[Limit], count: int) -> None:
    """Put reserved sends back that were not used."""
    if count > 0:
        _take(conn, sorted(limits, key=lambda limit: limit.name), -count)


def teach(conn: Connection, name: str, pace: float, teaching: Teaching = TEACHING) -> bool:
    """Lower the bucket's limit after a "too many": to ``fall`` of the learnt limit, else of the
    ``pace`` (sends per second) at which it happened. False: it was lowered a moment ago."""
    taught = conn.execute(
        text(f"""
            INSERT INTO send_bucket AS b (name, tokens, filled_at, learned, learned_at)
            VALUES (:name, 0, clock_timestamp(), GREATEST(:least, :pace * :fall), clock_timestamp())
            ON CONFLICT (name) DO UPDATE
            SET tokens = LEAST(b.tokens, 0), filled_at = clock_timestamp(),
                learned = GREATEST(:least, LEAST(:pace, COALESCE({_LEARNED}, :pace)) * :fall),
                learned_at = clock_timestamp()
            WHERE b.learned_at IS NULL
               OR b.learned_at < clock_timestamp() - make_interval(secs => :pause)
            RETURNING name
        """),
        {
            "name": name,
            "pace": pace,
            "fall": teaching.fall,
            "least": teaching.least_per_second,
            "pause": teaching.pause_seconds,
            **_growth(teaching),
        },
    ).scalar()
    return taught is not None


def taught(conn: Connection) -> frozenset[str]:
    """The names of the buckets that have a learnt limit at present."""
    rows = conn.execute(
        text(f"SELECT name FROM send_bucket b WHERE {_LEARNED} IS NOT NULL"), _growth(TEACHING)
    )
    return frozenset(rows.scalars())


#: The learnt limit as it has grown until now; null once it is forgotten.
_LEARNED: Final = """
    CASE WHEN b.learned_at > clock_timestamp() - make_interval(secs => :forget)
         THEN b.learned * power(1 + :rise,
              EXTRACT(EPOCH FROM clock_timestamp() - b.learned_at)::float8 / :rise_seconds) END
"""


def _growth(teaching: Teaching) -> dict[str, float]:
    return {
        "rise": teaching.rise,
        "rise_seconds": teaching.rise_seconds,
        "forget": teaching.forget_seconds,
    }


def _available(conn: Connection, limit: Limit) -> int | None:
    """How many sends the bucket holds now, locked; None where nothing limits it."""
    rate = f"LEAST(CAST(:rate AS float8), {_LEARNED})"
    row = conn.execute(
        text(f"""
            INSERT INTO send_bucket AS b (name, tokens, filled_at)
            VALUES (:name, GREATEST(1, COALESCE(CAST(:rate AS float8), 1)), clock_timestamp())
            ON CONFLICT (name) DO UPDATE
            SET tokens = LEAST(GREATEST(1, {rate}), b.tokens + {rate} *
                    GREATEST(0, EXTRACT(EPOCH FROM clock_timestamp() - b.filled_at)::float8)),
                filled_at = GREATEST(b.filled_at, clock_timestamp())
            RETURNING tokens, {rate}
        """),
        {"name": limit.name, "rate": limit.per_second, **_growth(TEACHING)},
    ).one()
    return None if row[1] is None else int(row[0] or 0)


def _take(conn: Connection, limits: Sequence[Limit], count: int) -> None:
    conn.execute(
        text("""
            UPDATE send_bucket b SET tokens = b.tokens - :count FROM (
                SELECT name FROM send_bucket WHERE name = ANY(:names) ORDER BY name FOR UPDATE
            ) AS held WHERE b.name = held.name
        """),
        {"names": [limit.name for limit in limits], "count": count},
    )
