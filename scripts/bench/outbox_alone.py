"""The outbox without gate, rendering and provider: take, make messages, mark and acknowledge."""

from __future__ import annotations

import random
import threading
import time
import uuid
from datetime import timedelta

import polars as pl

from segmind import clock
from segmind.channels.content import SmsContent
from segmind.channels.outcome import Accepted
from segmind.channels.provider import Parcel
from segmind.consent.addresses import address_key
from segmind.db.engine import Store
from segmind.events.schema import Channel
from segmind.messages import (
    acknowledge,
    entering,
    judging,
    micro_batches,
    portions,
    public_ids,
)
from segmind.messages.handover import Marked
from segmind.messages.rendering import Rendered
from segmind.messages.sources import SourceKey

_SOURCE = SourceKey(1, 990_001)


def claim_and_acknowledge(store: Store, count: int, *, threads: int, size: int = 500) -> float:
    """Messages per second through a campaign's moves in the outbox, by so many threads at once."""
    key = address_key(store.settings.secret_key)
    people = pl.DataFrame(
        {"customer_id": range(1, count + 1), "template_version_id": 1, "step": None},
        schema={
            "customer_id": pl.Int64(),
            "template_version_id": pl.Int64(),
            "step": pl.String(),
        },
    ).with_columns(address=pl.format("+1415{}", pl.col("customer_id").cast(pl.String).str.zfill(7)))
    now = clock.now()
    with store.engine.begin() as conn:
        portions.put_in(conn, key, _SOURCE, people, Channel.SMS, now + timedelta(days=1))
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
    draw = random.Random(1)  # noqa: S311 - spreads retries
    while (marked := _marked(store, key, size)) is not None:
        now = clock.now()
        outcomes = [Accepted(uuid.uuid4().hex, 201) for _ in marked.going]
        with store.engine.begin() as conn:
            acknowledge.acknowledge(conn, key, None, marked, outcomes, now, now, draw)


def _marked(store: Store, key: bytes, size: int) -> Marked | None:
    now = clock.now()
    with store.engine.begin() as conn:
        taken = portions.take(conn, key, _SOURCE, Channel.SMS, size)
        if taken is None:
            return None
        ids = public_ids.several(len(taken.recipients), now)
        rows = entering.as_locked(taken, _SOURCE, int(Channel.SMS), ids, now)
        content = SmsContent("Hi")
        batch = [
            Rendered(
                judging.as_claimed(row), Parcel(row.public_id, row.address or "", content), 1, 0
            )
            for row in rows
        ]
        request = uuid.uuid4()
        entered = entering.going(conn, rows, None, batch, request, "nobody", now)
        is_open = micro_batches.begin(conn, request, _SOURCE, "nobody", list(entered), now, 90.0)
        assert is_open, "Nobody stops this source."
        portions.advance(conn, taken, len(rows))
    return Marked(request, "nobody", tuple(batch), ())
