"""What a campaign says: a draft while it may change, a version that never changes from then on.

In a test every variant says something else; the campaign's own content is the control.
"""

from __future__ import annotations

from sqlalchemy import Connection, select
from sqlalchemy.dialects.postgresql import insert

from segmind.campaigns.campaign import Campaign, InvalidCampaign
from segmind.campaigns.tables import campaign as table
from segmind.campaigns.tables import campaign_variant
from segmind.campaigns.variant_test import CONTROL
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
    return _on_channel(draft, campaign, "content")


def variant_drafts(conn: Connection, campaign: Campaign) -> dict[str, Draft]:
    """What every variant of the campaign's test says, by name, the control first; {} without one.

    Raises:
        InvalidDraft, InvalidCampaign: see ``draft_of``; ``field`` names the variant.
    """
    if campaign.variant_test is None:
        return {}
    own = draft_of(conn, campaign)
    found = {} if own is None else {CONTROL: own}
    for n, (name, content) in enumerate(campaign.variant_test.contents.items()):
        field = f"variant_test.variants.{n}.content"
        if not content:
            raise InvalidCampaign(f"Variant {name} says nothing yet.", field=field)
        try:
            draft = _on_channel(parse_draft(content), campaign, field)
        except InvalidDraft as error:
            error.field = f"{field}.{error.field}" if error.field else field
            raise
        if draft in found.values():
            raise InvalidCampaign(
                f"Variant {name} says the same as another one.",
                hint="Change what the test is about, or take the variant out.",
                field=field,
            )
        found[name] = draft
    return found


def freeze_variants(conn: Connection, campaign: Campaign) -> None:
    """Make a version of what each variant of the test says, once; the control's is the campaign's.

    Raises:
        InvalidDraft, InvalidCampaign: see ``variant_drafts``.
    """
    for name, draft in variant_drafts(conn, campaign).items():
        version = (
            version_for(conn, campaign) if name == CONTROL else versions.save_version(conn, draft)
        )
        conn.execute(
            insert(campaign_variant)
            .values(campaign_id=campaign.id, name=name, template_version_id=version)
            .on_conflict_do_nothing()
        )


def frozen_versions(conn: Connection, campaign: Campaign) -> dict[str, int]:
    """The version of each variant of a launched campaign; one content only: under the name ''."""
    if campaign.variant_test is None:
        return {} if campaign.template_version_id is None else {"": campaign.template_version_id}
    rows = conn.execute(
        select(campaign_variant.c.name, campaign_variant.c.template_version_id).where(
            campaign_variant.c.campaign_id == campaign.id
        )
    )
    return {row.name: row.template_version_id for row in rows}


def _on_channel(draft: Draft, campaign: Campaign, field: str) -> Draft:
    if channel_of(draft) is not campaign.channel:
        raise InvalidCampaign(
            f"The content is for {_label(channel_of(draft))}, the campaign for"
            f" {_label(campaign.channel)}.",
            hint="Write it for the campaign's channel.",
            field=field,
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
