"""Launching: the audience is frozen once, then goes into the outbox in portions.

What is promised: a launch that is killed at any instant and started again, by this process or
another, reaches the same audience, and nobody twice. How: the audience is drawn and stored in one
transaction, as of the instant at which the launch began; each portion leaves that store and enters
the outbox in one transaction; nothing is sent before the last portion is in.

With a test of variants the launch is that of the test's part; who is left in the store waits for
the winner (:mod:`segmind.campaigns.deciding`).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import polars as pl
from sqlalchemy import Connection, text
from sqlalchemy.dialects.postgresql import insert

from segmind.audiences.audience import Audience
from segmind.campaigns import campaign as campaigns
from segmind.campaigns import moves
from segmind.campaigns.audience import audience_of
from segmind.campaigns.campaign import Campaign
from segmind.campaigns.content import freeze_variants, frozen_versions, version_for
from segmind.campaigns.lifecycle import RUNNING, Status, require
from segmind.campaigns.review import require_launchable
from segmind.campaigns.tables import campaign as table
from segmind.campaigns.tables import campaign_run
from segmind.consent.addresses import address_key
from segmind.customers.erasure import ERASING
from segmind.db.copy import copy_in, copy_out
from segmind.db.engine import Store
from segmind.db.locks import lock_shared, try_lock
from segmind.events.schema import Source
from segmind.experiments.holdouts import in_holdout
from segmind.experiments.variants import variant_of
from segmind.messages import outbox, sources
from segmind.workspace import audit, product_settings

#: Recipients that enter the outbox in one transaction: about 0.2 seconds of work, which is how long
#: a pause or a cancellation waits.
PORTION = 20_000


def launch(store: Store, campaign_id: int, now: datetime, actor: str = "scheduler") -> Status:
    """Start the campaign, or carry its launch on; returns where it is afterwards.

    Any number of processes may call it at once, again and again. A campaign that is neither due
    for a launch nor within one is left alone.

    Raises:
        UnknownCampaign; NotLaunchable, InvalidDraft, InvalidCampaign: something blocks it, and it
        stays as it was.
    """
    with store.engine.begin() as conn:
        campaign = campaigns.get(conn, campaign_id, lock=True)
        if campaign.status not in RUNNING and not _begin(conn, campaign, now, actor):
            return campaign.status
    while _take(store, campaign_id, now):
        pass
    with store.engine.connect() as conn:
        return campaigns.get(conn, campaign_id).status


def _begin(conn: Connection, campaign: Campaign, now: datetime, actor: str) -> bool:
    """Start it once: the row of ``campaign_run`` is unique whatever the number of schedulers."""
    if campaign.status in {Status.SENT, Status.CANCELLED}:
        return False
    require(campaign.status, Status.LAUNCHING)
    version = version_for(conn, campaign)
    require_launchable(conn, campaign, product_settings.load(conn))
    run_at = campaign.scheduled_at or now
    started = conn.execute(
        insert(campaign_run).values(campaign_id=campaign.id, run_at=run_at).on_conflict_do_nothing()
    )
    if not started.rowcount:
        return False
    freeze_variants(conn, campaign)
    conn.execute(
        table.update()
        .where(table.c.id == campaign.id)
        .values(
            status=Status.LAUNCHING.value,
            template_version_id=version,
            launched_at=now,
            audience_as_of=now,
            problem=None,
            updated_at=now,
        )
    )
    sources.set_state(conn, Source.CAMPAIGN, campaign.id, "paused", "launching", now)
    sources.set_rate(conn, Source.CAMPAIGN, campaign.id, campaign.rate_per_second)
    audit.record(conn, actor, "campaign.launch", f"campaign {campaign.id}")
    return True


def _take(store: Store, campaign_id: int, now: datetime) -> bool:
    """One transaction's worth of the launch; False when there is nothing (more) to do here."""
    with store.engine.begin() as conn:
        # One process at a time: the audience of another would be drawn for nothing.
        if not try_lock(conn, f"campaign.launch:{campaign_id}"):
            return False
        # Nobody is erased while addresses are read and written down here; who was erased before
        # is not read any more, who is erased afterwards is found where he was written down.
        lock_shared(conn, ERASING)
        campaign = campaigns.get(conn, campaign_id)
        if campaign.status is not Status.LAUNCHING:
            return False
        if campaign.audience_size is None:
            _store_audience(conn, campaign, audience_of(store, conn, campaign))
            return True
        campaign = campaigns.get(conn, campaign_id, lock=True)
        if campaign.status is not Status.LAUNCHING:
            return False
        portion = take_portion(conn, campaign_id, PORTION)
        if portion.is_empty():
            _complete(conn, campaign, now)
            return False
        enqueue(store, conn, campaign, portion, campaign.launched_at or now, now)
        return True


def _store_audience(conn: Connection, campaign: Campaign, drawn: Audience) -> None:
    """Store who will get it and who will not and why, all or nothing."""
    mine = pl.lit(campaign.id).alias("campaign_id")
    recipients = drawn.recipients.select(mine, "customer_id", "address", variant_drawn(campaign))
    copy_in(conn, "campaign_recipient", recipients)
    copy_in(conn, "campaign_exclusion", drawn.exclusions.select(mine, "customer_id", "reason"))
    conn.execute(
        table.update()
        .where(table.c.id == campaign.id)
        .values(waterfall=drawn.waterfall.as_json(), audience_size=recipients.height)
    )


def variant_drawn(campaign: Campaign) -> pl.Expr:
    """The variant that a customer is drawn for, for ever the same; null: waits for the winner."""
    test = campaign.variant_test
    if test is None:
        return pl.lit("").alias("variant")
    customer = pl.col("customer_id")
    is_tested = in_holdout(customer, f"test:{campaign.salt}", test.share_percent)
    shown = variant_of(customer, campaign.salt, test.arms)
    return pl.when(is_tested).then(shown).alias("variant")


def take_portion(
    conn: Connection, campaign_id: int, limit: int, winner: str | None = None
) -> pl.DataFrame:
    """Take recipients out of the store: customer_id, address, variant. Those drawn for a variant;
    with a ``winner`` those who waited for it."""
    chosen = "IS NOT NULL" if winner is None else "IS NULL"
    return copy_out(
        conn,
        "DELETE FROM campaign_recipient WHERE campaign_id = %s AND customer_id IN ("
        f" SELECT customer_id FROM campaign_recipient WHERE campaign_id = %s AND variant {chosen}"
        " ORDER BY customer_id LIMIT %s) RETURNING customer_id, address, COALESCE(variant, %s)",
        {"customer_id": pl.Int64(), "address": pl.String(), "variant": pl.String()},
        (campaign_id, campaign_id, limit, winner or ""),
    )


def enqueue(
    store: Store,
    conn: Connection,
    campaign: Campaign,
    portion: pl.DataFrame,
    due_at: datetime,
    now: datetime,
) -> None:
    """Put a portion into the outbox, everybody with the content of their variant."""
    versions = frozen_versions(conn, campaign)
    for (name,), part in portion.group_by("variant"):
        outbox.enqueue_many(
            conn,
            address_key(store.settings.secret_key),
            Source.CAMPAIGN,
            campaign.id,
            part.select("customer_id", "address"),
            versions[str(name)],
            campaign.channel.value,
            due_at=due_at,
            expires_at=now + moves.VALID_FOR,
            now=now,
            step=str(name) or None,
        )


def _complete(conn: Connection, campaign: Campaign, now: datetime) -> None:
    """The last portion is in: open the gate, unless the outbox does not hold the audience."""
    test = campaign.variant_test
    done: dict[str, Any] = {"frozen_at": now}
    if test is not None:
        done |= {
            "decide_at": now + timedelta(hours=test.hours),
            "last_test_message_id": _last_message(conn, campaign.id),
        }
    conn.execute(table.update().where(table.c.id == campaign.id).values(done))
    if missing := missing_from_outbox(conn, campaign):
        moves.pause(conn, campaign.id, now, "scheduler", problem=missing)
        return
    conn.execute(
        table.update()
        .where(table.c.id == campaign.id)
        .values(status=Status.SENDING.value, updated_at=now)
    )
    sources.set_state(conn, Source.CAMPAIGN, campaign.id, "open", "launched", now)


def missing_from_outbox(conn: Connection, campaign: Campaign) -> str | None:
    """A sentence, if messages and who still waits for one are not the frozen audience; else None.

    Costs a count of the campaign's messages.
    """
    values = {"kind": int(Source.CAMPAIGN), "id": campaign.id}
    enqueued = conn.execute(
        text(
            "SELECT count(*) FROM message WHERE source_kind = :kind AND source_id = :id"
            " AND purpose <> 'test'"
        ),
        values,
    ).scalar_one()
    waiting = conn.execute(
        text("SELECT count(*) FROM campaign_recipient WHERE campaign_id = :id"), values
    ).scalar_one()
    if enqueued + waiting == campaign.audience_size:
        return None
    waits = f", and {waiting} wait" if waiting else ""
    return f"The audience is {campaign.audience_size}, the outbox holds {enqueued}{waits}."


def _last_message(conn: Connection, campaign_id: int) -> int | None:
    found: int | None = conn.execute(
        text(
            "SELECT max(id) FROM message WHERE source_kind = :kind AND source_id = :id"
            " AND purpose <> 'test'"
        ),
        {"kind": int(Source.CAMPAIGN), "id": campaign_id},
    ).scalar_one()
    return found
