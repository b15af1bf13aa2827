"""A receipt: one report, with the message that it is about."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from segmind.channels.delivery import Delivery


class Subject(NamedTuple):
    """What is known of the message that a report is about.

    ``present_id``: the customer's id today, after merges; None where there is none any more. The
    row is locked, so ``state`` (``lifecycle.State``) holds for the whole transaction.
    """

    id: int
    public_id: UUID
    source_kind: int
    source_id: int
    customer_id: int | None
    channel: int
    address: str | None
    address_hash: bytes
    provider: str | None
    provider_id: str | None
    state: int
    present_id: int | None
    is_erased: bool


@dataclass(frozen=True, slots=True)
class Receipt:
    """A report of the inbox with its message, if we know it.

    ``at`` is when it happened, never after the reduction's ``now``.
    """

    inbox_id: int
    report: Delivery
    at: datetime
    message: Subject | None
