"""Segmind as vendors see it: a server that keeps what it is called with."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from segmind.channels.emulator.wire import Reply, Request, Wire


class Product:
    """The running server; ``answer`` decides, every request is kept."""

    def __init__(self, answer: Callable[[Request], Reply]) -> None:
        self.requests: list[Request] = []
        self._answer = answer
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(10)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def _start(self) -> asyncio.Server:
        wires: set[Wire] = set()
        return await self._loop.create_server(lambda: Wire(self._take, wires), "127.0.0.1", 0)

    def _take(self, request: Request) -> Reply:
        self.requests.append(request)
        return self._answer(request)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._server.close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)


@contextmanager
def product(answer: Callable[[Request], Reply]) -> Iterator[Product]:
    """A running product."""
    running = Product(answer)
    try:
        yield running
    finally:
        running.close()
