"""The call itself: one POST to a checked address, bounded in time and size, following nothing.

Names are resolved here, every resolved address is judged, and the socket is made only to an address
that was: a name that changes between question and call gains nothing. No proxy of the environment
is used, no redirect followed, no compressed answer unpacked.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from typing import Any, Final

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from segmind import __version__
from segmind.callbacks.address import RefusedAddress, Rules, check, host_of, refused_because

#: A call may take this long from the question for the name to the answer's last byte.
SECONDS: Final = 5.0
#: Of an answer at most this much is read, and this many letters of it are kept.
MOST_BYTES: Final = 1_000_000
KEPT_LETTERS: Final = 300
#: Which addresses a name has, as texts.
Lookup = Callable[[str, int], Awaitable[list[str]]]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call brought.

    ``status``: null when no answer came. ``problem``: a sentence; empty when it was taken (2xx).
    ``refused``: the address may not be called. ``over``: the receiver wants no more (410).
    ``wait``: seconds that its Retry-After asks for.
    """

    status: int | None = None
    said: str = ""
    problem: str = ""
    refused: bool = False
    over: bool = False
    wait: float | None = None
    milliseconds: int = 0

    @property
    def taken(self) -> bool:
        return not self.problem


class _NotPublic(OSError):
    """The resolved address may not be called."""


async def system_lookup(host: str, port: int) -> list[str]:
    """The addresses that the system's resolver gives."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))


class Client:
    """Calls addresses; use it as an async context. ``lookup`` is for tests of the resolver."""

    def __init__(
        self, rules: Rules, *, lookup: Lookup = system_lookup, seconds: float = SECONDS
    ) -> None:
        self._rules = rules
        self._lookup = lookup
        self._seconds = seconds
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Client:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                resolver=_Judging(self._rules, self._lookup),
                socket_factory=self._socket,
                use_dns_cache=False,
                force_close=True,
                limit=0,
            ),
            timeout=aiohttp.ClientTimeout(total=self._seconds),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
            max_line_size=8_190,
            max_field_size=8_190,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._session is not None
        await self._session.close()

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Post ``body`` (JSON) once. Whatever goes wrong is in the answer; nothing is raised."""
        began = time.monotonic()
        answer = await self._post(url, body, headers)
        spent = round((time.monotonic() - began) * 1_000)
        return Answer(
            answer.status,
            answer.said,
            answer.problem,
            answer.refused,
            answer.over,
            answer.wait,
            spent,
        )

    async def _post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        assert self._session is not None
        try:
            checked = check(url, self._rules)
        except RefusedAddress as refused:
            return Answer(problem=refused.message, refused=True)
        target = URL(checked, encoded=True)
        if (target.host or "") != host_of(checked):
            return Answer(problem="This is no address.", refused=True)
        sent = {
            **headers,
            "content-type": "application/json",
            "user-agent": f"Segmind/{__version__} (webhooks)",
            "accept-encoding": "identity",
        }
        try:
            async with self._session.post(
                target, data=body, headers=sent, allow_redirects=False
            ) as reply:
                said = await reply.content.read(MOST_BYTES)
                return _judged(reply.status, said, reply.headers)
        except TimeoutError:
            return Answer(problem=f"No complete answer within {self._seconds:g} seconds.")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return _failed(error)

    def _socket(self, info: Any) -> socket.socket:
        family, kind, protocol, _, where = info
        if why := refused_because(ip_address(where[0]), self._rules):
            raise _NotPublic(why)
        return socket.socket(family=family, type=kind, proto=protocol)


class _Judging(AbstractResolver):
    """Resolves a name; one address that may not be called spoils them all."""

    def __init__(self, rules: Rules, lookup: Lookup) -> None:
        self._rules = rules
        self._lookup = lookup

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_INET,  # noqa: ARG002 - both families are asked
    ) -> list[ResolveResult]:
        found = [ip_address(text) for text in await self._lookup(host, port)]
        if not found:
            raise OSError("The name has no address.")
        for address in found:
            if why := refused_because(address, self._rules):
                raise _NotPublic(why)
        return [
            ResolveResult(
                hostname=host,
                host=str(address),
                port=port,
                family=socket.AF_INET if address.version == 4 else socket.AF_INET6,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in found
        ]

    async def close(self) -> None:
        """Nothing is kept open."""


def _judged(status: int, said: bytes, headers: Mapping[str, str]) -> Answer:
    text = " ".join(said[: KEPT_LETTERS * 4].decode("utf-8", "replace").split())[:KEPT_LETTERS]
    text = "".join(letter if letter.isprintable() else "�" for letter in text)
    if 200 <= status < 300:
        return Answer(status, text)
    if 300 <= status < 400:
        return Answer(status, text, problem=f"It answered {status}: redirects are not followed.")
    return Answer(
        status,
        text,
        problem=f"It answered {status}.",
        over=status == 410,
        wait=_retry_after(headers.get("Retry-After", "")),
    )


def _failed(error: BaseException) -> Answer:
    """What went wrong in a sentence, never with the address in it (its query may be a secret)."""
    below: BaseException | None = error
    while below is not None:
        if isinstance(below, _NotPublic):
            return Answer(problem=str(below), refused=True)
        below = below.__cause__ or below.__context__
    match error:
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientSSLError():
            return Answer(problem="Its certificate or its TLS is not valid.")
        case aiohttp.ClientConnectorDNSError():
            return Answer(problem="The name has no address.")
        case aiohttp.ClientConnectorError():
            return Answer(problem="No connection could be made.")
        case aiohttp.ServerDisconnectedError() | ConnectionError():
            return Answer(problem="The connection was closed before an answer.")
        case aiohttp.ClientPayloadError():
            return Answer(problem="The answer broke off.")
        case _:
            return Answer(problem="The answer was not HTTP.")


def _retry_after(value: str) -> float | None:
    try:
        seconds = float(value)
    except ValueError:
        try:
            at: datetime = parsedate_to_datetime(value)
            seconds = at.timestamp() - time.time()
        except (ValueError, TypeError, OverflowError):
            return None
    return max(seconds, 0.0) if seconds == seconds else None  # "nan" is a number to Python
