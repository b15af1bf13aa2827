"""Connections are kept while they are sound; one that breaks says whether anything left."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import yarl

from segmind.channels.providers.answer import Answer
from segmind.channels.providers.wire import Broken, NotReached, Wires

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
Conduct = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Server:
    """Does with each connection what it is told; ``requests`` are heads as they came."""

    def __init__(self, conduct: Conduct) -> None:
        self._conduct = conduct
        self.connections = 0

    async def __aenter__(self) -> Server:
        self._server = await asyncio.start_server(self._met, "127.0.0.1", 0)
        host, port = self._server.sockets[0].getsockname()
        self.url = yarl.URL(f"http://{host}:{port}/v1/send?a=%20b", encoded=True)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _met(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            await self._conduct(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


def answering(*answers: bytes, ends: bool = False) -> Conduct:
    """Each request of a connection gets the next answer; ``ends``: then the connection is closed,
    else it stays."""

    async def conduct(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in answers:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            await writer.drain()
        if not ends:
            await reader.read()

    return conduct


async def ask(wires: Wires, url: yarl.URL, **given: Any) -> Answer:
    headers = given.pop("headers", {"Authorization": "Bearer x"})
    return await wires.request(
        "POST",
        url,
        headers,
        given.pop("body", None),
        connect=1.0,
        seconds=given.pop("seconds", 1.0),
    )


def connections(conduct: Conduct, requests: int) -> int:
    """How many connections so many requests in a row take."""

    async def run() -> int:
        async with Server(conduct) as server:
            wires = Wires()
            for _ in range(requests):
                assert (await ask(wires, server.url)).body == b"ok"
                await asyncio.sleep(0.02)
            return server.connections

    return asyncio.run(run())


def test_a_sound_connection_is_kept_for_the_next_request() -> None:
    assert connections(answering(OK, OK, OK), 3) == 1


@pytest.mark.parametrize(
    "conduct",
    [
        answering(OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")),
        answering(OK.replace(b"1.1", b"1.0")),
        answering(OK + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"),
        answering(OK, ends=True),
    ],
)
def test_one_that_is_not_is_never_used_again(conduct: Conduct) -> None:
    assert connections(conduct, 2) == 2


def test_requests_side_by_side_have_a_connection_each() -> None:
    async def run() -> int:
        async with Server(answering(OK, OK)) as server:
            wires = Wires()
            for _ in range(2):
                await asyncio.gather(*(ask(wires, server.url) for _ in range(5)))
            return server.connections

    assert asyncio.run(run()) == 5


def test_a_request_is_written_as_http_says() -> None:
    seen: list[bytes] = []

    async def conduct(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"\r\n\r\n"))
        seen.append(await reader.readexactly(5))
        writer.write(OK)
        await writer.drain()

    async def run() -> None:
        async with Server(conduct) as server:
            await ask(Wires(), server.url, body=b"a=b&c")

    asyncio.run(run())
    head, body = seen
    first, host, *others = head.decode().split("\r\n")
    assert first == "POST /v1/send?a=%20b HTTP/1.1"
    assert host.startswith("Host: 127.0.0.1:")
    assert others == [
        "Authorization: Bearer x", "Accept-Encoding: identity", "Content-Length: 5", "", "",
    ]  # fmt: skip
    assert body == b"a=b&c"


@pytest.mark.parametrize("value", ["x\r\nEvil: y", "x\nEvil: y", "x\r"])
def test_a_header_cannot_bring_another(value: str) -> None:
    async def run() -> None:
        async with Server(answering(OK)) as server:
            with pytest.raises(ValueError, match="line break"):
                await ask(Wires(), server.url, headers={"A": value})
            assert server.connections == 0

    asyncio.run(run())


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def dripping(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    for byte in OK:
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0.1)


@pytest.mark.parametrize("conduct", [silent, dripping])
def test_nobody_waits_for_longer_than_was_said(conduct: Conduct) -> None:
    async def run() -> float:
        async with Server(conduct) as server:
            began = asyncio.get_running_loop().time()
            with pytest.raises(TimeoutError):
                await ask(Wires(), server.url, seconds=0.3)
            return asyncio.get_running_loop().time() - began

    assert 0.25 < asyncio.run(run()) < 5


@pytest.mark.parametrize(
    "conduct",
    [answering(OK[:-1], ends=True), answering(b"", ends=True), answering(b"hello\r\n\r\n")],
)
def test_an_answer_that_breaks_off_is_no_answer(conduct: Conduct) -> None:
    async def run() -> None:
        async with Server(conduct) as server:
            with pytest.raises(Broken):
                await ask(Wires(), server.url)

    asyncio.run(run())


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_what_never_was_connected_is_told_apart(scheme: str) -> None:
    async def run() -> None:
        async with Server(answering(b"hello")) as server:
            url = server.url.with_scheme("https") if scheme == "https" else server.url
            if scheme == "http":
                server._server.close()
                await server._server.wait_closed()
            with pytest.raises(NotReached):
                await ask(Wires(), url)

    asyncio.run(run())
