"""Who a campaign would reach at a moment."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from segmind.audiences import audience
from segmind.audiences.audience import Audience
from segmind.campaigns.campaign import Campaign, InvalidCampaign
from segmind.customers.facts import read_facts
from segmind.db.engine import Store
from segmind.segments import segment
from segmind.workspace import product_settings


def audience_of(
    store: Store, conn: Connection, campaign: Campaign, *, as_of: datetime | None = None
) -> Audience:
    """The campaign's audience ``as_of`` (default: the instant at which its launch began).

    Raises:
        InvalidCampaign: no segment is chosen, or the campaign has no such instant.
        InvalidRule: a segment's rule can no longer be asked.
    """
    if campaign.segment_id is None:
        raise InvalidCampaign("No segment is chosen.", field="segment_id")
    moment = as_of or campaign.audience_as_of
    if moment is None:
        raise InvalidCampaign("Say as of when.", field="as_of")
    return audience.build(
        read_facts(store),
        conn,
        [segment.get(conn, campaign.segment_id).rule],
        channel=campaign.channel.value,
        settings=product_settings.load(conn),
        as_of=moment,
        exclude=[segment.get(conn, each).rule for each in campaign.exclude_segment_ids],
        holdout_percent=campaign.holdout_percent,
        salt=campaign.salt,
    )
