"""How providers are reached: pooled connections, bounded waits, no retry that nobody asked for.

The vendors' SDKs keep what they do well (authentication, payloads, signatures, errors by name);
their requests go through here, because their own ways of making them retry in secret or wait for
ever.
"""

from __future__ import annotations

import logging
import socket
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from email.utils import parsedate_to_datetime
from typing import Any, Final, TypeVar

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError
from urllib3.exceptions import HTTPError as Urllib3Error
from urllib3.util import Retry as UrllibRetry

from segmind.channels import deadline
from segmind.channels.outcome import LONGEST_WAIT, InDoubt, Outcome, Retry

#: Seconds to connect and to wait for an answer.
CONNECT_SECONDS: Final = 3.05
READ_SECONDS: Final = 10.0
#: A batch begins no request later than this many seconds after it was handed over, so that
#: ``send`` comes back within a minute whatever the vendor does.
BATCH_SECONDS: Final = 30.0
LARGEST_ANSWER: Final = 4 * 1024 * 1024

_SILENCED: Final = ("python_http_client", "twilio", "urllib3", "google.auth", "sendgrid")

T = TypeVar("T")


def silence_vendor_logs() -> None:
    """Vendors' DEBUG and INFO lines hold keys, numbers and whole messages: never below WARNING."""
    for name in _SILENCED:
        logging.getLogger(name).setLevel(logging.WARNING)


class Session(requests.Session):
    """A pooled session: no retry, no redirect, no cookies, no time without end."""

    def __init__(self, *, pool: int = 50, read_seconds: float = READ_SECONDS) -> None:
        super().__init__()
        adapter = HTTPAdapter(
            pool_connections=4,
            pool_maxsize=pool,
            max_retries=UrllibRetry(0, redirect=0, read=False),
        )
        self.mount("https://", adapter)
        self.mount("http://", adapter)
        self._timeouts = (CONNECT_SECONDS, read_seconds)

    def request(self, *args: Any, **kwargs: Any) -> requests.Response:
        kwargs["timeout"] = self._timeouts
        kwargs["allow_redirects"] = False
        kwargs["stream"] = True
        until = time.monotonic() + self._timeouts[1] + 2.0
        response = super().request(*args, **kwargs)
        self.cookies.clear()
        _read(response, until)
        return response


def _read(response: requests.Response, until: float) -> None:
    """Reads the answer within its time and size: a time-out alone lets it drip for ever."""
    parts: list[bytes] = []
    size = 0
    try:
        while part := response.raw.read1(65_536, decode_content=True):
            parts.append(part)
            size += len(part)
            if size > LARGEST_ANSWER:
                raise requests.exceptions.ContentDecodingError("The answer is too large.")
            if time.monotonic() > until:
                raise requests.exceptions.ReadTimeout("The answer takes too long.")
    except (Urllib3Error, OSError) as error:
        response.close()
        raise requests.exceptions.ConnectionError(error) from error
    except requests.RequestException:
        response.close()
        raise
    response.raw.release_conn()
    response._content = b"".join(parts)
    response._content_consumed = True


def of_error(error: BaseException) -> Outcome:
    """The outcome of a request that ended without an answer."""
    if proved_not_sent(error):
        return Retry("unreachable", f"The provider cannot be reached ({type(error).__name__}).")
    return InDoubt(f"The provider did not answer ({type(error).__name__}).")


def proved_not_sent(error: BaseException) -> bool:
    """Whether the connection was never made, so that not one byte of the request left."""
    seen: set[int] = set()
    queue: list[object] = [error]
    while queue:
        one = queue.pop()
        if not isinstance(one, BaseException) or id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(
            one,
            NewConnectionError
            | ConnectTimeoutError
            | ConnectionRefusedError
            | socket.gaierror
            | ssl.SSLCertVerificationError,
        ):
            return True
        queue += [one.__cause__, one.__context__, getattr(one, "reason", None), *one.args]
    return False


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that a Retry-After header asks for, as a number or as a date; at most 15 minutes."""
    value = (headers.get("Retry-After") or "").strip()
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(value).timestamp() - time.time()
        except (ValueError, TypeError, OverflowError):
            return None
    if seconds != seconds:  # "nan" is a number to Python
        return None
    return min(max(seconds, 0.0), LONGEST_WAIT)


def short(text: object) -> str:
    """A vendor's message, short enough to keep."""
    return " ".join(str(text).split())[:300]


class Pool:
    """Hands parcels over side by side, and none after the batch's time is over."""

    def __init__(self, workers: int, name: str) -> None:
        self._executor = ThreadPoolExecutor(workers, thread_name_prefix=name)

    def each(
        self, parcels: Sequence[T], send: Callable[[T], Outcome], began: float | None = None
    ) -> list[Outcome]:
        """One outcome per parcel, in order. ``began``: when the batch was handed over, by
        ``time.monotonic()``."""
        until = deadline.until(BATCH_SECONDS, began)

        def one(parcel: T) -> Outcome:
            if time.monotonic() > until:
                return Retry("not_started", "The batch took too long; this one was not begun.")
            return send(parcel)

        if len(parcels) == 1:
            return [one(parcels[0])]
        return list(self._executor.map(one, parcels))
