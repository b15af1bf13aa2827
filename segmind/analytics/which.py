"""Which messages a question is about."""

from __future__ import annotations

from dataclasses import dataclass

from segmind.events.schema import Channel, Source


@dataclass(frozen=True, slots=True)
class Which:
    """Messages of a channel, of a kind of source, of one source; None: all of them."""

    channel: Channel | None = None
    source: Source | None = None
    source_id: int | None = None
