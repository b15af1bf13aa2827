"""HTTP/1.1 on a bare asyncio protocol.

A web framework takes 3 to 10 times as long per request as the vendors' own work here, and whoever
measures throughput against the emulator shares the machine's cores with it.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import Final

LARGEST_HEAD: Final = 64 * 1024
LARGEST_BODY: Final = 32 * 1024 * 1024
#: A connection that hangs or drips is given up after this many seconds, if the client stays.
LONGEST_HANG: Final = 120.0
_DRIP_SECONDS: Final = 0.2


class Ending(StrEnum):
    """How a reply ends."""

    WHOLE = "whole"
    RESET = "reset"  # the connection is reset before a byte of the reply
    HANG = "hang"  # nothing ever comes
    TORN = "torn"  # the body stops half-way and the connection closes
    DRIP = "drip"  # the body comes byte by byte, slower than anybody should wait


@dataclass(slots=True)
class Request:
    """One request. ``query`` is undecoded; ``head`` the raw header lines."""

    method: str
    path: str
    query: str
    head: bytes
    body: bytes

    def header(self, name: str) -> str:
        """The header's value; empty where it is missing."""
        lowered = self.head.lower()
        start = lowered.find(b"\r\n" + name.lower().encode() + b":")
        if start < 0:
            return ""
        start += len(name) + 3
        end = self.head.find(b"\r\n", start)
        return self.head[start : end if end >= 0 else None].strip().decode("latin-1")


@dataclass(slots=True)
class Reply:
    """What is answered after ``wait`` seconds. ``headers`` are whole lines, each with its CRLF."""

    status: int
    body: bytes = b""
    headers: str = "Content-Type: application/json\r\n"
    wait: float = 0.0
    ending: Ending = Ending.WHOLE


Answer = Callable[[Request], Reply]


class Wire(asyncio.Protocol):
    """One connection, kept alive; one request after the other."""

    def __init__(self, answer: Answer, open_wires: set[Wire]) -> None:
        self._answer = answer
        self._open = open_wires
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None
        self._busy = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._open.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the protocol's
        self._transport = None
        self._open.discard(self)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._busy:
            self._next()

    def abort(self) -> None:
        """Break the connection off."""
        if self._transport is not None:
            self._transport.abort()

    def _next(self) -> None:
        while self._transport is not None and not self._busy:
            request = self._whole()
            if request is None:
                return
            reply = self._answer(request)
            if reply.wait <= 0 and reply.ending is Ending.WHOLE:
                self._transport.write(_bytes(reply))
            else:
                self._busy = True
                loop = asyncio.get_running_loop()
                loop.call_later(max(0.0, reply.wait), self._end, reply)

    def _whole(self) -> Request | None:
        """The next request, once all of it is there."""
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(self._buffer) > LARGEST_HEAD:
                self._refuse(431)
            return None
        first = self._buffer.find(b"\r\n")
        words = self._buffer[:first].split(b" ")
        head = bytes(self._buffer[first : end + 2])
        length = _length(head)
        if len(words) != 3 or length is None or length > LARGEST_BODY:
            self._refuse(400 if length is None or len(words) != 3 else 413)
            return None
        total = end + 4 + length
        if len(self._buffer) < total:
            return None
        body = bytes(self._buffer[end + 4 : total])
        del self._buffer[:total]
        path, _, query = words[1].decode("latin-1").partition("?")
        return Request(words[0].decode("latin-1"), path, query, head, body)

    def _refuse(self, status: int) -> None:
        assert self._transport is not None
        self._transport.write(_bytes(Reply(status, b"{}")))
        self._transport.close()

    def _end(self, reply: Reply) -> None:
        transport = self._transport
        if transport is None:
            return
        match reply.ending:
            case Ending.WHOLE:
                transport.write(_bytes(reply))
                self._busy = False
                self._next()
            case Ending.RESET:
                _reset(transport)
            case Ending.HANG:
                asyncio.get_running_loop().call_later(LONGEST_HANG, self.abort)
            case Ending.TORN:
                whole = _bytes(reply, longer=100)
                transport.write(whole[: len(whole) - len(reply.body) // 2])
                transport.close()
            case Ending.DRIP:
                whole = _bytes(reply, longer=1_000)
                transport.write(whole[: len(whole) - len(reply.body)])
                self._drip(reply.body, 0)

    def _drip(self, body: bytes, place: int) -> None:
        if self._transport is None:
            return
        if place * _DRIP_SECONDS > LONGEST_HANG:
            self._transport.abort()
            return
        self._transport.write(body[place : place + 1] or b" ")
        loop = asyncio.get_running_loop()
        loop.call_later(_DRIP_SECONDS, self._drip, body, place + 1)


def _length(head: bytes) -> int | None:
    """The body's length; None where it is not told in digits."""
    lowered = head.lower()
    if b"\r\ntransfer-encoding:" in lowered:
        return None
    start = lowered.find(b"\r\ncontent-length:")
    if start < 0:
        return 0
    value = lowered[start + 17 : lowered.find(b"\r\n", start + 17)].strip()
    return int(value) if value.isdigit() and len(value) < 12 else None


def _bytes(reply: Reply, longer: int = 0) -> bytes:
    try:
        phrase = HTTPStatus(reply.status).phrase
    except ValueError:
        phrase = "-"
    head = (
        f"HTTP/1.1 {reply.status} {phrase}\r\n{reply.headers}"
        f"Content-Length: {len(reply.body) + longer}\r\n\r\n"
    )
    return head.encode("latin-1") + reply.body


def _reset(transport: asyncio.Transport) -> None:
    """Close with a RST instead of a FIN."""
    sock = transport.get_extra_info("socket")
    if sock is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
