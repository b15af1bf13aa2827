"""Which provider carries which channel. One line per vendor; what has no credentials goes to the
sandbox, so nothing is sent for real unless asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from segmind.channels.channel import Channel
from segmind.channels.provider import Provider
from segmind.channels.providers.sandbox import REHEARSAL_SPEED, Ledger, Sandbox
from segmind.errors import NotFound
from segmind.settings import Settings


class UnknownProvider(NotFound):
    """There is no provider {name}."""

    code = "unknown_provider"


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

    ``credentials`` are those kept in the workspace, by provider; the environment fills what they
    lack. ``ledger`` and ``speed`` are the sandbox's.
    """
    del credentials
    sandboxes: dict[Channel, Provider] = {
        channel: Sandbox(channel, settings.secret_key, ledger=ledger, speed=speed)
        for channel in Channel
    }
    return Registry(sandboxes)
