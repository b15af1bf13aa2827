"""Asking the owner of an address: the double opt-in's message with its link."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection

from segmind.consent import double_opt_in
from segmind.consent.addresses import address_key
from segmind.consent.purpose import Purpose
from segmind.events.schema import Channel
from segmind.messages import send_one
from segmind.messages.send_one import SendRequest
from segmind.templates.template import EmailDraft, SmsDraft
from segmind.workspace import product_settings

#: It asks and sells nothing: a confirmation that advertises would need the consent it asks for.
EMAIL: Final = EmailDraft(
    subject="Please confirm: {{ shop.name }} may write to you",
    body=(
        "<p>Somebody, most likely you, asked {{ shop.name }} to write to this address.</p>"
        '<p><a href="{{ confirm_url }}">Confirm that it was you</a></p>'
        "<p>If it was not, do nothing: you will get no further e-mail.</p>"
    ),
)
SMS: Final = SmsDraft(
    body="{{ shop.name }}: confirm that we may text you: {{ confirm_url }} "
    "Not you? Do nothing. Reply STOP to opt out."
)


@dataclass(frozen=True, slots=True)
class Asked:
    """The link, until when it works, and the message that carries it (None: not sent by us)."""

    confirm_url: str
    expires_at: datetime
    message_id: str | None


def request(
    conn: Connection,
    secret_key: bytes,
    base_url: str,
    customer_id: int,
    channel: Channel | str,
    *,
    source: str,
    evidence: Mapping[str, Any] | None,
    actor: str,
    now: datetime,
    send: bool = True,
) -> Asked:
    """Keep the request and, with ``send``, put the message into the outbox.

    Raises:
        InvalidInput: the customer has no valid address on the channel.
    """
    key = address_key(secret_key)
    asked = double_opt_in.request(
        conn, key, secret_key, customer_id, channel,
        source=source, evidence=evidence, actor=actor, now=now,
    )  # fmt: skip
    public_url = product_settings.load(conn).public_url or base_url
    confirm_url = f"{public_url}/c/{asked.token}"
    if not send:
        return Asked(confirm_url, asked.expires_at, None)
    sent = send_one.send(
        conn,
        key,
        SendRequest(
            channel=asked.channel,
            customer_id=customer_id,
            draft=EMAIL if asked.channel is Channel.EMAIL else SMS,
            purpose=Purpose.TRANSACTIONAL,
            vars={"confirm_url": confirm_url},
        ),
        now,
    )
    return Asked(confirm_url, asked.expires_at, str(sent.public_id))
