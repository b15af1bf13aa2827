"""What an emulated vendor must be able to do: read its own requests, and word its own errors."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from segmind.channels.channel import Channel
from segmind.channels.emulator.acceptances import Taken
from segmind.channels.emulator.wire import Reply, Request


@dataclass(slots=True)
class Taking:
    """A request that may be accepted: its messages, and the answer if it is."""

    reply: Reply
    messages: list[Taken] = field(default_factory=list)


class Vendor(Protocol):
    """The vendor of one channel."""

    @property
    def channel(self) -> Channel: ...

    def read(self, request: Request, number: int, now: float) -> Taking | Reply:
        """The messages of request ``number``, or the answer to one that hands over none (a
        look-up, a check, a refusal)."""

    def took(self, taken: list[Taken], now: float) -> None:
        """The messages were accepted: the vendor remembers what its look-up needs."""

    def error(self, status: int) -> bytes:
        """The body of an answer with this status (429 or 5xx)."""
