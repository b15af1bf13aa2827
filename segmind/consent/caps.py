"""Frequency caps: how often somebody may be contacted on a channel, by calendar day and by week.

A day is the customer's own calendar day; a week is that day and the six before it. A place is
reserved when a message is claimed and given back when it is not sent after all, so that any number
of campaigns together never exceed the cap.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple, Protocol

import polars as pl
from sqlalchemy import Connection, text

from segmind.consent.addresses import as_channel
from segmind.consent.zones import is_zone, zone_info
from segmind.db.copy import copy_out
from segmind.events.schema import Channel


class Cap(Protocol):
    """At most so many; None is no limit."""

    @property
    def per_day(self) -> int | None: ...
    @property
    def per_week(self) -> int | None: ...


class Place(NamedTuple):
    """One contact of a customer on a channel on their calendar day."""

    customer_id: int
    channel: Channel
    day: date


def reserve(
    conn: Connection, places: Sequence[Place], caps: Mapping[Channel, Cap | None]
) -> list[bool]:
    """Take one contact for each of ``places`` that its cap still allows, in the given order.

    Exact under concurrency: the counters of the places' days stay locked until the transaction
    ends. Without a cap the contact is counted all the same.
    """
    if not places:
        return []
    _lock(conn, places)
    counts = _counts(conn, places)
    granted = []
    for place in places:
        days = counts[place.customer_id, place.channel]
        allowed = _is_free(days, place.day, caps.get(place.channel))
        if allowed:
            days[place.day] += 1
        granted.append(allowed)
    _add(conn, [place for place, yes in zip(places, granted, strict=True) if yes], 1)
    return granted


def release(conn: Connection, places: Iterable[Place]) -> None:
    """Give back what was reserved and not used."""
    given = list(places)
    if given:
        _lock(conn, given)
        _add(conn, given, -1)


def at_cap(
    conn: Connection, channel: Channel | str | int, cap: Cap | None, now: datetime, default: str
) -> pl.Series:
    """Ids (Int64) of the customers who have no contact left on the channel at ``now``.

    ``default`` is the zone of customers without one (the workspace's).
    """
    if cap is None or (cap.per_day is None and cap.per_week is None):
        return pl.Series("customer_id", [], dtype=pl.Int64)
    counts = copy_out(
        conn,
        """
        SELECT n.customer_id, n.day, n.n, c.timezone FROM contact_count n
        JOIN customer c ON c.id = n.customer_id
        WHERE n.channel = %s AND n.day > %s AND n.n > 0
        """,
        {"customer_id": pl.Int64(), "day": pl.Date(), "n": pl.Int64(), "timezone": pl.String()},
        (int(as_channel(channel)), (now - timedelta(days=9)).date()),
    )
    zones = counts["timezone"].unique().to_list()
    today = pl.DataFrame(
        {"timezone": zones, "today": [local_day(zone, now, default) for zone in zones]},
        schema={"timezone": pl.String(), "today": pl.Date()},
    )
    used = counts.join(today, on="timezone", nulls_equal=True).group_by("customer_id")
    sums = used.agg(
        pl.col("n").filter(pl.col("day") == pl.col("today")).sum().alias("day"),
        pl.col("n").filter(pl.col("day") > pl.col("today") - pl.duration(days=7)).sum().alias("wk"),
    )
    full = pl.lit(value=False)
    if cap.per_day is not None:
        full = full | (pl.col("day") >= cap.per_day)
    if cap.per_week is not None:
        full = full | (pl.col("wk") >= cap.per_week)
    return sums.filter(full)["customer_id"]


def local_day(timezone: str | None, now: datetime, default: str) -> date:
    """The customer's calendar day at ``now``; without a known zone that of ``default``."""
    name = timezone if timezone and is_zone(timezone) else default
    return now.astimezone(zone_info(name)).date()


def _is_free(days: Counter[date], day: date, cap: Cap | None) -> bool:
    if cap is None:
        return True
    if cap.per_day is not None and days[day] >= cap.per_day:
        return False
    week = sum(days[day - timedelta(days=n)] for n in range(7))
    return cap.per_week is None or week < cap.per_week


def _lock(conn: Connection, places: Iterable[Place]) -> None:
    """Lock the counters, in one order for everybody.

    The day before is locked with the day: at midnight two processes may be a day apart, and the
    week's sum is only theirs if they meet at one row.
    """
    wanted = {
        (place.customer_id, int(place.channel), place.day - timedelta(days=back))
        for place in places
        for back in (0, 1)
    }
    rows = _columns(sorted(wanted))
    conn.execute(
        text("""
            INSERT INTO contact_count (customer_id, channel, day)
            SELECT * FROM unnest(CAST(:customers AS bigint[]), CAST(:channels AS smallint[]),
                                 CAST(:days AS date[])) AS w(c, ch, d) ORDER BY c, ch, d
            ON CONFLICT DO NOTHING
        """),
        rows,
    )
    conn.execute(
        text("""
            SELECT FROM contact_count n
            JOIN unnest(CAST(:customers AS bigint[]), CAST(:channels AS smallint[]),
                        CAST(:days AS date[])) AS w(c, ch, d)
              ON n.customer_id = w.c AND n.channel = w.ch AND n.day = w.d
            ORDER BY n.customer_id, n.channel, n.day FOR UPDATE OF n
        """),
        rows,
    )


def _counts(
    conn: Connection, places: Sequence[Place]
) -> defaultdict[tuple[int, Channel], Counter[date]]:
    """What is counted in the week up to each place's day."""
    first = min(place.day for place in places) - timedelta(days=6)
    last = max(place.day for place in places)
    counts: defaultdict[tuple[int, Channel], Counter[date]] = defaultdict(Counter)
    rows = conn.execute(
        text("""
            SELECT customer_id, channel, day, n FROM contact_count
            WHERE customer_id = ANY(:customers) AND day BETWEEN :first AND :last AND n > 0
        """),
        {"customers": [place.customer_id for place in places], "first": first, "last": last},
    )
    for customer_id, channel, day, n in rows:
        counts[customer_id, Channel(channel)][day] = n
    return counts


def _add(conn: Connection, places: Sequence[Place], sign: int) -> None:
    if not places:
        return
    counted = sorted(Counter(places).items())
    conn.execute(
        text("""
            UPDATE contact_count n SET n = GREATEST(0, n.n + w.k)
            FROM unnest(CAST(:customers AS bigint[]), CAST(:channels AS smallint[]),
                        CAST(:days AS date[]), CAST(:k AS int[])) AS w(c, ch, d, k)
            WHERE n.customer_id = w.c AND n.channel = w.ch AND n.day = w.d
        """),
        _columns([(p.customer_id, int(p.channel), p.day) for p, _ in counted])
        | {"k": [sign * times for _, times in counted]},
    )


def _columns(rows: Sequence[tuple[int, int, date]]) -> dict[str, list[int] | list[date]]:
    return {
        "customers": [row[0] for row in rows],
        "channels": [row[1] for row in rows],
        "days": [row[2] for row in rows],
    }
