"""The names of what the log knows by numbers: channels, campaigns, automations, segments."""

from __future__ import annotations

from segmind.channels.channel import Channel
from segmind.events.schema import Source
from segmind.ui.data import automations, campaigns, segments


def channel_name(code: int | None) -> str:
    """``E-mail``."""
    return "" if code is None else Channel.of_code(code).label


def source_name(kind: int | None, number: int | None) -> str:
    """What caused a message, by its name."""
    if kind is None or number is None:
        return "Unknown"
    source = Source(kind)
    if source is Source.SINGLE:
        return "Single messages"
    names = {
        Source.CAMPAIGN: campaigns.names,
        Source.AUTOMATION: automations.names,
        Source.SEGMENT: segments.names,
    }[source]()
    return names.get(number, f"{source.name.capitalize()} {number}")
