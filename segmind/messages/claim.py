"""Claiming: which messages this process sends next. It commits before any provider is called.

A message is locked with SKIP LOCKED, so no two processes claim the same. The gate is asked in the
same transaction: what may not be sent leaves the queue with its reason. Due times are the product's
(``now``); leases are the database's clock, which all processes share.

Single messages, automations and all retries are claimed one by one (READY or RETRY -> CLAIMED).
Campaigns' recipients are no messages before their first try (:mod:`segmind.messages.portions`).
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from uuid import UUID

from sqlalchemy import Connection, text

from segmind.db.literals import literal
from segmind.events.schema import Channel
from segmind.messages import sources
from segmind.messages.judging import COLUMNS, Claimed, Judged, Locked, judge
from segmind.messages.sources import SourceKey
from segmind.workspace.product_settings import ProductSettings

#: Longer than the longest provider call and what waits before it in the same process.
LEASE_SECONDS: Final = 90.0


@dataclass(frozen=True, slots=True)
class Claim:
    """One claim: its token fences everything that is done with its rows.

    ``judged``: all rows that left the queue, and what the gate said of them.
    """

    token: UUID
    judged: Judged

    @property
    def rows(self) -> tuple[Claimed, ...]:
        """Those that may be sent."""
        return self.judged.rows


def fresh(
    conn: Connection,
    key: bytes,
    settings: ProductSettings,
    source: SourceKey,
    now: datetime,
    *,
    above: int,
    limit: int,
    channels: Collection[Channel] = tuple(Channel),
    lease: float = LEASE_SECONDS,
) -> Claim:
    """Claim READY messages of one open source, ids above the watermark ``above``.

    The watermark keeps the claim quick when old row versions cannot be vacuumed away.
    """
    rows = conn.execute(
        text(f"""
            SELECT {COLUMNS} FROM message m
            WHERE m.source_kind = :kind AND m.source_id = :id AND m.state = 0 AND m.id > :above
              AND m.channel = ANY(:channels)
              AND NOT EXISTS (SELECT FROM outbox_source s WHERE s.source_kind = :kind
                              AND s.source_id = :id AND NOT ({sources.IS_OPEN}))
            ORDER BY m.id LIMIT :limit FOR UPDATE OF m SKIP LOCKED
        """),
        {
            "kind": source.kind,
            "id": source.id,
            "above": above,
            "limit": limit,
            "channels": [int(channel) for channel in channels],
        },
    )
    return _decide(conn, key, settings, [Locked(*row) for row in rows.all()], now, lease)


def waiting(
    conn: Connection,
    key: bytes,
    settings: ProductSettings,
    now: datetime,
    *,
    limit: int,
    channels: Collection[Channel] = tuple(Channel),
    lease: float = LEASE_SECONDS,
) -> Claim:
    """Claim messages of any open source whose waiting is over (retries, quiet hours, schedules)."""
    rows = conn.execute(
        text(f"""
            SELECT {COLUMNS} FROM message m
            LEFT JOIN outbox_source s USING (source_kind, source_id)
            WHERE m.state = 4 AND m.due_at <= :now AND m.channel = ANY(:channels)
              AND {sources.IS_OPEN}
            ORDER BY m.due_at, m.id LIMIT :limit FOR UPDATE OF m SKIP LOCKED
        """),
        {"now": now, "limit": limit, "channels": [int(channel) for channel in channels]},
    )
    return _decide(conn, key, settings, [Locked(*row) for row in rows.all()], now, lease)


def _decide(
    conn: Connection,
    key: bytes,
    settings: ProductSettings,
    rows: Sequence[Locked],
    now: datetime,
    lease: float,
) -> Claim:
    """Ask the gate about the locked ``rows`` and move each to where it belongs."""
    token = uuid.uuid4()
    judged = judge(conn, key, settings, rows, now)
    days: dict[date | None, list[int]] = {}
    for row in judged.rows:
        days.setdefault(row.cap_day, []).append(row.id)
    _take(conn, days, token, lease)
    return Claim(token, judged)


def _take(
    conn: Connection, days: Mapping[date | None, Sequence[int]], token: UUID, lease: float
) -> None:
    """Claim the rows, by the calendar day on which a contact was reserved for them (None: none)."""
    for day, ids in days.items():
        conn.execute(
            text("""
                UPDATE message SET state = 1, skip_reason = NULL, cap_day = :day,
                    claim_token = :token, lease_until = now() + make_interval(secs => :lease)
                WHERE id = ANY(CAST(:ids AS bigint[]))
            """),
            {"day": day, "token": token, "lease": lease, "ids": literal(ids)},
        )
