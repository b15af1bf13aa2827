"""The SDK's client over our network: connections kept, every wait bounded, nothing logged."""

from __future__ import annotations

import io
from collections.abc import Mapping
from email.message import Message
from typing import Any
from urllib.error import HTTPError as UrllibHTTPError

from python_http_client import Client
from python_http_client.exceptions import handle_error

from segmind.channels.providers.network import Answer, network

#: A request for 500 takes longer to read than one for one.
READ_SECONDS: float = 15.0


class SdkAnswer:
    """A response as the SDK reads it."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    def getcode(self) -> int:
        return self._answer.status

    def read(self) -> bytes:
        return self._answer.body

    def info(self) -> Mapping[str, str]:
        return self._answer.headers


class PooledClient(Client):  # type: ignore[misc]
    """The SDK's client over our network."""

    def _build_client(self, name: str | None = None) -> PooledClient:
        path = [*self._url_path, name] if name else self._url_path
        return PooledClient(
            host=self.host,
            version=self._version,
            request_headers=dict(self.request_headers),
            url_path=path,
        )

    def _make_request(self, opener: Any, request: Any, timeout: float | None = None) -> SdkAnswer:
        del opener, timeout
        headers = {**request.headers, **request.unredirected_hdrs}
        answer = network().call(
            request.get_method(),
            request.full_url,
            headers=headers,
            body=request.data,
            seconds=READ_SECONDS,
        )
        if answer.status >= 400:
            raise handle_error(_as_urllib(request.full_url, answer))
        return SdkAnswer(answer)


def _as_urllib(url: str, answer: Answer) -> UrllibHTTPError:
    headers = Message()
    for name, value in answer.headers.items():
        headers[name] = value
    return UrllibHTTPError(url, answer.status, "", headers, io.BytesIO(answer.body))
