"""What every request passes first: an id, a bearable body, decompression."""

from __future__ import annotations

import asyncio
import re
import secrets
import zlib
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from segmind.api import problems

#: Larger bodies are refused, compressed or not.
LARGEST_BODY: Final = 5 * 1024 * 1024
#: How much of a refused body is still read, so that its sender gets to see the answer.
_DRAIN_BYTES, _DRAIN_SECONDS = 128 * 1024 * 1024, 5.0
_REQUEST_ID: Final = re.compile(r"^[A-Za-z0-9._-]{8,64}$")


class TooLarge(Exception):
    """The body is larger than the limit; ``unread``: there may be more of it to come."""

    def __init__(self, *, unread: bool) -> None:
        self.unread = unread
        super().__init__()


class Intake:
    """ASGI middleware: names the request, reads its body up to the limit, then passes it on."""

    def __init__(self, app: ASGIApp, largest_body: int = LARGEST_BODY) -> None:
        self._app = app
        self._largest = largest_body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        request_id = _request_id(headers)
        scope.setdefault("state", {})["request_id"] = request_id

        async def named(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["X-Request-Id"] = request_id
            await send(message)

        try:
            body = await self._read(headers, receive)
        except TooLarge as error:
            await self._refuse(scope, receive, named, drain=error.unread)
            return
        except zlib.error:
            answer = problems.response(
                scope, 400, "invalid_encoding", "The body is not valid gzip, or it is cut short."
            )
            await answer(scope, receive, named)
            return
        except ConnectionError:
            return  # the sender is gone
        await self._app(scope, _replayed(body, receive), named)

    async def _read(self, headers: Headers, receive: Receive) -> bytes:
        length = headers.get("content-length", "")
        if length.isascii() and length.isdigit() and int(length[:20]) > self._largest:
            raise TooLarge(unread=True)
        body = bytearray()
        async for chunk, is_last in _chunks(receive):
            body += chunk
            if len(body) > self._largest:
                raise TooLarge(unread=not is_last)
        if headers.get("content-encoding", "").strip().lower() == "gzip" and body:
            return self._unzipped(bytes(body))
        return bytes(body)

    def _unzipped(self, body: bytes) -> bytes:
        inflater = zlib.decompressobj(wbits=31)
        plain = inflater.decompress(body, self._largest + 1)
        if len(plain) > self._largest:
            raise TooLarge(unread=False)
        if not inflater.eof:
            raise zlib.error("cut short")
        return plain

    async def _refuse(self, scope: Scope, receive: Receive, send: Send, *, drain: bool) -> None:
        """Answer at once, then read on for a while: a sender still writing would get a reset."""
        answer = problems.response(
            scope,
            413,
            "body_too_large",
            f"The body is larger than {self._largest / 1024 / 1024:g} MB.",
            hint="Send it in several requests, or import files with scripts/import_events.py.",
            headers={"Connection": "close"},
        )
        await send({"type": "http.response.start", "status": 413, "headers": answer.raw_headers})
        await send({"type": "http.response.body", "body": answer.body, "more_body": True})
        if drain:
            await _drain(receive)
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _drain(receive: Receive) -> None:
    seen = 0
    with suppress(TimeoutError, ConnectionError):
        async with asyncio.timeout(_DRAIN_SECONDS):
            async for chunk, _ in _chunks(receive):
                seen += len(chunk)
                if seen > _DRAIN_BYTES:
                    return


async def _chunks(receive: Receive) -> AsyncIterator[tuple[bytes, bool]]:
    """The body's pieces, each with whether it is the last."""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ConnectionError
        is_last = not message.get("more_body", False)
        yield message.get("body", b""), is_last
        if is_last:
            return


def _replayed(body: bytes, receive: Receive) -> Receive:
    """A receive that gives the body once, then what the server says next (a disconnect)."""
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


def _request_id(headers: Headers) -> str:
    """The caller's own id for the request, if it is one; else a new one."""
    given = headers.get("x-request-id", "")
    return given if _REQUEST_ID.match(given) else secrets.token_hex(8)
