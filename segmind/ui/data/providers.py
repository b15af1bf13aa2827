"""Providers and their credentials: what is stored (never the values), checks and test messages."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from segmind import clock
from segmind.channels import registry
from segmind.channels.channel import Channel
from segmind.channels.provider import Check
from segmind.channels.webhook import WEBHOOK_PATH
from segmind.messages import provider_trial
from segmind.messages.carriers import open_registry
from segmind.messages.provider_trial import Trial
from segmind.ui.access import allow
from segmind.ui.data.workspace import settings
from segmind.ui.store import store
from segmind.workspace import credentials
from segmind.workspace.permissions import Action


def stored_credentials() -> dict[str, datetime]:
    """Which providers have credentials, and since when; never the values."""
    with store().engine.connect() as conn:
        return credentials.stored(conn)


def real_channels() -> frozenset[str]:
    """Channels whose messages reach people: credentials are stored or in the environment."""
    found = open_registry(store())
    return frozenset(channel.value for channel in Channel if found.is_real(channel))


def webhook_url(provider: str) -> str:
    """Where the provider should report to."""
    base = settings().public_url or store().settings.public_url
    return base.rstrip("/") + WEBHOOK_PATH.format(provider=provider)


def save_credentials(provider: str, values: Mapping[str, str]) -> None:
    """Store a provider's credentials; values left empty stay as they are.

    Raises IncompleteCredentials, BadServiceAccount, BadWebhookKey: nothing is stored then.
    """
    who = allow(Action.MANAGE_CREDENTIALS)
    opened = store()
    key = opened.settings.secret_key
    given = {name: value.strip() for name, value in values.items() if value.strip()}
    with opened.engine.begin() as conn:
        try:
            kept = credentials.load(conn, key, provider) or {}
        except credentials.CredentialUnreadable:
            kept = {}
        whole = {**kept, **given}
        registry.validate(provider, whole, opened.settings)
        credentials.save(conn, key, provider, whole, actor=who.email, now=clock.wall())


def remove_credentials(provider: str) -> None:
    """Forget a provider's credentials."""
    who = allow(Action.MANAGE_CREDENTIALS)
    with store().engine.begin() as conn:
        credentials.remove(conn, provider, actor=who.email)


def check(channel: str) -> Check:
    """Ask the channel's provider whether it takes our credentials."""
    allow(Action.MANAGE_CREDENTIALS)
    return provider_trial.check(store(), Channel(channel))


def send_test(channel: str, address: str) -> Trial:
    """Send one test message now. Raises BadAddress, SuppressedAddress."""
    who = allow(Action.SEND_MESSAGES)
    return provider_trial.send_test(store(), Channel(channel), address, actor=who.email)
