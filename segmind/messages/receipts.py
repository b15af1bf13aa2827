"""Receipts intake: verify the raw bytes, store, answer. What they mean is worked out afterwards.

``reduce_inbox`` (``segmind.messages.reduce``) is the second half.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from segmind.channels.registry import Registry
from segmind.channels.webhook import Refused, WebhookRequest
from segmind.db.engine import Store
from segmind.messages import inbox
from segmind.messages.reduce import reduce_inbox

__all__ = ["Accepted", "Refused", "accept", "reduce_inbox"]


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
    """
    read = registry.named(provider_name).read_webhook(request)
    if isinstance(read, Refused):
        return read
    with store.engine.begin() as conn:
        new = inbox.store(conn, read.items, now)
    return Accepted(reports=len(read.items), new=new)
