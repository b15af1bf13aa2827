"""Sending a campaign to oneself first: marked, to one address, counted nowhere."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from segmind.campaigns import campaign as campaigns
from segmind.campaigns.campaign import InvalidCampaign
from segmind.campaigns.content import draft_of, variant_drafts
from segmind.campaigns.variant_test import CONTROL
from segmind.consent.addresses import address_key
from segmind.consent.purpose import Purpose
from segmind.db.engine import Store
from segmind.messages import send_one
from segmind.messages.outbox import MessageRef
from segmind.messages.send_one import SendRequest
from segmind.templates.template import Draft, EmailDraft, PushDraft
from segmind.workspace import audit

MARK = "[TEST] "


def marked(draft: Draft) -> Draft:
    """The draft as a test: its subject, title or text begins with MARK."""
    field = {EmailDraft: "subject", PushDraft: "title"}.get(type(draft), "body")
    return draft.model_copy(update={field: MARK + getattr(draft, field)})


def send_test(
    store: Store,
    conn: Connection,
    campaign_id: int,
    address: str,
    now: datetime,
    actor: str,
    *,
    values: Mapping[str, Any] | None = None,
    variant: str = CONTROL,
) -> MessageRef:
    """Put one test message for ``address`` into the outbox, whatever the campaign's status.

    ``values``: what the template is filled with, such as a real customer's fields; the message
    belongs to no customer and enters no figure of the campaign. ``variant``: of its test.

    Raises:
        UnknownCampaign; InvalidCampaign, InvalidDraft: nothing is written, or no draft;
        BadAddress: it is no address of the campaign's channel.
    """
    campaign = campaigns.get(conn, campaign_id)
    draft = draft_of(conn, campaign)
    if variant != CONTROL:
        draft = variant_drafts(conn, campaign).get(variant)
    if draft is None:
        raise InvalidCampaign("Nothing is written yet.", field="content")
    sent = send_one.send(
        conn,
        address_key(store.settings.secret_key),
        SendRequest(
            channel=campaign.channel.value,
            address=address,
            draft=marked(draft),
            purpose=Purpose.TEST,
            vars=dict(values or {}),
        ),
        now,
    )
    audit.record(conn, actor, "campaign.test", f"campaign {campaign_id}")
    return sent
