"""A client of the API in this process: synchronous, cookies kept, errors never swallowed."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterable
from typing import Any

import httpx


class Client:
    """Calls an ASGI application as somebody at ``address`` would."""

    def __init__(self, app: Any, address: str = "127.0.0.1", host: str = "localhost:8631") -> None:
        self.app = app
        self.address = address
        self.base = f"http://{host}"
        self.headers: dict[str, str] = {}
        self.cookies = httpx.Cookies()

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        return asyncio.run(self._request(method, path, options))

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.request("GET", path, **options)

    def post(self, path: str, **options: Any) -> httpx.Response:
        return self.request("POST", path, **options)

    def patch(self, path: str, **options: Any) -> httpx.Response:
        return self.request("PATCH", path, **options)

    async def _request(self, method: str, path: str, options: dict[str, Any]) -> httpx.Response:
        transport = httpx.ASGITransport(self.app, client=(self.address, 50_000))
        headers = {**self.headers, **options.pop("headers", {})}
        async with httpx.AsyncClient(
            transport=transport, base_url=self.base, cookies=self.cookies
        ) as client:
            answer = await client.request(method, path, headers=headers, **options)
            self.cookies = client.cookies
        return answer


def problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The answer's problem document, after checking its shape."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert body["type"] == f"urn:segmind:problem:{code}"
    assert body["code"] == code
    assert body["status"] == status
    assert body["title"]
    assert body["detail"]
    assert body["request_id"] == answer.headers["x-request-id"]
    return body


def customer_id(client: Client, n: int) -> int:
    """Our id of the shop's customer ``c-n``."""
    found = client.get("/customers", params={"external_id": f"c-{n}"}).json()["customers"]
    return int(found[0]["id"])


def each(names: str, cases: Iterable[Any]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Like parametrize, but in one shop: for refusals, which change nothing."""
    wanted = [name.strip() for name in names.split(",")]

    def decorate(test: Callable[..., None]) -> Callable[..., None]:
        def looped(**fixtures: Any) -> None:
            for case in cases:
                values = [case] if len(wanted) == 1 else case
                try:
                    test(**fixtures, **dict(zip(wanted, values, strict=True)))
                except AssertionError as error:
                    raise AssertionError(f"{case!r}: {error}") from error

        signature = inspect.signature(test)
        left = [p for name, p in signature.parameters.items() if name not in wanted]
        looped.__signature__ = signature.replace(parameters=left)  # type: ignore[attr-defined]
        looped.__name__, looped.__doc__ = test.__name__, test.__doc__
        looped.__module__ = test.__module__
        return looped

    return decorate
