"""Receipts intake: verify the raw bytes, store, answer. What they mean is worked out afterwards.

``reduce_inbox`` (``segmind.messages.reduce``) is the second half.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from segmind.channels.registry import Registry
from segmind.channels.webhook import Refused, WebhookRequest
from segmind.db.engine import Store
from segmind.errors import Unavailable
from segmind.messages import inbox
from segmind.messages.reduce import reduce_inbox

__all__ = ["Accepted", "Refused", "accept", "reduce_inbox"]


class FarBehind(Unavailable):
    """Receipts wait for {seconds} seconds already; come again later."""

    code = "receipts_far_behind"


#: The lag is looked at so often (seconds) by a process.
_LOOK_SECONDS = 5.0


@dataclass(slots=True)
class _Look:
    """When this process last found the inbox in time, by ``time.monotonic()``."""

    at: float = -_LOOK_SECONDS


_last_look = _Look()


@dataclass(frozen=True, slots=True)
class Accepted:
    """``reports``: what the call reported; ``new``: how much of it was not known yet."""

    reports: int
    new: int


def accept(
    store: Store, registry: Registry, provider_name: str, request: WebhookRequest, now: datetime
) -> Accepted | Refused:
    """Take a provider's call. When this returns ``Accepted``, its reports are durable.

    A repeat of a report changes nothing. ``request.received_at`` should be the system's time
    (``clock.wall()``): a signature's age does not follow a frozen clock.

    Raises:
        UnknownProvider: no such provider is in use.
        FarBehind: what has been taken waits for too long; the provider should come again.
    """
    read = registry.named(provider_name).read_webhook(request)
    if isinstance(read, Refused):
        return read
    with store.engine.begin() as conn:
        _require_pace(conn)
        new = inbox.store(conn, read.items, now)
    return Accepted(reports=len(read.items), new=new)


def _require_pace(conn: Connection) -> None:
    if time.monotonic() - _last_look.at < _LOOK_SECONDS:
        return
    lag = inbox.lag(conn)
    if lag > inbox.LONGEST_LAG:
        raise FarBehind(seconds=round(lag))
    _last_look.at = time.monotonic()
