"""What a campaign says: a draft while it may change, a version that never changes from then on."""

from __future__ import annotations

from sqlalchemy import Connection

from segmind.campaigns.campaign import Campaign, InvalidCampaign
from segmind.campaigns.tables import campaign as table
from segmind.channels.channel import Channel
from segmind.templates import versions
from segmind.templates.template import Draft, InvalidDraft, channel_of, parse_draft


def draft_of(conn: Connection, campaign: Campaign) -> Draft | None:
    """What the campaign says at present; None while nothing is written.

    Raises:
        InvalidDraft, InvalidCampaign: what is there is no draft, or one for another channel.
    """
    if campaign.content is not None:
        try:
            draft = parse_draft(campaign.content)
        except InvalidDraft as error:
            error.field = f"content.{error.field}" if error.field else "content"
            raise
    elif campaign.template_version_id is not None:
        draft = versions.load_version(conn, campaign.template_version_id)
    else:
        return None
    if channel_of(draft) is not campaign.channel:
        raise InvalidCampaign(
            f"The content is for {_label(channel_of(draft))}, the campaign for"
            f" {_label(campaign.channel)}.",
            hint="Write it for the campaign's channel.",
            field="content",
        )
    return draft


def version_for(conn: Connection, campaign: Campaign) -> int:
    """The version that holds exactly what the campaign says now; made when there is none yet.

    Raises:
        InvalidCampaign: nothing is written yet. InvalidDraft: what is written is no draft.
    """
    draft = draft_of(conn, campaign)
    if draft is None:
        raise InvalidCampaign("Nothing is written yet.", field="content")
    known = campaign.template_version_id
    if known is not None and (
        campaign.content is None or versions.load_version(conn, known) == draft
    ):
        return known
    version = versions.save_version(conn, draft)
    conn.execute(
        table.update().where(table.c.id == campaign.id).values(template_version_id=version)
    )
    return version


def _label(channel: Channel) -> str:
    return channel.label
