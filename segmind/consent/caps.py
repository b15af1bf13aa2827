"""Frequency caps: how often somebody may be contacted on a channel, by calendar day and by week.

A day is the customer's own calendar day; a week is any seven days in a row. Hours may have to lie
between two contacts besides, and a customer may have asked for a pause. Each customer has one row
per channel with the days of the last contacts (with repeats), so that a contact is taken by one
statement on one row. It is taken when a message is claimed and given back when it is not sent after
all, so that any number of campaigns together never exceed the cap.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final, NamedTuple, Protocol

import polars as pl
from sqlalchemy import Connection, text

from segmind.consent.addresses import as_channel
from segmind.consent.zones import is_zone, zone_info
from segmind.db.copy import copy_out
from segmind.db.literals import literal
from segmind.events.schema import UTC_INSTANT, Channel


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
    conn: Connection,
    places: Sequence[Place],
    caps: Mapping[Channel, Cap | None],
    now: datetime,
) -> list[bool]:
    """Take one contact for each of ``places`` that its cap still allows, in the given order.

    Exact under concurrency: one statement per turn tests and writes each customer's row, which
    stays locked until the transaction ends. Without a cap the contact is counted all the same.
    """
    granted = [False] * len(places)
    for turn in _turns(places):
        taken = _take(conn, [places[n] for n in turn], caps, now)
        for n in turn:
            granted[n] = (places[n].customer_id, int(places[n].channel)) in taken
    return granted


def release(conn: Connection, places: Iterable[Place]) -> None:
    """Give back what was reserved and not used."""
    given = list(places)
    for turn in _turns(given):
        rows = _columns(sorted(given[n] for n in turn))
        conn.execute(
            text("""
                WITH held AS (
                    SELECT b.customer_id, b.channel, array_position(b.days, w.d) AS at
                    FROM contact_book b
                    JOIN unnest(CAST(:customers AS bigint[]), CAST(:channels AS smallint[]),
                                CAST(:days AS date[])) AS w(c, ch, d)
                      ON b.customer_id = w.c AND b.channel = w.ch
                    ORDER BY b.customer_id, b.channel FOR UPDATE OF b
                )
                UPDATE contact_book b SET
                    days = b.days[1 : h.at - 1] || b.days[h.at + 1 :],
                    last_at = b.before_at, before_at = NULL
                FROM held h
                WHERE b.customer_id = h.customer_id AND b.channel = h.channel AND h.at IS NOT NULL
            """),
            rows,
        )


def at_cap(
    conn: Connection, channel: Channel | str | int, cap: Cap | None, now: datetime, default: str
) -> pl.Series:
    """Ids (Int64) of the customers who have no contact left on the channel at ``now``, or paused.

    ``default`` is the zone of customers without one (the workspace's).
    """
    counts = copy_out(
        conn,
        """
        SELECT b.customer_id, d.day, b.last_at, COALESCE(b.paused_until > %s, false), c.timezone
        FROM contact_book b JOIN customer c ON c.id = b.customer_id
        LEFT JOIN LATERAL unnest(b.days) AS d(day) ON d.day > %s
        WHERE b.channel = %s AND (d.day IS NOT NULL OR b.paused_until > %s)
        """,
        {
            "customer_id": pl.Int64(),
            "day": pl.Date(),
            "last_at": UTC_INSTANT,
            "paused": pl.Boolean(),
            "timezone": pl.String(),
        },
        (now, (now - timedelta(days=9)).date(), int(as_channel(channel)), now),
    )
    zones = counts["timezone"].unique().to_list()
    today = pl.DataFrame(
        {"timezone": zones, "today": [local_day(zone, now, default) for zone in zones]},
        schema={"timezone": pl.String(), "today": pl.Date()},
    )
    used = counts.join(today, on="timezone", nulls_equal=True).group_by("customer_id")
    sums = used.agg(
        (pl.col("day") == pl.col("today")).sum().alias("day"),
        ((pl.col("day") - pl.col("today")).abs() < pl.duration(days=7)).sum().alias("wk"),
        pl.col("last_at").first(),
        pl.col("paused").any(),
    )
    full = pl.col("paused")
    if cap is not None and cap.per_day is not None:
        full = full | (pl.col("day") >= cap.per_day)
    if cap is not None and cap.per_week is not None:
        full = full | (pl.col("wk") >= cap.per_week)
    if gap := getattr(cap, "gap_hours", 0):
        full = full | (pl.col("last_at") > now - timedelta(hours=gap)).fill_null(value=False)
    return sums.filter(full)["customer_id"]


def pause(conn: Connection, customer_id: int, until: datetime) -> None:
    """No marketing for a customer on any channel before ``until``, as he wishes; an instant in the
    past ends a pause."""
    conn.execute(
        text("""
            INSERT INTO contact_book (customer_id, channel, paused_until)
            SELECT :id, ch, :until FROM unnest(CAST(:channels AS smallint[])) AS c(ch)
            ON CONFLICT (customer_id, channel) DO UPDATE SET paused_until = excluded.paused_until
        """),
        {"id": customer_id, "until": until, "channels": [int(channel) for channel in Channel]},
    )


def local_day(timezone: str | None, now: datetime, default: str) -> date:
    """The customer's calendar day at ``now``; without a known zone that of ``default``."""
    name = timezone if timezone and is_zone(timezone) else default
    return now.astimezone(zone_info(name)).date()


def _turns(places: Sequence[Place]) -> list[list[int]]:
    """The places' numbers, such that no customer and channel is twice in one turn."""
    if len({place[:2] for place in places}) == len(places):
        return [list(range(len(places)))] if places else []
    turns: list[list[int]] = []
    seen: Counter[tuple[int, int]] = Counter()
    for n, place in enumerate(places):
        who = (place.customer_id, int(place.channel))
        if seen[who] == len(turns):
            turns.append([])
        turns[seen[who]].append(n)
        seen[who] += 1
    return turns


def _take(
    conn: Connection, places: Sequence[Place], caps: Mapping[Channel, Cap | None], now: datetime
) -> set[tuple[int, int]]:
    """Whose contact was taken. A day either way counts into the week: at midnight two processes,
    or a customer's old zone and new one, may be a day apart."""
    ordered = sorted(places)
    rows = conn.execute(
        text("""
            INSERT INTO contact_book AS b (customer_id, channel, days, last_at)
            SELECT c, ch, ARRAY[d], CAST(:now AS timestamptz)
            FROM unnest(CAST(:customers AS bigint[]), CAST(:channels AS smallint[]),
                        CAST(:days AS date[])) AS w(c, ch, d)
            ORDER BY c, ch
            ON CONFLICT (customer_id, channel) DO UPDATE SET
                days = ARRAY(SELECT x FROM unnest(b.days) x WHERE x > excluded.days[1] - 8)
                       || excluded.days,
                before_at = b.last_at, last_at = excluded.last_at
            WHERE (SELECT count(*) FILTER (WHERE x = excluded.days[1])
                              < (CAST(:per_day AS int[]))[excluded.channel]
                          AND count(*) FILTER (WHERE abs(x - excluded.days[1]) < 7)
                              < (CAST(:per_week AS int[]))[excluded.channel]
                   FROM unnest(b.days) x)
              AND (b.paused_until IS NULL OR b.paused_until <= CAST(:now AS timestamptz))
              AND (b.last_at IS NULL OR b.last_at <= CAST(:now AS timestamptz) - make_interval(
                   hours => (CAST(:gaps AS int[]))[excluded.channel])
                   OR (CAST(:gaps AS int[]))[excluded.channel] = 0)
            RETURNING customer_id, channel
        """),
        _columns(ordered)
        | {"now": now}
        | _limits({int(channel): caps.get(channel) for channel in Channel}),
    )
    return {(customer_id, channel) for customer_id, channel in rows.all()}


_NO_LIMIT: Final = 2_000_000_000


def _limits(caps: Mapping[int, Cap | None]) -> dict[str, list[int]]:
    """Limits as arrays by the channel's code."""
    codes = [int(channel) for channel in Channel]

    def of(name: str, missing: int) -> list[int]:
        found = (getattr(caps.get(code), name, None) for code in codes)
        return [missing if limit is None else limit for limit in found]

    return {
        "per_day": of("per_day", _NO_LIMIT),
        "per_week": of("per_week", _NO_LIMIT),
        "gaps": of("gap_hours", 0),
    }


def _columns(places: Sequence[Place]) -> dict[str, Any]:
    return {
        "customers": literal([place.customer_id for place in places]),
        "channels": literal([place.channel for place in places]),
        "days": literal([place.day for place in places]),
    }
