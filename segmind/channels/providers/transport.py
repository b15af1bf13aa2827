"""What every provider has in common: outcomes of broken requests, batches side by side, no secrets
in logs.

The vendors' SDKs keep what they do well (authentication, payloads, signatures, errors by name);
their requests go through ``network``, because their own ways of making them retry in secret or wait
for ever.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Final, TypeVar

import aiohttp

from segmind.channels import deadline
from segmind.channels.outcome import LONGEST_WAIT, Accepted, InDoubt, Outcome, Rejected, Retry
from segmind.channels.providers.network import network

#: A batch begins no request later than this many seconds after it was handed over, so that
#: ``send`` comes back within a minute whatever the vendor does.
BATCH_SECONDS: float = 30.0

#: What a request that ends without an answer raises.
BROKEN: Final = (aiohttp.ClientError, TimeoutError, OSError)

log = logging.getLogger(__name__)

_SILENCED: Final = ("python_http_client", "twilio", "urllib3", "google.auth", "sendgrid", "aiohttp")
#: A batch is broken off when, of at least so many answers, more than half say that the vendor is
#: in trouble: asking on would only add to it.
_ENOUGH_ANSWERS: Final = 10

T = TypeVar("T")


def silence_vendor_logs() -> None:
    """Vendors' DEBUG and INFO lines hold keys, numbers and whole messages: never below WARNING."""
    for name in _SILENCED:
        logging.getLogger(name).setLevel(logging.WARNING)


def of_error(error: BaseException) -> Outcome:
    """The outcome of a request that ended without an answer."""
    if proved_not_sent(error):
        return Retry("unreachable", f"The provider cannot be reached ({type(error).__name__}).")
    return InDoubt(f"The provider did not answer ({type(error).__name__}).")


def proved_not_sent(error: BaseException) -> bool:
    """Whether the connection was never made, so that not one byte of the request left."""
    return isinstance(
        error,
        aiohttp.ClientConnectorError  # DNS, refused, unroutable, TLS
        | aiohttp.ConnectionTimeoutError
        | aiohttp.InvalidURL
        | ConnectionRefusedError
        | ssl.SSLCertVerificationError,
    )


def is_ambiguous(status: int) -> bool:
    """Whether an answer with this status proves neither that the message was taken nor that it was
    not: server errors, redirects, and the time-out of something between us and the vendor."""
    return status < 400 or status >= 500 or status == 408


def is_no_api(status: int) -> bool:
    """Whether the address asked is not the vendor's API at all: a wrong base URL."""
    return status in (404, 405)


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


@dataclass
class Window:
    """How many requests may be under way at once: halved when the vendor says "too many", wider by
    one after as many good answers as it is wide. Belongs to the network's loop."""

    width: float = 50.0
    least: float = 4.0
    most: float = 100.0
    _under_way: int = field(default=0, init=False)
    _waiting: deque[asyncio.Future[None]] = field(default_factory=deque, init=False)

    async def __aenter__(self) -> None:
        while self._under_way >= int(self.width):
            turn = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            await turn
        self._under_way += 1

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._under_way -= 1
        for _ in range(max(0, int(self.width) - self._under_way)):
            if not self._waiting:
                break
            self._waiting.popleft().set_result(None)

    def heed(self, outcome: Outcome) -> None:
        """Learn from an answer."""
        if isinstance(outcome, Retry) and outcome.http_status == 429:
            self.width = max(self.least, self.width / 2)
        elif isinstance(outcome, Accepted):
            self.width = min(self.most, self.width + 1.0 / self.width)


@dataclass
class Mood:
    """How a batch fares: whether its next request should still be begun."""

    until: float
    answers: int = 0
    bad: int = 0
    last_bad: Retry | None = None
    refused: Retry | None = None

    def heed(self, outcome: Outcome) -> None:
        self.answers += 1
        if isinstance(outcome, Accepted | Rejected):
            return
        self.bad += 1
        if isinstance(outcome, Retry):
            self.last_bad = outcome
            if outcome.pause_sender:
                self.refused = outcome

    def not_begun(self) -> Retry | None:
        """The outcome of a message that had better not be begun."""
        if self.refused is not None:
            return Retry(
                self.refused.code,
                self.refused.detail,
                self.refused.after_seconds,
                pause_sender=True,
                begun=False,
            )
        if self.answers >= _ENOUGH_ANSWERS and self.bad * 2 > self.answers:
            wait = self.last_bad.after_seconds if self.last_bad else None
            return Retry(
                "not_begun", "The provider is in trouble; this one was not begun.", wait,
                begun=False,
            )  # fmt: skip
        if time.monotonic() > self.until:
            return Retry(
                "not_begun", "The batch took too long; this one was not begun.", begun=False
            )
        return None


def each(
    parcels: Sequence[T],
    send: Callable[[T], Awaitable[Outcome]],
    window: Window,
    began: float | None = None,
) -> list[Outcome]:
    """Sends parcels side by side and none after the batch's time is over; one outcome each, in
    order. ``began``: when the batch was handed over, by ``time.monotonic()``."""
    until = deadline.until(BATCH_SECONDS, began)
    try:
        return network().run(_each(parcels, send, window, Mood(until)))
    except TimeoutError:
        return [InDoubt("The provider did not answer in time.")] * len(parcels)


async def _each(
    parcels: Sequence[T],
    send: Callable[[T], Awaitable[Outcome]],
    window: Window,
    mood: Mood,
) -> list[Outcome]:
    outcomes: list[Outcome] = [InDoubt("The batch broke off.")] * len(parcels)
    queue = iter(range(len(parcels)))

    async def work() -> None:
        for i in queue:
            async with window:
                outcome: Outcome | None = mood.not_begun()
                if outcome is None:
                    outcome = await _safely(send, parcels[i])
                    window.heed(outcome)
                    mood.heed(outcome)
            outcomes[i] = outcome

    await asyncio.gather(*(work() for _ in range(min(len(parcels), int(window.most)))))
    return outcomes


async def _safely(send: Callable[[T], Awaitable[Outcome]], parcel: T) -> Outcome:
    """One parcel's fault must not take the outcomes of the others with it."""
    try:
        return await send(parcel)
    except Exception as error:
        log.exception("A message could not be handed over.")
        return InDoubt(f"The call broke ({type(error).__name__}).")
