"""One event loop with pooled connections for all requests to vendors of this process.

Its thread starts with the first request. An SDK over threads and ``requests`` spends most of its
time in locks; here what waits is a coroutine. ``scripts/bench/providers.py`` measures both.
"""

from __future__ import annotations

import asyncio
import functools
import os
import threading
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
import yarl

#: Seconds to connect and to wait for an answer.
CONNECT_SECONDS: float = 3.05
READ_SECONDS: float = 10.0
LARGEST_ANSWER: Final = 4 * 1024 * 1024
#: However a vendor behaves, nobody waits longer than this for one piece of work.
_LONGEST_WORK: Final = 120.0

T = TypeVar("T")


class AnswerTooLarge(aiohttp.ClientError):
    """The answer is larger than 4 MB."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a vendor answered. ``headers`` are found by any case."""

    status: int
    body: bytes
    headers: Mapping[str, str]

    @property
    def text(self) -> str:
        """The body as text; what is no UTF-8 is replaced."""
        return self.body.decode("utf-8", "replace")


class Network:
    """The loop, its thread and its connections. No redirect, cookie, retry or endless wait."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="vendors", daemon=True)
        self._thread.start()
        self._session: aiohttp.ClientSession | None = None

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do ``work`` on the loop and wait for it; from any other thread.

        Raises:
            TimeoutError: it took two minutes.
        """
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_LONGEST_WORK)

    def call(self, method: str, url: str, **given: Any) -> Answer:
        """``request`` for threads."""
        return self.run(self.request(method, url, **given))

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None = None,
        seconds: float | None = None,
    ) -> Answer:
        """One request, once. ``url`` is taken as it is encoded; ``seconds`` (default 10) bound the
        wait for the answer to begin and to go on, and two more the whole of it.

        Raises:
            aiohttp.ClientError, TimeoutError, OSError: there was no whole answer.
        """
        wait = READ_SECONDS if seconds is None else seconds
        async with self._opened().request(
            method,
            _parsed(url),
            data=body,
            headers=headers,
            allow_redirects=False,
            proxy=_proxy(url),
            timeout=_timeout(wait),
        ) as answer:
            return Answer(answer.status, await _read(answer), answer.headers)

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            # No limit here: who waits for a connection could not be told from who waits for an
            # answer. ``transport.Window`` bounds what is under way.
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=15.0, ttl_dns_cache=60),
                cookie_jar=aiohttp.DummyCookieJar(),
                skip_auto_headers=["Accept-Encoding"],  # nothing to unpack, no bomb to unpack
            )
        return self._session


async def _read(answer: aiohttp.ClientResponse) -> bytes:
    if answer.content_length is not None and answer.content_length <= LARGEST_ANSWER:
        return await answer.read()
    parts: list[bytes] = []
    size = 0
    async for part in answer.content.iter_any():
        parts.append(part)
        size += len(part)
        if size > LARGEST_ANSWER:
            raise AnswerTooLarge
    return b"".join(parts)


@functools.lru_cache(maxsize=16)
def _timeout(seconds: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(
        total=CONNECT_SECONDS + seconds + min(2.0, seconds),
        sock_connect=CONNECT_SECONDS,
        sock_read=seconds,
    )


@functools.lru_cache(maxsize=256)
def _parsed(url: str) -> yarl.URL:
    try:
        return yarl.URL(url, encoded=True)
    except ValueError as error:
        raise aiohttp.InvalidURL(url) from error


def _proxy(url: str) -> str | None:
    """The environment's proxy for this URL."""
    proxies = _proxies()
    if not proxies:
        return None
    parts = urlsplit(url)
    return None if proxy_bypass(parts.netloc) else proxies.get(parts.scheme)


@functools.cache
def _proxies() -> dict[str, str]:
    return getproxies()


class _Shared:
    """The process's network, made when it is first needed."""

    lock: threading.Lock
    network: Network | None

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Begin anew: a forked process has the memory of the loop but not its thread."""
        self.lock = threading.Lock()
        self.network = None


_shared: Final = _Shared()
os.register_at_fork(after_in_child=_shared.forget)


def network() -> Network:
    """The process's network."""
    with _shared.lock:
        if _shared.network is None:
            _shared.network = Network()
        return _shared.network
