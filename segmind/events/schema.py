"""What an event is: its columns, its names and their codes.

One row is one fact. An order with three products is three ``order_completed`` rows (lines) that
share ``order_key``. Two kinds are derived, never stored in the log: a session (counted at its first
event) and an order (counted at its first line); rollups carry them under their own codes.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

import polars as pl

UTC_INSTANT: Final = pl.Datetime("us", "UTC")

#: Columns of an event wherever it lies (PostgreSQL's ``event_id`` is hi and lo here).
EVENT_COLUMNS: Final[dict[str, pl.DataType]] = {
    "event_hi": pl.Int64(),  # the upper and lower half of the 128-bit event id
    "event_lo": pl.Int64(),
    "ts": UTC_INSTANT,  # when it happened
    "received_at": UTC_INSTANT,  # when we learnt of it
    "customer_id": pl.Int64(),
    "kind": pl.Int16(),  # code of the event's name
    "session_key": pl.Int64(),  # 64-bit key of the session id; null: sessions by 30-minute gap
    "order_key": pl.Int64(),  # 64-bit key of the order id; null: all lines of one session
    "product_id": pl.Int32(),
    "quantity": pl.Int32(),
    "value": pl.Int64(),  # minor units: quantity x price of a line; amount of a refund
    "currency": pl.String(),  # ISO 4217; null: the workspace's
    "channel": pl.Int8(),  # message events: 1 email, 2 sms, 3 push
    "message_id": pl.Int64(),
    "source_kind": pl.Int8(),  # 1 campaign, 2 automation, 3 single message, 4 segment
    "source_id": pl.Int64(),
    "machine": pl.Boolean(),  # an open or click that no human made; null or false: human
    "properties": pl.String(),  # JSON object of what is not a column; null: none
}


class Kind(IntEnum):
    """Codes of the standard event names; custom names count from 100 (table ``event_name``)."""

    SESSION = 0  # derived
    PRODUCT_VIEWED = 1
    PRODUCT_ADDED = 2
    PRODUCT_REMOVED = 3
    CHECKOUT_STARTED = 4
    ORDER_COMPLETED = 5
    ORDER_REFUNDED = 6
    PAGE_VIEWED = 7
    ORDER = 9  # derived
    MESSAGE_SENT = 10
    MESSAGE_DELIVERED = 11
    MESSAGE_BOUNCED = 12
    MESSAGE_OPENED = 13
    MESSAGE_CLICKED = 14
    MESSAGE_UNSUBSCRIBED = 15
    MESSAGE_COMPLAINED = 16
    SEGMENT_ENTERED = 20
    SEGMENT_LEFT = 21

    @property
    def event_name(self) -> str:
        return self.name.lower()


DERIVED: Final = frozenset({Kind.SESSION, Kind.ORDER})
#: Kinds that are about messages or segments, not acts in the shop: they belong to no session.
NOT_IN_SESSION: Final = frozenset(k for k in Kind if k >= Kind.MESSAGE_SENT)
FIRST_CUSTOM_CODE: Final = 100
SESSION_GAP_SECONDS: Final = 1800


class Channel(IntEnum):
    """Codes of the channels in the log."""

    EMAIL = 1
    SMS = 2
    PUSH = 3

    @property
    def label(self) -> str:
        return {1: "email", 2: "sms", 3: "push"}[self.value]


class Source(IntEnum):
    """What caused a message or a membership event."""

    CAMPAIGN = 1
    AUTOMATION = 2
    SINGLE = 3
    SEGMENT = 4


def empty_events() -> pl.DataFrame:
    """A frame of no events, with every column."""
    return pl.DataFrame(schema=EVENT_COLUMNS)
