"""HTTP/1.1 over kept connections on a bare asyncio protocol: one request, one answer.

An SMS or a push is a request, and aiohttp's client takes 340 to 430 microseconds of processor time
for one that takes 150 here. No redirect, cookie, retry, compression or endless wait; what is not
plainly HTTP is refused.
"""

from __future__ import annotations

import asyncio
import functools
import ssl
from collections import defaultdict
from collections.abc import Mapping
from typing import Final

import yarl

from segmind.channels.providers.answer import Answer, NoAnswer, Reading

#: A connection that nobody used for so long (seconds) is not trusted any more.
KEPT_SECONDS: Final = 15.0


class NotReached(OSError):
    """There was no connection: not one byte of the request left."""


class Broken(OSError):
    """The connection broke, or what came over it is no answer."""


class Wire(asyncio.Protocol):
    """One connection; one request at a time."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._reading = Reading()
        self._waiter: asyncio.Future[Answer] | None = None
        self._watch: asyncio.TimerHandle | None = None
        self._patience = 0.0
        self.used_at = self._loop.time()  # the last byte came, by the loop's clock

    @property
    def is_usable(self) -> bool:
        """Whether another request can go over it."""
        transport = self._transport
        return transport is not None and not transport.is_closing() and self._waiter is None

    async def ask(self, request: bytes, seconds: float) -> Answer:
        """Send the request and wait for the whole answer: ``seconds`` for it to begin and to go
        on, and at most two more for all of it. Whatever ends otherwise closes the connection.

        Raises:
            NotReached: the connection was gone before; Broken, TimeoutError.
        """
        if self._transport is None:
            raise NotReached("The connection was closed before the request.")
        waiter: asyncio.Future[Answer] = self._loop.create_future()
        self._waiter = waiter
        self._reading = Reading()
        self.used_at = now = self._loop.time()
        self._patience = seconds
        self._watch = self._loop.call_later(seconds, self._look, now + seconds + min(2.0, seconds))
        try:
            self._transport.write(request)
            answer = await waiter
        except BaseException:
            self.close()
            raise
        finally:
            if self._watch is not None:
                self._watch.cancel()
            self._waiter = None
        if not answer.keeps or self._transport is None or self._transport.get_write_buffer_size():
            self.close()
        return answer

    def close(self) -> None:
        """Let nothing more go over it."""
        if self._transport is not None:
            self._transport.abort()
            self._transport = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self.used_at = self._loop.time()
        waiter = self._waiter
        if waiter is None or waiter.done():
            self.close()  # nobody asked for this
            return
        try:
            answer = self._reading.feed(data)
        except NoAnswer as error:
            waiter.set_exception(Broken(str(error)))
        else:
            if answer is not None:
                waiter.set_result(answer)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        waiter = self._waiter
        if waiter is None or waiter.done():
            return
        answer = self._reading.at_end() if exc is None else None
        if answer is None:
            waiter.set_exception(Broken("The connection broke before the whole answer."))
        else:
            waiter.set_result(answer)

    def _look(self, until: float) -> None:
        """Give up if nothing came for too long; while the request is still leaving, that is no
        fault of the vendor's."""
        waiter, transport = self._waiter, self._transport
        if waiter is None or waiter.done() or transport is None:
            return
        due = until
        if not transport.get_write_buffer_size():
            due = min(until, self.used_at + self._patience)
        if due <= self._loop.time():
            waiter.set_exception(TimeoutError("The answer did not come in time."))
        else:
            self._watch = self._loop.call_at(due, self._look, until)


class Wires:
    """The kept connections of one event loop."""

    def __init__(self) -> None:
        self._kept: defaultdict[tuple[str, str, int], list[Wire]] = defaultdict(list)

    async def request(
        self,
        method: str,
        url: yarl.URL,
        headers: Mapping[str, str],
        body: bytes | None,
        *,
        connect: float,
        seconds: float,
    ) -> Answer:
        """One request, once; ``connect``: seconds to connect; ``seconds`` as in ``Wire.ask``.

        Raises:
            NotReached, Broken, TimeoutError; ValueError: a header holds a line break.
        """
        request = _written(method, url, headers, body)
        place = (url.scheme, url.raw_host or "", url.port or 0)
        wire = self._usable(place) or await _connected(place, connect)
        answer = await wire.ask(request, seconds)
        if wire.is_usable:
            self._kept[place].append(wire)
        return answer

    def _usable(self, place: tuple[str, str, int]) -> Wire | None:
        """The connection that was used last; those that waited for too long are closed."""
        kept = self._kept[place]
        oldest = asyncio.get_running_loop().time() - KEPT_SECONDS
        while kept and kept[0].used_at < oldest:
            kept.pop(0).close()
        while kept:
            wire = kept.pop()
            if wire.is_usable:
                return wire
        return None


async def _connected(place: tuple[str, str, int], seconds: float) -> Wire:
    scheme, host, port = place
    try:
        async with asyncio.timeout(seconds):
            _, wire = await asyncio.get_running_loop().create_connection(
                Wire,
                host,
                port,
                ssl=_tls() if scheme == "https" else None,
                happy_eyeballs_delay=0.25,
            )
    except (OSError, TimeoutError, UnicodeError) as error:
        raise NotReached(f"No connection ({type(error).__name__}).") from error
    return wire


@functools.cache
def _tls() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


def _written(method: str, url: yarl.URL, headers: Mapping[str, str], body: bytes | None) -> bytes:
    target = url.raw_path_qs
    if not target.isascii() or not target.isprintable() or " " in target:
        raise ValueError("The path holds what has no place in one.")
    lines = [f"{method} {target} HTTP/1.1", f"Host: {url.host_port_subcomponent}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    lines.append("Accept-Encoding: identity")
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    head = "\r\n".join([*lines, "", ""])
    if head.count("\r") != head.count("\n") or head.count("\n") != len(lines) + 1:
        raise ValueError("A header holds a line break.")
    return head.encode() + (body or b"")
