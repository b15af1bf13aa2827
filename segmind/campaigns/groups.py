"""Who of a campaign's audience chance chose for what: the arms, and the holdout."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import polars as pl
from sqlalchemy import Connection, text

from segmind.campaigns import campaign as campaigns
from segmind.campaigns.campaign import Campaign
from segmind.db.copy import copy_out
from segmind.errors import Conflict
from segmind.events.schema import Source
from segmind.experiments.experiment import DAYS, HOLDOUT, Experiment

#: The arm's name where a campaign has one content only.
EVERYBODY: Final = "message"


class NotLaunchedYet(Conflict):
    """The campaign has not been launched, so there is no lift to measure."""

    code = "not_launched"
    hint = "Launch it first; lift is measured from the launch on."


def experiment_of(conn: Connection, campaign: Campaign, days: int = DAYS) -> Experiment:
    """The groups of a launched campaign, as its frozen audience was drawn; orders count for
    ``days``. Erased customers are in neither group.

    Raises:
        NotLaunchedYet.
    """
    if campaign.launched_at is None or campaign.frozen_at is None:
        raise NotLaunchedYet
    messages = copy_out(
        conn,
        "SELECT customer_id, COALESCE(step, %s) FROM message WHERE source_kind = %s"
        " AND source_id = %s AND purpose <> 'test' AND customer_id IS NOT NULL",
        {"customer_id": pl.Int64, "arm": pl.String},
        (EVERYBODY, int(Source.CAMPAIGN), campaign.id),
    )
    held_out = copy_out(
        conn,
        "SELECT customer_id FROM campaign_exclusion WHERE campaign_id = %s AND reason = 'holdout'",
        {"customer_id": pl.Int64},
        (campaign.id,),
    )
    arms = {
        name: messages.filter(pl.col("arm") == name)["customer_id"].to_numpy()
        for name in messages["arm"].unique().sort()
    }
    weights = dict.fromkeys(arms, (100 - campaign.holdout_percent) / max(1, len(arms)))
    weights[HOLDOUT] = campaign.holdout_percent
    held = held_out["customer_id"].to_numpy()
    return Experiment(arms, held, weights, campaign.launched_at, days)


def with_holdout(conn: Connection, since: datetime, until: datetime) -> dict[int, Experiment]:
    """The experiments of all campaigns with a holdout that were launched in ``[since, until)``."""
    rows = conn.execute(
        text(
            "SELECT id FROM campaign WHERE holdout_percent > 0 AND frozen_at IS NOT NULL"
            " AND launched_at >= :since AND launched_at < :until ORDER BY id"
        ),
        {"since": since, "until": until},
    )
    return {row.id: experiment_of(conn, campaigns.get(conn, row.id)) for row in rows.all()}
