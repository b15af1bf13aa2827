"""The sandbox carrier's second half: what it took, it reports on, as signed webhook calls."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Connection, RowMapping, text

from segmind.channels.channel import Channel
from segmind.channels.delivery import Delivery
from segmind.channels.providers.sandbox import LARGEST_BUNDLE, NAME, ParcelRef, Sandbox
from segmind.channels.registry import Registry
from segmind.channels.webhook import Refused, WebhookRequest
from segmind.db.engine import Store
from segmind.errors import SegmindError
from segmind.messages import receipts

#: Takes one signed request, like our webhook route; True when it was taken.
Deliver = Callable[[WebhookRequest], bool]


class SandboxRefused(SegmindError):
    """The intake refused the sandbox's own report."""

    code = "sandbox_refused"


def post_due(
    store: Store,
    registry: Registry,
    now: datetime,
    deliver: Deliver | None = None,
    *,
    limit: int = 2_000,
) -> int:
    """Post every report that is due, of up to ``limit`` parcels; returns how many reports.

    The carrier lives by the database's clock, which also runs while the product's stands still; a
    later ``now`` moves it forward (rehearsals). ``deliver`` None: straight into
    ``receipts.accept``. A report is posted again if this process dies before it has noted so; the
    intake knows repeats.
    """
    sandboxes = {
        channel: provider
        for channel, provider in registry.by_channel.items()
        if isinstance(provider, Sandbox)
    }
    if not sandboxes:
        return 0
    take = deliver or (lambda request: _accept(store, registry, request, now))
    with store.engine.begin() as conn:
        until = max(now, conn.execute(text("SELECT now()")).scalar_one())
        parcels = _due(conn, until, [channel.value for channel in sandboxes], limit)
        posted, next_ones = [], []
        for row in parcels:
            sandbox = sandboxes[Channel(row["channel"])]
            ref = ParcelRef(row["message_public_id"], Channel(row["channel"]))
            plan = sandbox.plan(ref, row["accepted_at"])
            after = row["reported_until"]
            posted += [d for d in plan if d.at <= until and (after is None or d.at > after)]
            next_ones.append(min((d.at for d in plan if d.at > until), default=None))
        _post(next(iter(sandboxes.values())), posted, until, take)
        _note(conn, [row["id"] for row in parcels], next_ones, until)
    return len(posted)


def _post(sandbox: Sandbox, reports: list[Delivery], until: datetime, take: Deliver) -> None:
    for start in range(0, len(reports), LARGEST_BUNDLE):
        signed = sandbox.sign(reports[start : start + LARGEST_BUNDLE], until)
        if not take(signed.received(until)):
            raise SandboxRefused()


def _accept(store: Store, registry: Registry, request: WebhookRequest, now: datetime) -> bool:
    return not isinstance(receipts.accept(store, registry, NAME, request, now), Refused)


def _due(conn: Connection, until: datetime, channels: list[str], limit: int) -> list[RowMapping]:
    rows = conn.execute(
        text("""
            SELECT id, message_public_id, channel, accepted_at, reported_until FROM sandbox_parcel
            WHERE next_at <= :until AND channel = ANY(:channels)
            ORDER BY next_at LIMIT :limit FOR UPDATE SKIP LOCKED
        """),
        {"until": until, "channels": channels, "limit": limit},
    )
    return list(rows.mappings())


def _note(
    conn: Connection, ids: list[int], next_ones: list[datetime | None], until: datetime
) -> None:
    conn.execute(
        text("""
            UPDATE sandbox_parcel p SET reported_until = :until, next_at = g.next_at
            FROM unnest(CAST(:ids AS bigint[]), CAST(:next AS timestamptz[])) AS g(id, next_at)
            WHERE p.id = g.id
        """),
        {"until": until, "ids": ids, "next": next_ones},
    )
