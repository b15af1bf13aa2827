"""Who of a campaign's audience chance chose for what: the arms, and the holdout."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from sqlalchemy import Connection

from segmind.campaigns.campaign import Campaign
from segmind.db.copy import copy_out
from segmind.events.schema import Source

#: The arm's name where a campaign has one content only.
EVERYBODY = "message"


@dataclass(frozen=True)
class Groups:
    """Customer ids (Int64) by arm, those held out, and the shares they were drawn with.

    Erased customers are in neither. ``weights`` are percents by arm; the holdout's is under
    ``holdout``.
    """

    arms: dict[str, np.ndarray]
    held_out: np.ndarray
    weights: dict[str, float]


def groups(conn: Connection, campaign: Campaign) -> Groups:
    """The groups of a launched campaign, as its frozen audience drew them."""
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
        str(name[0]): part["customer_id"].to_numpy()
        for name, part in sorted(messages.group_by("arm"), key=lambda pair: str(pair[0][0]))
    }
    share = (100 - campaign.holdout_percent) / max(1, len(arms))
    weights = dict.fromkeys(arms, share)
    if campaign.holdout_percent > 0:
        weights["holdout"] = campaign.holdout_percent
    return Groups(arms, held_out["customer_id"].to_numpy(), weights)
