"""Launching: the audience is drawn and put into the outbox whole, in one transaction.

What is promised: a launch that is killed, paused or cancelled at any instant has put nobody in;
begun again, by this process or another, it draws its audience as of the instant at which it began,
and reaches nobody twice. Nothing is sent before all of it is in.

"In the outbox" means in portions (:mod:`segmind.messages.portions`): a message is made of each
recipient when his turn comes. With a test of variants, who is not drawn for one waits there for the
winner (:mod:`segmind.campaigns.deciding`).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

import polars as pl
from sqlalchemy import Connection
from sqlalchemy.dialects.postgresql import insert

from segmind.audiences.audience import Audience
from segmind.campaigns import campaign as campaigns
from segmind.campaigns import moves
from segmind.campaigns.audience import audience_of
from segmind.campaigns.campaign import Campaign
from segmind.campaigns.content import freeze_variants, frozen_versions, version_for
from segmind.campaigns.drawing import variant_drawn
from segmind.campaigns.lifecycle import RUNNING, Status, require
from segmind.campaigns.review import require_launchable
from segmind.campaigns.tables import campaign as table
from segmind.campaigns.tables import campaign_run
from segmind.consent.addresses import address_key, as_channel
from segmind.customers.erasure import ERASING
from segmind.db.copy import copy_in
from segmind.db.engine import Store
from segmind.db.locks import lock_shared, try_lock
from segmind.events.schema import Source
from segmind.messages import portions, sources
from segmind.messages.sources import SourceKey
from segmind.workspace import audit, product_settings


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
    _freeze(store, campaign_id, now)
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


def _freeze(store: Store, campaign_id: int, now: datetime) -> None:
    """Put the whole audience in; nobody, if the launch is not to go on (any more)."""
    with store.engine.connect() as conn, conn.begin() as whole:
        # One process at a time: the audience of another would be drawn for nothing.
        if not try_lock(conn, f"campaign.launch:{campaign_id}"):
            return
        # Nobody is erased while addresses are read and written down here; who was erased before
        # is not read any more, who is erased afterwards is found where he was written down.
        lock_shared(conn, ERASING)
        campaign = campaigns.get(conn, campaign_id)
        if campaign.status is not Status.LAUNCHING:
            return
        drawn = audience_of(store, conn, campaign)
        entered = _put_in(store, conn, campaign, drawn)
        # The campaign itself is not held before: who pauses or cancels it waits for nothing.
        campaign = campaigns.get(conn, campaign_id, lock=True)
        if campaign.status is not Status.LAUNCHING:
            whole.rollback()
            return
        _complete(conn, campaign, drawn, now)
        if entered != (audience := drawn.recipients.height):
            problem = f"The audience is {audience}, the outbox holds {entered}."
            moves.pause(conn, campaign.id, now, "scheduler", problem=problem)


def _put_in(store: Store, conn: Connection, campaign: Campaign, drawn: Audience) -> int:
    """Write down who will get it, and who will not and why. How many recipients are in."""
    mine = pl.lit(campaign.id).alias("campaign_id")
    copy_in(conn, "campaign_exclusion", drawn.exclusions.select(mine, "customer_id", "reason"))
    versions = frozen_versions(conn, campaign)
    variant = pl.col("variant")
    people = drawn.recipients.with_columns(variant_drawn(campaign)).select(
        "customer_id",
        "address",
        pl.when(variant != "").then(variant).alias("step"),
        variant.replace_strict(versions, return_dtype=pl.Int64).alias("template_version_id"),
    )
    return portions.put_in(
        conn,
        address_key(store.settings.secret_key),
        SourceKey(Source.CAMPAIGN, campaign.id),
        people,
        as_channel(campaign.channel.value),
        (campaign.launched_at or campaign.updated_at) + moves.VALID_FOR,
        size=_portion_size(people),
    )


#: The portions of a test's variants take turns; so often at least, so that none is sent early in
#: the day and the other late.
_LEAST_TURNS: Final = 20


def _portion_size(people: pl.DataFrame) -> int:
    """Recipients of one portion."""
    smallest = people.group_by("step").len()["len"].min() if people["step"].n_unique() > 1 else None
    if not isinstance(smallest, int):
        return portions.SIZE
    return max(1, min(portions.SIZE, smallest // _LEAST_TURNS))


def _complete(conn: Connection, campaign: Campaign, drawn: Audience, now: datetime) -> None:
    """The audience is in: open the gate."""
    test = campaign.variant_test
    done: dict[str, Any] = {
        "frozen_at": now,
        "updated_at": now,
        "status": Status.SENDING.value,
        "waterfall": drawn.waterfall.as_json(),
        "audience_size": drawn.recipients.height,
    }
    if test is not None:
        done["decide_at"] = now + timedelta(hours=test.hours)
    conn.execute(table.update().where(table.c.id == campaign.id).values(done))
    sources.set_state(conn, Source.CAMPAIGN, campaign.id, "open", "launched", now)
