"""A receipt: one report, with the message that it is about."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import RowMapping

from segmind.channels.delivery import Delivery


@dataclass(frozen=True, slots=True)
class Receipt:
    """A report of the inbox with the row of its message, if we know it.

    ``at`` is when it happened, never after the reduction's ``now``.
    """

    inbox_id: int
    report: Delivery
    at: datetime
    message: RowMapping | None
