"""The SDK's requests over our network."""

from __future__ import annotations

import base64
import functools
import logging
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Final
from urllib.parse import urlencode

from twilio.http import AsyncHttpClient
from twilio.http.response import Response

from segmind.channels.providers.network import network
from segmind.channels.providers.transport import Window

_log: Final = logging.getLogger("twilio")
#: The headers of the last answer in this task: the SDK's errors do not carry them.
last_headers: ContextVar[Mapping[str, str]] = ContextVar("twilio_headers")


class Http(AsyncHttpClient):  # type: ignore[misc]
    """The SDK's requests through our network, without its log and its memory of the last one."""

    def __init__(self) -> None:
        super().__init__(_log, True, None)

    async def request(
        self,
        method: str,
        url: str,
        params: dict[str, object] | None = None,
        data: dict[str, object] | None = None,
        headers: dict[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,  # noqa: ARG002 - the network's own is used
        allow_redirects: bool = False,  # noqa: ARG002
    ) -> Response:
        given = {**(headers or {})}
        if auth is not None:
            given["Authorization"] = _basic(*auth)
        answer = await network().request(
            method.upper(),
            f"{url}?{urlencode(params, doseq=True)}" if params else url,
            body=urlencode(data, doseq=True).encode() if data else None,
            headers=given,
        )
        last_headers.set(answer.headers)
        return Response(answer.status, answer.text, answer.headers)


@functools.lru_cache(maxsize=8)
def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@functools.lru_cache(maxsize=8)
def window_of(account_sid: str, base_url: str) -> Window:  # noqa: ARG001 - the key of the cache
    """One account takes about 100 requests at once, whoever makes them."""
    return Window()
