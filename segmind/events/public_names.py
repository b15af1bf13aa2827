"""Names of events as outsiders write them: Segment's spelling becomes ours, ours stay ours."""

from __future__ import annotations

from typing import Final

from segmind.errors import InvalidInput
from segmind.events.names import LONGEST_NAME, STANDARD
from segmind.events.schema import DERIVED

#: Made by Segmind itself: nobody else may send them.
OWN_PREFIXES: Final = ("message_", "segment_")
_DERIVED: Final = frozenset(kind.event_name for kind in DERIVED)


class ReservedName(InvalidInput):
    """Only Segmind itself makes events called message_..., segment_..., session or order."""

    code = "reserved_event_name"


class BadName(InvalidInput):
    """The event's name is empty, longer than 200 characters, or holds a NUL character."""

    code = "invalid_event_name"


def canonical(written: str) -> str:
    """Our name for an event: "Order Completed" is order_completed; custom names stay as written.

    Raises:
        BadName: it cannot be a name.
        ReservedName: it is one of Segmind's own.
    """
    name = written.strip()
    if not name or len(name) > LONGEST_NAME or "\x00" in name:
        raise BadName(field="event")
    plain = name.lower().replace(" ", "_")
    if plain.startswith(OWN_PREFIXES) or plain in _DERIVED:
        raise ReservedName(field="event")
    return plain if plain in STANDARD else name
