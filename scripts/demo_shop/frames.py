"""Past outcomes as rows: of the table ``message``, and of the event log."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from scripts.demo_shop.outcomes import SECOND, Outcomes
from segmind.consent import addresses
from segmind.events.schema import EVENT_COLUMNS, UTC_INSTANT, Channel, Kind, Source
from segmind.events.shop.catalogue import Catalogue

#: Stored values of ``messages.lifecycle`` (State, Delivery).
ACCEPTED, FAILED = 3, 6
SENT, DELIVERED, BOUNCED = 3, 4, 5
DAY = 86_400 * SECOND


@dataclass(frozen=True, slots=True)
class Batch:
    """Messages of one campaign or automation step: what they share, and to whom they went."""

    source: Source
    source_id: int
    channel: Channel
    template_version_id: int
    cost_micros: int
    first_message_id: int
    customer_ids: np.ndarray
    addresses: pl.Series


def message_rows(batch: Batch, seen: Outcomes, key: bytes, secret: int) -> pl.DataFrame:
    """Rows for COPY into ``message``; byte columns as PostgreSQL's hex text."""
    n = len(batch.customer_ids)
    hashes = addresses.address_hashes(key, batch.channel, batch.addresses)
    bounced, delivered = seen.bounced > 0, seen.delivered > 0
    ids = np.arange(batch.first_message_id, batch.first_message_id + n)
    return pl.DataFrame(
        {
            "id": ids,
            "public_id": _uuids(ids, secret),
            "source_kind": pl.repeat(int(batch.source), n, dtype=pl.Int16, eager=True),
            "source_id": pl.repeat(batch.source_id, n, dtype=pl.Int64, eager=True),
            "purpose": pl.repeat("marketing", n, eager=True),
            "customer_id": batch.customer_ids,
            "channel": pl.repeat(int(batch.channel), n, dtype=pl.Int16, eager=True),
            "address": batch.addresses,
            "address_hash": ["\\x" + value.hex() for value in hashes],
            "template_version_id": pl.repeat(batch.template_version_id, n, eager=True),
            "state": pl.repeat(ACCEPTED, n, dtype=pl.Int16, eager=True),
            "attempt": pl.repeat(1, n, dtype=pl.Int16, eager=True),
            "due_at": _instants(seen.sent),
            "expires_at": _instants(seen.sent + DAY),
            "provider": pl.repeat("sandbox", n, eager=True),
            "provider_id": pl.select(pl.format("demo-{}", pl.lit(pl.Series(ids)))).to_series(),
            "delivery": np.select([bounced, delivered], [BOUNCED, DELIVERED], SENT),
            "segments": pl.repeat(1 if batch.channel == Channel.SMS else None, n, eager=True),
            "cost_micros": pl.repeat(batch.cost_micros, n, eager=True),
            "created_at": _instants(seen.sent),
            "sent_at": _instants(seen.sent),
            "delivered_at": _instants(seen.delivered),
            "opened_at": _instants(seen.opened),
            "clicked_at": _instants(seen.clicked),
            "unsubscribed_at": _instants(seen.unsubscribed),
            "complained_at": _instants(seen.complained),
            "opens": (seen.opened > 0).astype(np.int32),
            "clicks": (seen.clicked > 0).astype(np.int32),
            "machine_opens": (seen.machine_opened > 0).astype(np.int32),
        }
    )


def message_events(batch: Batch, seen: Outcomes) -> pl.DataFrame:
    """What the log says of the same messages (no ids yet: see ``with_ids``)."""
    ids = np.arange(batch.first_message_id, batch.first_message_id + len(batch.customer_ids))
    told = [
        (Kind.MESSAGE_SENT, seen.sent, False),
        (Kind.MESSAGE_DELIVERED, seen.delivered, False),
        (Kind.MESSAGE_BOUNCED, seen.bounced, False),
        (Kind.MESSAGE_OPENED, seen.opened, False),
        (Kind.MESSAGE_OPENED, seen.machine_opened, True),
        (Kind.MESSAGE_CLICKED, seen.clicked, False),
        (Kind.MESSAGE_UNSUBSCRIBED, seen.unsubscribed, False),
        (Kind.MESSAGE_COMPLAINED, seen.complained, False),
    ]
    frames = []
    for kind, instants, machine in told:
        happened = instants > 0
        frames.append(
            pl.DataFrame(
                {
                    "ts": _instants(instants[happened]),
                    "customer_id": batch.customer_ids[happened],
                    "message_id": ids[happened],
                }
            ).with_columns(
                kind=pl.lit(int(kind), pl.Int16),
                channel=pl.lit(int(batch.channel), pl.Int8),
                source_kind=pl.lit(int(batch.source), pl.Int8),
                source_id=pl.lit(batch.source_id, pl.Int64),
                machine=pl.lit(machine),
            )
        )
    return pl.concat(frames)


def order_events(
    customer_ids: np.ndarray,
    ordered: np.ndarray,
    catalogue: Catalogue,
    product_ids: np.ndarray,
    first_key: int,
    rng: np.random.Generator,
) -> pl.DataFrame:
    """A short visit with one order for everybody with ``ordered`` > 0: view, cart, order line."""
    buying = ordered > 0
    who, when = customer_ids[buying], ordered[buying]
    product = catalogue.at(rng.random(len(who)))
    keys = first_key + np.arange(len(who), dtype=np.int64)
    visit = pl.DataFrame(
        {
            "customer_id": who,
            "session_key": keys,
            "product_id": product_ids[product],
            "value": catalogue.price[product],
            "when": when,
        }
    )
    acts = ((Kind.PRODUCT_VIEWED, 150, None), (Kind.PRODUCT_ADDED, 70, 1),
            (Kind.ORDER_COMPLETED, 0, 1))  # fmt: skip
    return pl.concat(
        visit.with_columns(
            ts=(pl.col("when") - before * SECOND).cast(UTC_INSTANT),
            kind=pl.lit(int(kind), pl.Int16),
            quantity=pl.lit(quantity, pl.Int32),
            order_key=pl.col("session_key")
            if kind == Kind.ORDER_COMPLETED
            else pl.lit(None, pl.Int64),
        ).drop("when")
        for kind, before, quantity in acts
    )


def with_ids(frames: list[pl.DataFrame], high: int, first: int, until: object) -> pl.DataFrame:
    """The frames as one of ``EVENT_COLUMNS``, in order of time; event ids are counted from
    ``first`` under the upper half ``high``."""
    rows = (
        pl.concat(frames, how="diagonal_relaxed")
        .sort("ts")
        .with_columns(
            event_hi=pl.lit(high, pl.Int64),
            event_lo=pl.int_range(pl.len(), dtype=pl.Int64) + first,
            received_at=pl.lit(until),
        )
    )
    return rows.select(
        (pl.col(name) if name in rows.columns else pl.lit(None)).cast(dtype).alias(name)
        for name, dtype in EVENT_COLUMNS.items()
    )


def _instants(micros: np.ndarray) -> pl.Series:
    return pl.Series(micros).set(pl.Series(micros == 0), None).cast(UTC_INSTANT)


def _uuids(ids: np.ndarray, secret: int) -> list[str]:
    """Version-8 style UUIDs that follow from the seed and the message's number."""
    with np.errstate(over="ignore"):
        high = (ids.astype(np.uint64) + np.uint64(secret)) * np.uint64(0x9E3779B97F4A7C15)
        low = (high ^ (high >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)
    halves = np.empty((len(ids), 2), dtype=">u8")
    halves[:, 0] = high & np.uint64(0xFFFF_FFFF_FFFF_0FFF) | np.uint64(0x8000)
    halves[:, 1] = low & np.uint64(0x0FFF_FFFF_FFFF_FFFF) | np.uint64(0x8000_0000_0000_0000)
    digits = halves.tobytes().hex()
    return [digits[i : i + 32] for i in range(0, len(digits), 32)]
