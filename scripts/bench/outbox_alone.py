"""The outbox without gate, rendering and provider: lock, mark and acknowledge, nothing else."""

from __future__ import annotations

import random
import threading
import time
import uuid

from sqlalchemy import text

from segmind import clock
from segmind.channels.content import SmsContent
from segmind.channels.outcome import Accepted
from segmind.channels.provider import Parcel
from segmind.consent.addresses import address_key
from segmind.db.engine import Store
from segmind.events.schema import Channel
from segmind.messages import acknowledge, judging, micro_batches
from segmind.messages.rendering import Rendered
from segmind.messages.sources import SourceKey
from segmind.workspace.product_settings import ProductSettings

_SOURCE = SourceKey(1, 990_001)


def claim_and_acknowledge(store: Store, count: int, *, threads: int, size: int = 500) -> float:
    """Messages per second through a campaign's moves in the outbox, by so many threads at once.

    The messages are tests (purpose ``test``), whom the gate lets pass without a question.
    """
    with store.engine.begin() as conn:
        conn.execute(
            text("""
                INSERT INTO message (public_id, source_kind, source_id, purpose, channel, address,
                    address_hash, template_version_id, due_at, expires_at, created_at)
                SELECT gen_random_uuid(), :kind, :id, 'test', 2, '+14155550100',
                    decode(md5(n::text), 'hex'), 1, now(), now() + interval '1 day', now()
                FROM generate_series(1, :count) n
            """),
            {"kind": _SOURCE.kind, "id": _SOURCE.id, "count": count},
        )
    key = address_key(store.settings.secret_key)
    workers = [
        threading.Thread(target=_work, args=(store, key, size), daemon=True) for _ in range(threads)
    ]
    began = time.perf_counter()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return count / (time.perf_counter() - began)


def _work(store: Store, key: bytes, size: int) -> None:
    settings = ProductSettings(quiet_hours={}, place_hours={}, caps={})
    draw = random.Random(1)  # noqa: S311 - spreads retries
    above = 0
    while True:
        now = clock.now()
        with store.engine.begin() as conn:
            got = judging.judge_fresh(
                conn, key, settings, _SOURCE, now, above=above, limit=size, channel=Channel.SMS
            )
            if not got.rows:
                return
            above = got.last_id
            content = SmsContent("Hi")
            batch = [
                Rendered(row, Parcel(row.public_id, row.address, content), 1, 0) for row in got.rows
            ]
            marked = micro_batches.begin(conn, _SOURCE, "nobody", batch, now, 90.0)
            assert marked is not None, "Nobody stops this source."
        outcomes = [Accepted(uuid.uuid4().hex, 201) for _ in marked.going]
        with store.engine.begin() as conn:
            acknowledge.acknowledge(conn, key, None, marked, outcomes, now, now, draw)
