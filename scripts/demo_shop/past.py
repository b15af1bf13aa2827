"""The demo shop's past: campaigns that ran, their receipts, and the orders that they caused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np
import polars as pl
from sqlalchemy import Connection, text

from scripts.demo_shop import customers
from scripts.demo_shop.frames import (
    Batch,
    message_events,
    message_rows,
    order_events,
    with_ids,
)
from scripts.demo_shop.gone import UNSUBSCRIBED, Gone
from scripts.demo_shop.loading import Loading
from scripts.demo_shop.outcomes import SECOND, Outcomes, draw
from scripts.demo_shop.stories import COST_MICROS, STORIES, Story
from segmind.audiences.waterfall import Reason, Waterfall
from segmind.campaigns.tables import campaign
from segmind.events.schema import UTC_INSTANT, Channel, Kind, Source
from segmind.events.shop.catalogue import Catalogue
from segmind.experiments.assignment import BUCKETS, bucket
from segmind.experiments.experiment import DAYS
from segmind.experiments.holdouts import in_holdout
from segmind.segments import segment

ACTOR = "demo shop"
#: About so many members has a segment that was sent to, at most: a demo, not an archive. A large
#: shop writes to more of its customers.
LARGEST_AUDIENCE = 60_000
LARGEST_OF_CUSTOMERS = 1 / 12
#: In buckets of 10,000: e-mail goes to thirds, the other channels to everybody.
LARGEST_SHARE = {Channel.EMAIL: 3_333, Channel.SMS: 10_000, Channel.PUSH: 10_000}
SUBSCRIBERS = {
    Channel.EMAIL: "E-mail subscribers",
    Channel.SMS: "SMS subscribers",
    Channel.PUSH: "App users",
}


@dataclass
class Past:
    """What the story teller knows while it goes through the shop's past, oldest first."""

    conn: Connection  # for what is small; each campaign is committed before its rows are loaded
    loading: Loading
    people: pl.DataFrame  # columns of the table customer, as they were when all began
    catalogue: Catalogue
    product_ids: np.ndarray
    key: bytes  # of address hashes
    seed: int
    since: datetime
    until: datetime
    save_content: Callable[[Connection, Story], int]
    next_message_id: int
    first_run_id: int
    events: list[pl.DataFrame] = field(default_factory=list)
    gone: Gone = field(default_factory=Gone)
    next_order_key: int = 1 << 50
    people_are_loaded: bool = False
    caused: dict[str, Caused] = field(default_factory=dict)

    def order_keys(self, count: int) -> int:
        """Reserve ``count`` session and order keys; returns the first."""
        first = self.next_order_key
        self.next_order_key += count
        return first

    def message_ids(self, count: int) -> int:
        """Reserve ``count`` ids of messages; returns the first."""
        first = self.next_message_id
        self.next_message_id += count
        return first

    def take_events(self, first: int) -> pl.DataFrame:
        """What was told so far, as EVENT_COLUMNS in order of time; ids are counted from ``first``.

        The shop's own events have another upper half of their ids.
        """
        frames, self.events = self.events, []
        return with_ids(frames, high=-self.seed - 1, first=first, until=self.until)

    @property
    def last(self) -> int:
        return round(self.until.timestamp() * SECOND) - 1


def tell_campaigns(past: Past) -> dict[str, float]:
    """Write every story; returns the true effects by campaign name (the truth to be found)."""
    groups = {
        (channel, number): _group(past, channel, number)
        for channel, number in sorted({(story.channel, story.group) for story in STORIES})
    }
    for number, story in enumerate(STORIES):
        rng = np.random.default_rng([past.seed, 20, number])
        _tell(past, story, groups[story.channel, story.group], rng)
    return {story.name: story.effect for story in STORIES}


@dataclass(frozen=True, slots=True)
class Group:
    """A segment that campaigns were sent to: a stable share of everybody who can be reached."""

    segment_id: int
    salt: str
    buckets: tuple[int, int]  # [from, to) of 10,000


def _group(past: Past, channel: Channel, number: int) -> Group:
    reachable = _reachable(past, channel, past.until).height
    audience = max(LARGEST_AUDIENCE, int(past.people.height * LARGEST_OF_CUSTOMERS))
    width = min(LARGEST_SHARE[channel], int(audience * BUCKETS / max(1, reachable)))
    salt = f"demo {channel.label}"
    first = number * width
    rule: dict[str, object] = {"type": "reachable", "channel": channel.label}
    if width < BUCKETS:
        share = {
            "type": "bucket",
            "salt": salt,
            "from_percent": first / 100,
            "to_percent": (first + width) / 100,
        }
        rule = {"type": "all", "conditions": [rule, share]}
    name = SUBSCRIBERS[channel] + (f", group {'ABC'[number]}" if channel is Channel.EMAIL else "")
    made = segment.create(past.conn, name, rule, actor=ACTOR, now=past.since)
    return Group(made.id, salt, (first, first + width))


def _reachable(past: Past, channel: Channel, at: datetime) -> pl.DataFrame:
    """Whom the channel could reach at that moment: id, address."""
    address = customers.ADDRESS[channel]
    gone = past.gone.of(channel)["id"]
    return past.people.filter(
        pl.col(address).is_not_null()
        & (pl.col(f"{channel.label}_consent") == 1)
        & (pl.col("created_at") < at)
        & ~pl.col("id").is_in(gone.implode())
    ).select("id", pl.col(address).alias("address"))


def _tell(past: Past, story: Story, group: Group, rng: np.random.Generator) -> None:
    # In the evening of Europe and in the morning of America: nobody is woken.
    at = (past.until - timedelta(days=story.days_ago)).replace(hour=17, minute=0, second=0)
    channel = story.channel
    members = _reachable(past, channel, at).filter(
        bucket(pl.col("id"), group.salt).is_between(*group.buckets, closed="left")
    )
    campaign_id = _campaign(past, story, group.segment_id, at)
    held = in_holdout(members["id"], f"campaign:{campaign_id}", story.holdout_percent)
    recipients = members.filter(~held)
    waterfall = Waterfall.of(members.height, {Reason.HOLDOUT.value: int(held.sum())})
    past.conn.execute(
        campaign.update()
        .where(campaign.c.id == campaign_id)
        .values(waterfall=waterfall.as_json(), audience_size=recipients.height)
    )
    content = _content_of(past.conn, campaign_id)
    past.conn.commit()
    past.loading.copy(
        "campaign_exclusion",
        members.filter(held).select(
            pl.lit(campaign_id).alias("campaign_id"),
            pl.col("id").alias("customer_id"),
            pl.lit(Reason.HOLDOUT.value).alias("reason"),
        ),
    )
    send(
        past,
        story.name,
        Batch(
            source=Source.CAMPAIGN,
            source_id=campaign_id,
            channel=channel,
            template_version_id=content,
            cost_micros=COST_MICROS[channel],
            first_message_id=past.message_ids(recipients.height),
            customer_ids=recipients["id"].to_numpy(),
            addresses=recipients["address"],
        ),
        draw(story, recipients.height, at, past.last, rng),
        rng,
    )


def send(
    past: Past, name: str, batch: Batch, seen: Outcomes, rng: np.random.Generator,
    extra: dict[str, pl.Series] | None = None,
) -> None:  # fmt: skip
    """Write a batch's messages, what the log says of them, the orders caused, and the opt-outs."""
    rows = message_rows(batch, seen, past.key, past.seed)
    past.loading.copy("message", rows.with_columns(**(extra or {})))
    past.events.append(message_events(batch, seen))
    orders = order_events(
        batch.customer_ids,
        seen.ordered,
        past.catalogue,
        past.product_ids,
        past.order_keys(len(batch.customer_ids)),
        rng,
    )
    past.events.append(orders)
    past.caused[name] = _caused(batch, seen, orders)
    for instants, reason in (
        (seen.bounced, "hard_bounce"),
        (seen.unsubscribed, UNSUBSCRIBED),
        (seen.complained, "complaint"),
    ):
        _leave(past, batch, rows["address_hash"], instants, reason)


@dataclass(frozen=True, slots=True)
class Caused:
    """What a campaign or automation truly caused, of which customers: the orders and their worth
    (minor units) within DAYS of each customer's first message (of a campaign: of its launch)."""

    customer_ids: np.ndarray
    starts: np.ndarray  # microseconds since 1970
    revenue: np.ndarray

    @property
    def total(self) -> int:
        return int(self.revenue.sum())


def _caused(batch: Batch, seen: Outcomes, orders: pl.DataFrame) -> Caused:
    sent = pl.Series(seen.sent)
    start = sent.min() if batch.source is Source.CAMPAIGN else sent
    first = pl.DataFrame({"customer_id": batch.customer_ids}).with_columns(start=start)
    people = first.group_by("customer_id", maintain_order=True).agg(pl.col("start").min())
    bought = orders.filter(pl.col("kind") == int(Kind.ORDER_COMPLETED)).select(
        "customer_id", "value", ts=pl.col("ts").dt.timestamp("us")
    )
    age = pl.col("ts") - pl.col("start")
    worth = (
        bought.join(people, on="customer_id")
        .filter(age.is_between(0, DAYS * 86_400 * SECOND, closed="left"))
        .group_by("customer_id")
        .agg(pl.col("value").sum())
    )
    told = people.join(worth, on="customer_id", how="left", maintain_order="left").with_columns(
        pl.col("value").fill_null(0)
    )
    return Caused(*(told[column].to_numpy() for column in ("customer_id", "start", "value")))


def _leave(past: Past, batch: Batch, hashes: pl.Series, instants: np.ndarray, reason: str) -> None:
    who = instants > 0
    left = pl.DataFrame(
        {
            "id": batch.customer_ids[who],
            "at": pl.Series(instants[who]).cast(UTC_INSTANT),
            "hash": hashes.filter(pl.Series(who)),
        }
    )
    left = left.filter(past.gone.add(batch.channel, left["id"], left["at"], reason))
    customers.load_gone(past.loading, batch.channel, left, reason)
    if past.people_are_loaded:
        marks = left.select("id", reason=pl.lit(reason))
        past.loading.do(lambda conn: customers.mark_gone(conn, batch.channel, marks))


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
