"""Which provider carries which channel. One line per vendor; what has no credentials goes to the
sandbox, so nothing is sent for real unless asked.

A vendor's SDK is loaded with its first credentials: all three are an eighth of the time that a
scheduler takes to start."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from segmind.channels.channel import Channel
from segmind.channels.fates import REHEARSAL_SPEED
from segmind.channels.provider import Provider
from segmind.channels.providers.sandbox import Ledger, Sandbox
from segmind.errors import InvalidInput, NotFound
from segmind.settings import Settings


class UnknownProvider(NotFound):
    """There is no provider {name}."""

    code = "unknown_provider"


class IncompleteCredentials(InvalidInput):
    """Some of the credentials are missing."""

    code = "incomplete_credentials"
    hint = "Give every value that is not marked as optional."


@dataclass(frozen=True, slots=True)
class Registry:
    """The provider of every channel."""

    by_channel: Mapping[Channel, Provider]

    def for_channel(self, channel: Channel) -> Provider:
        """The provider that carries ``channel``."""
        return self.by_channel[channel]

    def named(self, name: str) -> Provider:
        """The provider with this name; the sandbox answers for all of its channels.

        Raises:
            UnknownProvider: no channel is carried by it.
        """
        for provider in self.by_channel.values():
            if provider.name == name:
                return provider
        raise UnknownProvider(name=name)

    def is_real(self, channel: Channel) -> bool:
        """Whether messages on ``channel`` reach people."""
        return self.by_channel[channel].name != Sandbox.name


def build(
    settings: Settings,
    credentials: Mapping[str, Mapping[str, str]] | None = None,
    *,
    ledger: Ledger | None = None,
    speed: float = REHEARSAL_SPEED,
) -> Registry:
    """The providers for these settings.

    ``credentials`` are those kept in the workspace, by provider and then by field (``account_sid``,
    ``api_key``, ...: the names of the environment's variables without their prefix); where they
    say nothing, the environment does. ``ledger`` and ``speed`` are the sandbox's.

    Raises:
        BadServiceAccount, BadWebhookKey: credentials cannot be read.
    """
    chosen: dict[Channel, Provider] = {
        channel: Sandbox(channel, settings.secret_key, ledger=ledger, speed=speed)
        for channel in Channel
    }
    for name, make in _VENDORS.items():
        values = {**_of_environment(settings, name), **(credentials or {}).get(name, {})}
        provider = make(values, settings) if values else None
        if provider is not None:
            chosen[provider.channel] = provider
    return Registry(chosen)


def validate(name: str, values: Mapping[str, str], settings: Settings) -> None:
    """Refuse credentials that no provider can be made of, before they are stored.

    Raises:
        UnknownProvider: there is no such vendor.
        IncompleteCredentials: a needed value is missing.
        BadServiceAccount, BadWebhookKey: a value cannot be read.
    """
    if name not in _VENDORS:
        raise UnknownProvider(name=name)
    if _VENDORS[name](values, settings) is None:
        raise IncompleteCredentials


def _twilio(values: Mapping[str, str], settings: Settings) -> Provider | None:
    from segmind.channels.providers.twilio import Twilio, TwilioSettings

    found = TwilioSettings.of(values, settings.public_url)
    return None if found is None else Twilio(found, settings.secret_key)


def _sendgrid(values: Mapping[str, str], settings: Settings) -> Provider | None:  # noqa: ARG001
    from segmind.channels.providers.sendgrid import SendGrid, SendGridSettings

    found = SendGridSettings.of(values)
    return None if found is None else SendGrid(found)


def _fcm(values: Mapping[str, str], settings: Settings) -> Provider | None:  # noqa: ARG001
    from segmind.channels.providers.fcm import Fcm, FcmSettings

    found = FcmSettings.of(values)
    return None if found is None else Fcm(found)


_VENDORS: Final[dict[str, Callable[[Mapping[str, str], Settings], Provider | None]]] = {
    "twilio": _twilio,
    "sendgrid": _sendgrid,
    "fcm": _fcm,
}


def _of_environment(settings: Settings, name: str) -> dict[str, str]:
    prefix = f"SEGMIND_{name.upper()}_"
    return {
        key.removeprefix(prefix).lower(): value
        for key, value in settings.environ.items()
        if key.startswith(prefix) and value
    }
