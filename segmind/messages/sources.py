"""What sends (a campaign, an automation, single messages), and the one flag that stops it.

The flag is asked when rows are claimed and again just before each provider call. A source without
a row is open.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Final, NamedTuple

from sqlalchemy import Connection, text

from segmind.errors import Conflict
from segmind.events.schema import Channel

#: Whether a source (``s``, which may be missing) lets messages out, in SQL. ``fresh_until``: what
#: would withdraw its messages has been looked for until lately; null where nothing has to be.
IS_OPEN = "COALESCE(s.state, 'open') = 'open' AND COALESCE(s.fresh_until > clock_timestamp(), true)"


class SourceState(StrEnum):
    """open: sending; paused: nothing leaves, resuming loses nothing; cancelled: never again."""

    OPEN = "open"
    PAUSED = "paused"
    CANCELLED = "cancelled"


class SourceCancelled(Conflict):
    """What was cancelled stays cancelled."""

    code = "source_cancelled"


class SourceKey(NamedTuple):
    """A source: ``events.schema.Source`` code and its id (single messages: 3, 0)."""

    kind: int
    id: int


def set_state(
    conn: Connection,
    kind: int,
    source_id: int,
    state: SourceState | str,
    reason: str,
    now: datetime,
) -> None:
    """Open, pause or cancel everything that the source still has to send.

    Raises:
        SourceCancelled: it was cancelled before, and ``state`` is another.
    """
    done = conn.execute(
        text("""
            INSERT INTO outbox_source (source_kind, source_id, state, reason, updated_at)
            VALUES (:kind, :id, :state, :reason, :now)
            ON CONFLICT (source_kind, source_id) DO UPDATE
            SET state = excluded.state, reason = excluded.reason, updated_at = excluded.updated_at
            WHERE outbox_source.state <> 'cancelled' OR excluded.state = 'cancelled'
        """),
        {
            "kind": int(kind),
            "id": source_id,
            "state": str(SourceState(state)),
            "reason": reason,
            "now": now,
        },
    )
    if not done.rowcount:
        raise SourceCancelled()


def keep_fresh(conn: Connection, kind: int, source_id: int, until: datetime) -> None:
    """Let messages of this source out until then (by the database's clock): its owner has just
    looked for what would withdraw them. From the first call on, they stop when it stops calling."""
    conn.execute(
        text("""
            INSERT INTO outbox_source (source_kind, source_id, fresh_until)
            VALUES (:kind, :id, :until)
            ON CONFLICT (source_kind, source_id) DO UPDATE SET fresh_until = excluded.fresh_until
        """),
        {"kind": int(kind), "id": source_id, "until": until},
    )


def set_rate(conn: Connection, kind: int, source_id: int, per_second: int | None) -> None:
    """At most so many messages of this source in a second, all dispatchers together."""
    conn.execute(
        text("""
            INSERT INTO outbox_source (source_kind, source_id, rate_per_second)
            VALUES (:kind, :id, :rate)
            ON CONFLICT (source_kind, source_id) DO UPDATE
            SET rate_per_second = excluded.rate_per_second
        """),
        {"kind": int(kind), "id": source_id, "rate": per_second},
    )


def state_of(conn: Connection, kind: int, source_id: int) -> SourceState:
    """The flag of a source."""
    row = conn.execute(
        text("SELECT state FROM outbox_source WHERE source_kind = :kind AND source_id = :id"),
        {"kind": int(kind), "id": source_id},
    ).scalar()
    return SourceState(row) if row else SourceState.OPEN


def rates(conn: Connection, keys: Iterable[SourceKey]) -> dict[SourceKey, int]:
    """Messages per second of those sources that have a limit."""
    asked = list(keys)
    rows = conn.execute(
        text("""
            SELECT source_kind, source_id, rate_per_second FROM outbox_source
            WHERE rate_per_second IS NOT NULL AND (source_kind, source_id) IN (
                SELECT * FROM unnest(CAST(:kinds AS smallint[]), CAST(:ids AS bigint[])))
        """),
        {"kinds": [key.kind for key in asked], "ids": [key.id for key in asked]},
    )
    return {SourceKey(kind, source_id): rate for kind, source_id, rate in rows}


#: A source that may not send more in a second than this keeps one process busy at most.
ONE_PROCESS_PER_SECOND = 500


def has_any(conn: Connection, now: datetime) -> bool:
    """Whether there is anything to look at closer: a message or a recipient to send, or one that
    waited and is due, whatever the flag of its source. One question, three looks into indexes."""
    return bool(conn.execute(_HAS_ANY, {"now": now}).scalar_one())


_HAS_ANY: Final = text("""
    SELECT EXISTS (SELECT FROM message WHERE state = 0)
        OR EXISTS (SELECT FROM message WHERE state = 4 AND due_at <= :now)
        OR EXISTS (SELECT FROM recipient_portion WHERE template_version_id IS NOT NULL)
""")


def has_much(conn: Connection, many: int) -> bool:
    """Whether an open source has so much to send, and may send it quickly."""
    for ready in with_ready(conn):
        if ready.per_second is not None and ready.per_second <= ONE_PROCESS_PER_SECOND:
            continue
        found = conn.execute(
            _IS_MUCH_WAITING if ready.in_portions else _IS_MUCH_READY,
            {"kind": ready.source.kind, "id": ready.source.id, "many": many},
        )
        if found.scalar_one():
            return True
    return False


_IS_MUCH_READY: Final = text("""
    SELECT EXISTS (SELECT FROM message WHERE source_kind = :kind AND source_id = :id
                   AND state = 0 OFFSET :many - 1)
""")
_IS_MUCH_WAITING: Final = text("""
    SELECT COALESCE(sum(size - taken), 0) >= :many FROM recipient_portion
    WHERE source_kind = :kind AND source_id = :id AND template_version_id IS NOT NULL
""")


class Ready(NamedTuple):
    """An open source with something to send; ``channel`` is that of its first message.
    ``in_portions``: it has recipients whose turn comes, who are no messages yet."""

    source: SourceKey
    channel: Channel
    per_second: int | None
    in_portions: bool = False


def with_ready(conn: Connection) -> list[Ready]:
    """Open sources that have a READY message, or recipients; cheap however many there are.

    Single messages come first, then automations: they never wait behind a broadcast.
    """
    return [
        Ready(SourceKey(kind, source_id), Channel(channel), rate, in_portions)
        for kind, source_id, channel, rate, in_portions in conn.execute(_WITH_READY)
    ]


def _first_of_each(table: str, which: str) -> str:
    """kind, id and channel of each source's first row, by looks into the index of ``which``."""
    return f"""
        (WITH RECURSIVE found AS (
            (SELECT source_kind, source_id, channel FROM {table} WHERE {which}
             ORDER BY source_kind, source_id LIMIT 1)
            UNION ALL
            SELECT next.source_kind, next.source_id, next.channel
            FROM found CROSS JOIN LATERAL (
                SELECT m.source_kind, m.source_id, m.channel FROM {table} m
                WHERE {which}
                  AND (m.source_kind, m.source_id) > (found.source_kind, found.source_id)
                ORDER BY m.source_kind, m.source_id LIMIT 1) AS next
        )
        SELECT * FROM found)"""


_WITH_READY: Final = text(f"""
    SELECT f.source_kind, f.source_id, f.channel, s.rate_per_second, f.in_portions FROM (
        SELECT *, false AS in_portions FROM {_first_of_each("message", "state = 0")} AS of_messages
        UNION ALL
        SELECT *, true FROM {_first_of_each("recipient_portion", "template_version_id IS NOT NULL")}
            AS of_portions
    ) AS f
    LEFT JOIN outbox_source s USING (source_kind, source_id)
    WHERE {IS_OPEN}
    ORDER BY f.source_kind DESC, f.source_id, f.in_portions
""")
