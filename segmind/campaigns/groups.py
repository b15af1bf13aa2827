"""Who of a campaign's audience chance chose for what: the arms, and the holdout."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import polars as pl
from sqlalchemy import Connection, text

from segmind.campaigns import campaign as campaigns
from segmind.campaigns.campaign import Campaign
from segmind.campaigns.drawing import variant_drawn
from segmind.campaigns.variant_test import VariantTest
from segmind.db.copy import copy_out
from segmind.errors import Conflict
from segmind.events.schema import Source
from segmind.experiments.experiment import DAYS, HOLDOUT, Experiment
from segmind.messages import portions

#: The arm's name where a campaign has one content only.
EVERYBODY: Final = "message"


class NotLaunchedYet(Conflict):
    """The campaign has not been launched, so there is no lift to measure."""

    code = "not_launched"
    hint = "Launch it first; lift is measured from the launch on."


def experiment_of(
    conn: Connection, campaign: Campaign, days: int = DAYS, *, by_variant: bool = False
) -> Experiment:
    """The groups of a launched campaign, as its frozen audience was drawn; orders count for
    ``days``. Erased customers are in neither group.

    All who were to get it are one group, also those who wait for the winner of a test;
    ``by_variant``: those who were drawn for a variant of the test, by its name.

    Raises:
        NotLaunchedYet.
    """
    if campaign.launched_at is None or campaign.frozen_at is None:
        raise NotLaunchedYet
    test = campaign.variant_test if by_variant else None
    people = everybody(conn, campaign)
    messages = (
        people.with_columns(variant_drawn(campaign).alias("arm"))
        if test is not None
        else people.with_columns(arm=pl.lit(EVERYBODY))
    )
    held_out = copy_out(
        conn,
        "SELECT customer_id FROM campaign_exclusion WHERE campaign_id = %s AND reason = 'holdout'",
        {"customer_id": pl.Int64},
        (campaign.id,),
    )
    names = [arm.name for arm in test.arms] if test is not None else [EVERYBODY]
    arms = {
        name: messages.filter(pl.col("arm") == name)["customer_id"].to_numpy() for name in names
    }
    weights = _weights(campaign, test)
    held = held_out["customer_id"].to_numpy()
    return Experiment(arms, held, weights, campaign.launched_at, days)


def everybody(conn: Connection, campaign: Campaign) -> pl.DataFrame:
    """customer_id (Int64) of all who were to get it: who was written to, whose turn comes, who
    waits for the winner of a test."""
    its = (int(Source.CAMPAIGN), campaign.id)
    return copy_out(
        conn,
        "SELECT customer_id FROM message WHERE source_kind = %s AND source_id = %s"
        f" AND purpose <> 'test' AND customer_id IS NOT NULL UNION ALL {portions.CUSTOMERS}",
        {"customer_id": pl.Int64},
        (*its, *its),
    )


def _weights(campaign: Campaign, test: VariantTest | None) -> dict[str, float]:
    """The shares by which everybody was drawn, of all who could have been reached."""
    left = 100 - campaign.holdout_percent
    if test is None:
        return {EVERYBODY: left, HOLDOUT: campaign.holdout_percent}
    total = sum(arm.weight for arm in test.arms)
    tested = left * test.share_percent / 100
    shares = {arm.name: tested * arm.weight / total for arm in test.arms}
    return {**shares, HOLDOUT: campaign.holdout_percent}


def with_holdout(
    conn: Connection, since: datetime, until: datetime, days: int = DAYS
) -> dict[int, Experiment]:
    """The experiments of all campaigns with a holdout that were launched in ``[since, until)``."""
    found = holding_out(conn, since, until)
    return {number: experiment_of(conn, campaigns.get(conn, number), days) for number in found}


def holding_out(conn: Connection, since: datetime, until: datetime) -> dict[int, datetime]:
    """Of the same campaigns: when each was launched."""
    rows = conn.execute(
        text(
            "SELECT id, launched_at FROM campaign WHERE holdout_percent > 0"
            " AND frozen_at IS NOT NULL AND launched_at >= :since AND launched_at < :until"
            " ORDER BY id"
        ),
        {"since": since, "until": until},
    )
    return {row.id: row.launched_at for row in rows}
