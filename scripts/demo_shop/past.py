"""The demo shop's past: campaigns that ran, their receipts, and the orders that they caused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np
import polars as pl
from sqlalchemy import Connection, text

from scripts.demo_shop import customers
from scripts.demo_shop.frames import Batch, message_events, message_rows, order_events
from scripts.demo_shop.outcomes import SECOND, Outcomes, draw
from scripts.demo_shop.stories import COST_MICROS, STORIES, Story
from segmind.consent import addresses
from segmind.db.copy import copy_in
from segmind.events.schema import UTC_INSTANT, Channel, Source
from segmind.events.shop.catalogue import Catalogue
from segmind.experiments.holdouts import in_holdout

#: At most so many recipients a campaign, whatever the shop's size: a demo, not an archive.
LARGEST_AUDIENCE = 60_000


@dataclass
class Past:
    """What the story teller knows while it goes through the shop's past, oldest first."""

    conn: Connection
    people: pl.DataFrame  # columns of the table customer
    catalogue: Catalogue
    product_ids: np.ndarray
    key: bytes  # of address hashes
    seed: int
    until: datetime
    save_content: Callable[[Connection, Story], int]
    events: list[pl.DataFrame] = field(default_factory=list)
    gone: dict[Channel, set[int]] = field(default_factory=dict)
    next_order_key: int = 1 << 50

    def order_keys(self, count: int) -> int:
        """Reserve ``count`` session and order keys; returns the first."""
        first = self.next_order_key
        self.next_order_key += count
        return first

    @property
    def last(self) -> int:
        return round(self.until.timestamp() * SECOND) - 1


def tell_campaigns(past: Past, segments: dict[Channel, int]) -> dict[str, float]:
    """Write every story; returns the true effects by campaign name (the truth to be found)."""
    for number, story in enumerate(STORIES):
        _tell(past, story, segments[story.channel], np.random.default_rng([past.seed, 20, number]))
    return {story.name: story.effect for story in STORIES}


def _tell(past: Past, story: Story, segment_id: int, rng: np.random.Generator) -> None:
    at = past.until - timedelta(days=story.days_ago)
    channel = story.channel
    address = customers.ADDRESS[channel]
    gone = pl.Series(sorted(past.gone.get(channel, set())), dtype=pl.Int64)
    reachable = past.people.filter(
        pl.col(address).is_not_null()
        & (pl.col(f"{channel.label}_consent") == 1)
        & (pl.col("created_at") < at)
    )
    suppressed = reachable.filter(pl.col("id").is_in(gone.implode()))
    open_to_it = reachable.filter(~pl.col("id").is_in(gone.implode())).sort("id")
    size = min(round(open_to_it.height * story.share), LARGEST_AUDIENCE)
    chosen = np.sort(rng.choice(open_to_it.height, size=size, replace=False))
    audience = open_to_it.select("id", pl.col(address).alias("address"))[chosen]
    campaign_id = _campaign(past, story, segment_id, at)
    salt = f"campaign:{campaign_id}"
    held = in_holdout(audience["id"], salt, story.holdout_percent)
    recipients = audience.filter(~held)
    excluded = pl.concat(
        [
            audience.filter(held).select("id", pl.lit("holdout").alias("reason")),
            suppressed.select("id", pl.lit("suppressed").alias("reason")),
        ]
    )
    copy_in(
        past.conn,
        "campaign_exclusion",
        excluded.select(
            pl.lit(campaign_id).alias("campaign_id"), pl.col("id").alias("customer_id"), "reason"
        ),
    )
    _finish(past, story, campaign_id, len(suppressed), int(held.sum()), recipients.height, at)
    send(
        past,
        story,
        Batch(
            source=Source.CAMPAIGN,
            source_id=campaign_id,
            channel=channel,
            template_version_id=_content_of(past.conn, campaign_id),
            cost_micros=COST_MICROS[channel],
            first_message_id=customers.first_free_id(past.conn, "message"),
            customer_ids=recipients["id"].to_numpy(),
            addresses=recipients["address"],
        ),
        draw(story, recipients.height, at, past.last, rng),
        rng,
    )


def send(
    past: Past, story: Story, batch: Batch, seen: Outcomes, rng: np.random.Generator,
    extra: dict[str, pl.Series] | None = None,
) -> None:  # fmt: skip
    """Write a batch's messages, what the log says of them, the orders caused, and the opt-outs."""
    rows = message_rows(batch, seen, past.key, past.seed)
    copy_in(past.conn, "message", rows.with_columns(**(extra or {})))
    customers.bump_identity(past.conn, "message")
    past.events.append(message_events(batch, seen))
    past.events.append(
        order_events(
            batch.customer_ids,
            seen.ordered,
            past.catalogue,
            past.product_ids,
            past.order_keys(len(batch.customer_ids)),
            rng,
        )
    )
    for instants, reason in (
        (seen.bounced, "hard_bounce"),
        (seen.unsubscribed, "unsubscribed"),
        (seen.complained, "complaint"),
    ):
        _leave(past, batch, instants, reason)


def _leave(past: Past, batch: Batch, instants: np.ndarray, reason: str) -> None:
    left = instants > 0
    known = past.gone.setdefault(batch.channel, set())
    ids = batch.customer_ids[left]
    fresh = np.array([i not in known for i in ids.tolist()], dtype=bool)
    gone = pl.DataFrame(
        {"id": ids[fresh], "at": pl.Series(instants[left][fresh]).cast(UTC_INSTANT)}
    )
    where = pl.Series(left)
    used = batch.addresses.filter(where).filter(pl.Series(fresh))
    hashes = [
        "\\x" + value.hex() for value in addresses.address_hashes(past.key, batch.channel, used)
    ]
    customers.opt_out(past.conn, batch.channel, gone, hashes, reason)
    known.update(gone["id"].to_list())


def _campaign(past: Past, story: Story, segment_id: int, at: datetime) -> int:
    version = past.save_content(past.conn, story)
    return int(
        past.conn.execute(
            text(
                "INSERT INTO campaign (name, channel, segment_id, template_version_id, "
                "holdout_percent, status, scheduled_at, launched_at, audience_as_of, frozen_at, "
                "finished_at, created_by, created_at, updated_at) VALUES (:name, :channel, "
                ":segment, :version, :holdout, 'sent', :at, :at, :at, :at, :done, 'demo shop', "
                ":made, :at) RETURNING id"
            ),
            {
                "name": story.name,
                "channel": int(story.channel),
                "segment": segment_id,
                "version": version,
                "holdout": story.holdout_percent,
                "at": at,
                "done": at + timedelta(minutes=40),
                "made": at - timedelta(days=1),
            },
        ).scalar_one()
    )


def _content_of(conn: Connection, campaign_id: int) -> int:
    return int(
        conn.execute(
            text("SELECT template_version_id FROM campaign WHERE id = :id"), {"id": campaign_id}
        ).scalar_one()
    )
