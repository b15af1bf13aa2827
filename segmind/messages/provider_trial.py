"""Trying a provider out: whether it takes our credentials, and one test message to one address."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from html import escape
from typing import Final

from segmind.channels.channel import Channel
from segmind.channels.content import Content, EmailContent, PushContent, SmsContent
from segmind.channels.outcome import Accepted, InDoubt, Outcome, Rejected, Retry
from segmind.channels.provider import Check, Parcel, Provider, Sender
from segmind.consent import suppressions
from segmind.consent.addresses import address_hash, address_key, is_valid, masked, normalise
from segmind.db.engine import Store
from segmind.errors import Conflict
from segmind.messages.carriers import open_registry
from segmind.messages.send_one import BadAddress
from segmind.workspace import audit, product_settings
from segmind.workspace.product_settings import ProductSettings

_TEXT: Final = "This is a test message from {shop}, sent by Segmind."


class SuppressedAddress(Conflict):
    """This address must not be used: {reason}."""

    code = "suppressed_address"
    hint = "Use an address of your own for tests."


def check(store: Store, channel: Channel) -> Check:
    """Ask the provider of ``channel`` whether it takes our credentials; sends nothing."""
    return open_registry(store).for_channel(channel).check()


@dataclass(frozen=True, slots=True)
class Trial:
    """What became of a test message, as a sentence; ``ok``: the provider accepted it."""

    ok: bool
    sentence: str


def send_test(store: Store, channel: Channel, address: str, *, actor: str) -> Trial:
    """Send one test message at once, past the outbox.

    Raises:
        BadAddress: it is no address of the channel (a phone number needs its country).
        SuppressedAddress: somebody said no, or it bounced.
    """
    whom = normalise(channel.value, address)
    if whom is None or not is_valid(channel.value, whom):
        raise BadAddress(field="address")
    with store.engine.connect() as conn:
        settings = product_settings.load(conn)
        hashed = address_hash(address_key(store.settings.secret_key), channel.value, whom)
        said_no = suppressions.among(conn, channel.value, [hashed])
    if hashed in said_no:
        raise SuppressedAddress(reason=said_no[hashed].reason.label)
    provider = open_registry(store).for_channel(channel)
    parcel = Parcel(
        uuid.uuid4(), whom, _content(channel, settings.shop_name), _sender(channel, settings)
    )
    (outcome,) = provider.send([parcel])
    with store.engine.begin() as conn:
        shown = {"to": masked(channel.value, whom), "outcome": type(outcome).__name__.lower()}
        audit.record(conn, actor, "provider.test", provider.name, shown)
    return Trial(isinstance(outcome, Accepted), in_words(provider, outcome))


def in_words(provider: Provider, outcome: Outcome) -> str:
    """What a provider made of a message, as a sentence."""
    name = provider.name
    match outcome:
        case Accepted(provider_id):
            return f"{name} accepted the test message ({provider_id})."
        case Retry(detail=detail):
            return f"{name} did not take it now: {detail}"
        case InDoubt(detail=detail):
            return f"Nobody knows whether {name} took it: {detail}"
        case Rejected(code=code, detail=detail):
            return f"{name} refused it ({code}): {detail}"


def _content(channel: Channel, shop: str) -> Content:
    text = _TEXT.format(shop=shop or "your shop")
    match channel:
        case Channel.EMAIL:
            return EmailContent("Test message", "", f"<p>{escape(text)}</p>", text)
        case Channel.SMS:
            return SmsContent(text)
        case Channel.PUSH:
            return PushContent("Test message", text)


def _sender(channel: Channel, settings: ProductSettings) -> Sender | None:
    if channel is Channel.EMAIL and settings.email_from:
        return Sender(settings.email_from, settings.email_from_name)
    if channel is Channel.SMS and settings.sms_sender:
        return Sender(settings.sms_sender)
    return None
