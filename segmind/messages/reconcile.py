"""Settling what is in doubt: by receipts, by asking the provider, never by time alone.

What nobody can prove follows the workspace's ``in_doubt_policy``: hold (a person decides), count as
sent, or send again once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, RowMapping, text

from segmind.channels.channel import Channel as ChannelName
from segmind.channels.registry import Registry
from segmind.db.engine import Store
from segmind.events.schema import Channel
from segmind.messages import contacts, evidence, look_ups
from segmind.messages.claim import LEASE_SECONDS
from segmind.messages.doubt_policy import (
    EXACT_LOOK_UP,
    NEEDS_ATTENTION,
    POLICIES,
    AskAgain,
    Decision,
    DoubtPolicy,
    Heard,
    judge,
)
from segmind.messages.lifecycle import State
from segmind.workspace import product_settings
from segmind.workspace.product_settings import ProductSettings


@dataclass(frozen=True, slots=True)
class ReconcileReport:
    """What became of the messages in doubt. ``held`` ones need a person's decision."""

    accepted: int = 0
    again: int = 0
    held: int = 0
    waiting: int = 0


def run(
    store: Store,
    registry: Registry,
    now: datetime,
    *,
    limit: int = 500,
    policies: dict[Channel, DoubtPolicy] | None = None,
    at_once: bool = False,
) -> ReconcileReport:
    """Settle up to ``limit`` messages in doubt. Providers are asked outside any transaction, and
    an answer counts only if the message is still in doubt about the same call.

    An answer that decides nothing lets the next question wait, longer each time, unless
    ``at_once``; a provider that does not answer is left alone.
    """
    rules = policies or POLICIES
    with store.engine.begin() as conn:
        proved = evidence.prove(conn, _proved_by_receipt(conn, limit), now)
        settings = product_settings.load(conn)
        rows = _in_doubt(conn, _graces(registry, rules), limit, at_once=at_once)
        heard = _last_heard(conn, {row["provider"] for row in rows if _is_silent(registry, row)})
    found = _judged(store, registry, rows, rules, settings, heard)
    decided = [(row, *what) for row, what in found if isinstance(what, tuple)]
    with store.engine.begin() as conn:
        accepted = _accept(conn, decided, now)
        again = _again(conn, [row for row, what, _ in decided if what == "again"], now)
        held = _hold(conn, [row for row, what, _ in decided if what == "hold"])
        _let_wait(conn, {row["id"]: w.seconds for row, w in found if isinstance(w, AskAgain)})
        waiting = _waiting(conn)
    return ReconcileReport(len(proved) + accepted, again, held, waiting)


def _is_silent(registry: Registry, row: RowMapping) -> bool:
    """Whether its provider cannot be asked, so that only what it reports tells anything."""
    carrier = registry.for_channel(ChannelName.of_code(int(row["channel"])))
    return not carrier.capabilities.look_up


def _judged(
    store: Store,
    registry: Registry,
    rows: Sequence[RowMapping],
    rules: dict[Channel, DoubtPolicy],
    settings: ProductSettings,
    heard: dict[str, Heard],
) -> list[tuple[RowMapping, Decision | AskAgain]]:
    """What to do about each, the providers asked where they can be."""
    carriers = {c: registry.for_channel(ChannelName.of_code(int(c))) for c in Channel}
    asked = [row for row in rows if carriers[Channel(row["channel"])].capabilities.look_up]
    parcels = look_ups.parcels(store, asked, settings) if asked else {}
    questions = look_ups.LookUps()
    found = []
    for row in rows:
        provider, parcel = carriers[Channel(row["channel"])], parcels.get(row["id"])
        find = None if parcel is None else questions.of(provider, parcel, row["asked_since"])
        found.append((row, judge(row, provider, find, rules, settings, heard)))
    return found


def mark_sent(conn: Connection, message_ids: Sequence[int], now: datetime) -> int:
    """A person's decision: these messages in doubt were sent."""
    proofs = [(message_id, None) for message_id in message_ids]
    return len(evidence.prove(conn, proofs, now, states=[State.IN_DOUBT]))


def resend(conn: Connection, message_ids: Sequence[int], now: datetime) -> int:
    """A person's decision: these messages in doubt are sent again, whatever happened before."""
    return _requeue(conn, message_ids, now)


def in_doubt(conn: Connection, source_kind: int, source_id: int) -> list[int]:
    """Ids of a source's messages in doubt (for ``mark_sent`` and ``resend``)."""
    rows = conn.execute(
        text("""
            SELECT id FROM message WHERE state = 5 AND source_kind = :kind AND source_id = :id
            ORDER BY id
        """),
        {"kind": source_kind, "id": source_id},
    )
    return [row.id for row in rows]


def _proved_by_receipt(conn: Connection, limit: int) -> list[tuple[int, str | None]]:
    rows = conn.execute(
        text("""
            SELECT id, provider_id FROM message
            WHERE state = 5 AND (delivery > 0 OR provider_id IS NOT NULL)
            ORDER BY id LIMIT :limit FOR UPDATE SKIP LOCKED
        """),
        {"limit": limit},
    )
    return [(row.id, row.provider_id) for row in rows]


def _graces(registry: Registry, rules: dict[Channel, DoubtPolicy]) -> dict[Channel, float]:
    """By channel: the age at which there may be something to decide."""
    graces = {}
    for channel, policy in rules.items():
        provider = registry.for_channel(ChannelName.of_code(int(channel)))
        exact = provider.name in EXACT_LOOK_UP or provider.capabilities.repeat_is_harmless
        # A look-up may find the message at any time.
        early = exact or provider.capabilities.look_up
        graces[channel] = 0.0 if early else policy.grace_seconds
    return graces


def _in_doubt(
    conn: Connection, graces: dict[Channel, float], limit: int, *, at_once: bool
) -> list[RowMapping]:
    """Messages in doubt that nobody holds, that are old enough, and about which a question is due
    (``at_once``: or will be), the longest in doubt first, with the age of the doubt by the
    database's clock.

    ``asked_since``: from when on the provider is asked, as the call began. Where that is said to
    have been after the doubt, the caller's clock was wrong, and it was within the lease before.
    """
    rows = conn.execute(
        text("""
            SELECT m.*, EXTRACT(EPOCH FROM now() - COALESCE(m.lease_until, now())) AS doubt_age,
                   (SELECT count(*) FROM attempt a
                    WHERE a.message_id = m.id AND a.outcome = 'in_doubt') AS rounds,
                   CASE WHEN begun.at <= COALESCE(m.lease_until, now()) THEN begun.at
                   ELSE COALESCE(m.lease_until, now()) - make_interval(secs => :longest)
                   END AS asked_since
            FROM message m
            CROSS JOIN LATERAL (
                SELECT COALESCE(max(a.started_at), m.created_at) AS at FROM attempt a
                WHERE a.message_id = m.id) AS begun
            JOIN unnest(CAST(:channels AS smallint[]), CAST(:graces AS float8[]))
              AS g(channel, grace) ON g.channel = m.channel
            WHERE m.state = 5 AND m.error_class IS DISTINCT FROM :held
              AND (m.lease_until IS NULL OR m.lease_until <= now() - make_interval(secs => grace))
              AND (CAST(:at_once AS boolean) OR m.due_at <= now())
            ORDER BY m.lease_until NULLS FIRST, m.id LIMIT :limit
        """),
        {
            "limit": limit,
            "at_once": at_once,
            "longest": LEASE_SECONDS,
            "held": NEEDS_ATTENTION,
            "channels": [int(channel) for channel in graces],
            "graces": list(graces.values()),
        },
    )
    return list(rows.mappings())


def _waiting(conn: Connection) -> int:
    """How many are in doubt without a person being asked."""
    return int(
        conn.execute(
            text(
                "SELECT count(*) FROM message"
                " WHERE state = 5 AND error_class IS DISTINCT FROM :held"
            ),
            {"held": NEEDS_ATTENTION},
        ).scalar_one()
    )


#: The newest reports among which the latest is looked for: they come in in no order.
_LISTENED_TO: Final = 20_000


def _last_heard(conn: Connection, providers: set[str | None]) -> dict[str, Heard]:
    """What came in from each provider. A report is of when it says that something happened (and of
    when it came, should that be earlier): what a provider tells late is of then."""
    named = [provider for provider in providers if provider is not None]
    if not named:
        return {}
    rows = conn.execute(
        text("""
            SELECT latest.provider, latest.at,
                   COALESCE(EXTRACT(EPOCH FROM now() - unread.since), 0)::float8
            FROM (
                SELECT provider, max(LEAST(received_at, CAST(delivery->>'at' AS timestamptz))) AS at
                FROM (
                    SELECT provider, received_at, delivery FROM webhook_inbox
                    WHERE provider = ANY(:providers) ORDER BY id DESC LIMIT :listened_to
                ) AS newest GROUP BY provider
            ) AS latest
            LEFT JOIN (
                SELECT provider, min(stored_at) AS since FROM webhook_inbox
                WHERE processed_at IS NULL GROUP BY provider
            ) AS unread USING (provider)
        """),
        {"providers": named, "listened_to": _LISTENED_TO},
    )
    return {provider: Heard(at, behind) for provider, at, behind in rows.all()}


def _accept(
    conn: Connection, verdicts: Sequence[tuple[RowMapping, str, str | None]], now: datetime
) -> int:
    accepted = {row["id"]: (row, found) for row, what, found in verdicts if what == "accept"}
    still = _still(conn, [row for row, _ in accepted.values()])
    proofs = [(message_id, accepted[message_id][1]) for message_id in still]
    return len(evidence.prove(conn, proofs, now, states=[State.IN_DOUBT]))


def _again(conn: Connection, rows: Sequence[RowMapping], now: datetime) -> int:
    return _requeue(conn, _still(conn, rows), now)


def _hold(conn: Connection, rows: Sequence[RowMapping]) -> int:
    return conn.execute(
        text("UPDATE message SET error_class = :held WHERE id = ANY(:ids) AND state = 5"),
        {"ids": _still(conn, rows), "held": NEEDS_ATTENTION},
    ).rowcount


def _let_wait(conn: Connection, seconds: Mapping[int, float]) -> None:
    """The next question about each message in so many seconds, by the database's clock."""
    if not seconds:
        return
    conn.execute(
        text("""
            UPDATE message m SET due_at = now() + make_interval(secs => g.seconds)
            FROM unnest(CAST(:ids AS bigint[]), CAST(:seconds AS float8[])) AS g(id, seconds)
            WHERE m.id = g.id AND m.state = 5
        """),
        {"ids": list(seconds), "seconds": list(seconds.values())},
    )


def _still(conn: Connection, rows: Sequence[RowMapping]) -> list[int]:
    """Those still in doubt about the very call that was asked about; locked."""
    found = conn.execute(
        text("""
            SELECT m.id FROM message m
            JOIN unnest(CAST(:ids AS bigint[]), CAST(:requests AS uuid[])) AS g(id, request_id)
              ON m.id = g.id
            WHERE m.state = 5 AND m.request_id IS NOT DISTINCT FROM g.request_id
            ORDER BY m.id FOR UPDATE OF m
        """),
        {"ids": [row["id"] for row in rows], "requests": [row["request_id"] for row in rows]},
    )
    return [row.id for row in found]


def _requeue(conn: Connection, message_ids: Sequence[int], now: datetime) -> int:
    rows = conn.execute(
        text("""
            UPDATE message SET
                state = CASE WHEN expires_at > :now THEN 4 ELSE 8 END, due_at = :now,
                lease_until = NULL, claim_token = NULL, error_class = NULL, error_code = NULL,
                error_message = NULL
            WHERE id = ANY(:ids) AND state = 5 RETURNING id
        """),
        {"ids": list(message_ids), "now": now},
    )
    moved = [row.id for row in rows]
    contacts.release(conn, moved)
    return len(moved)
