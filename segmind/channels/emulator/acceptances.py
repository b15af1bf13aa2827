"""The log of what was accepted: the judge of what was really sent. Only ever appended to.

It is written before the answer leaves, so it outlives whatever happens to the client.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from segmind.channels.channel import Channel


class Taken(NamedTuple):
    """One message as its vendor understood it. ``message_id`` is ours, from what it was sent with;
    ``letter`` is whatever the vendor needs in order to report on it later."""

    message_id: str
    address: str
    provider_id: str
    collapse_id: str | None
    letter: object


@dataclass(frozen=True, slots=True)
class Acceptance:
    """One accepted message. ``request`` numbers the requests of all channels together; ``at`` is
    in seconds since 1970. Two pushes to one address with one ``collapse_id`` show as one."""

    request: int
    channel: Channel
    message_id: str
    address: str
    provider_id: str
    at: float
    collapse_id: str | None


class AcceptanceLog:
    """In memory, or in a file (JSON lines) that can be read while it grows."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._lines: list[bytes] = []
        self._file = -1
        self.count = 0
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def append(self, request: int, channel: Channel, taken: Sequence[Taken], at: float) -> None:
        """Write down what one request handed over."""
        name = str(channel)
        lines = "".join(
            json.dumps([request, name, t.message_id, t.address, t.provider_id, at, t.collapse_id])
            + "\n"
            for t in taken
        ).encode()
        if self._file >= 0:
            os.write(self._file, lines)
        else:
            self._lines.append(lines)
        self.count += len(taken)

    def raw(self) -> bytes:
        """All of it as JSON lines."""
        if self._path is not None:
            return self._path.read_bytes()
        return b"".join(list(self._lines))

    def read(self) -> list[Acceptance]:
        """All of it, in order."""
        return parsed(self.raw().splitlines())

    def close(self) -> None:
        """Close the file."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def parsed(lines: Iterable[bytes]) -> list[Acceptance]:
    """Acceptances from JSON lines."""
    return [
        Acceptance(n, Channel(channel), message_id, address, provider_id, at, collapse_id)
        for n, channel, message_id, address, provider_id, at, collapse_id in map(json.loads, lines)
    ]
