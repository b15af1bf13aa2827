"""The live door of the log: events in, each counted once, durable when the caller commits."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final, NamedTuple

import numpy as np
from sqlalchemy import Connection, TextClause, text

from segmind.db.literals import literal
from segmind.errors import InvalidInput
from segmind.events import json_text, keys, names

#: Rows per statement: large enough to be quick, small enough to plan and to cancel.
BATCH: Final = 5_000


class InvalidEvent(InvalidInput):
    """An event cannot be stored."""

    code = "invalid_event"


@dataclass(frozen=True, slots=True)
class NewEvent:
    """One fact on its way into the log.

    ``ts`` is aware. ``event_id`` is the client's (else the content decides); ``session_id`` and
    ``order_id`` are the client's texts; ``product_id`` and ``customer_id`` are ours. ``value`` is
    in minor units: quantity x price of a line, or the amount of a refund.
    """

    event_id: str | None
    name: str
    ts: datetime
    customer_id: int
    session_id: str | None = None
    order_id: str | None = None
    product_id: int | None = None
    quantity: int | None = None
    value: int | None = None
    currency: str | None = None
    channel: int | None = None
    message_id: int | None = None
    source_kind: int | None = None
    source_id: int | None = None
    machine: bool | None = None
    properties: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        if self.ts.tzinfo is None:
            raise InvalidEvent("An event's ts must be aware.", field="ts")
        if self.currency is not None and len(self.currency) != 3:
            raise InvalidEvent("A currency is three letters (ISO 4217).", field="currency")
        _check_range(self.quantity, 32, "quantity")
        _check_range(self.value, 64, "value")


class Row(NamedTuple):
    """An event as the table has it: id and keys made, the name's code known, properties as JSON."""

    event_id: str  # 32 hexadecimal digits
    ts: datetime
    customer_id: int
    kind: int
    session_key: int | None = None
    order_key: int | None = None
    product_id: int | None = None
    quantity: int | None = None
    value: int | None = None
    currency: str | None = None
    channel: int | None = None
    message_id: int | None = None
    source_kind: int | None = None
    source_id: int | None = None
    machine: bool | None = None
    properties: str | None = None


@dataclass(frozen=True, slots=True)
class Appended:
    """How many events were new, and how many had been there before."""

    accepted: int
    repeated: int


def append(conn: Connection, events: Sequence[NewEvent], received_at: datetime) -> Appended:
    """Append the events that are new; a repeated id is a no-op, also within ``events``.

    The events are in the log when the caller's transaction commits. ``received_at`` is the
    instant at which we learnt of them.

    Raises:
        InvalidEventName: a name that cannot be one.
    """
    codes = names.codes_of(conn, {e.name for e in events})
    rows = (_row(i, e, codes[e.name]) for i, e in zip(_ids(events), events, strict=True))
    first: dict[str, Row] = {}
    for row in rows:
        first.setdefault(row.event_id, row)
    accepted = len(first) - len(store(conn, first.values(), received_at))
    return Appended(accepted=accepted, repeated=len(events) - accepted)


def store(conn: Connection, rows: Iterable[Row], received_at: datetime) -> set[str]:
    """Store the rows whose ids are new; returns the ids that had been there before.

    One round trip for ``BATCH`` rows. The ids of ``rows`` differ.
    """
    # One order for all writers: two that bring the same ids wait for each other, never in a circle.
    fresh = sorted(rows)
    repeated: set[str] = set()
    for start in range(0, len(fresh), BATCH):
        columns = zip(_COLUMNS, zip(*fresh[start : start + BATCH], strict=True), strict=True)
        told = {name: column for name, column in columns if any(v is not None for v in column)}
        values = {name: literal(column) for name, column in told.items()}
        statement = _insert(tuple(told))
        before = conn.execute(statement, values | {"received_at": received_at}).scalars()
        repeated.update(identifier.hex for identifier in before)
    return repeated


def _row(identifier: str, event: NewEvent, code: int) -> Row:
    return Row(
        identifier,
        event.ts,
        event.customer_id,
        code,
        None if event.session_id is None else keys.key64(event.session_id),
        None if event.order_id is None else keys.key64(event.order_id),
        event.product_id,
        event.quantity,
        event.value,
        event.currency,
        event.channel,
        event.message_id,
        event.source_kind,
        event.source_id,
        event.machine,
        as_json(event.properties),
    )


def _ids(events: Sequence[NewEvent]) -> list[str]:
    given = [None if e.event_id is None else keys.event_hex(e.event_id) for e in events]
    bare = [e for e, i in zip(events, given, strict=True) if i is None]
    if not bare:
        return [i for i in given if i is not None]
    columns = zip(*(_content(e) for e in bare), strict=True)
    hi, lo = keys.content_ids([np.array(column, dtype=np.int64) for column in columns])
    made = iter([keys.from_halves(int(h), int(w)).hex for h, w in zip(hi, lo, strict=True)])
    return [next(made) if i is None else i for i in given]


def _content(event: NewEvent) -> tuple[int, ...]:
    """What makes two events without an id the same one. The order is for ever."""
    texts = (
        event.name,
        event.session_id,
        event.order_id,
        event.currency,
        _stable_json(event.properties),
    )
    numbers = (
        event.product_id,
        event.quantity,
        event.value,
        event.channel,
        event.message_id,
        event.source_kind,
        event.source_id,
        event.machine,
    )
    micros = (event.ts - _EPOCH) // _MICROSECOND
    return (
        micros,
        event.customer_id,
        *(_NOTHING if t is None else keys.key64(t) for t in texts),
        *(_NOTHING if n is None else int(n) for n in numbers),
    )


def as_json(properties: dict[str, Any] | None) -> str | None:
    """Properties as the log keeps them: compact JSON, keys sorted; None for none.

    Raises:
        InvalidEvent: they are not JSON.
    """
    if not properties:
        return None
    written = json_text.compact(properties)
    return _stable_json(properties) if written is None else written.decode()


def _stable_json(properties: dict[str, Any] | None) -> str | None:
    """``as_json`` to the letter the same for ever."""
    if not properties:
        return None
    try:
        return json.dumps(
            properties,
            sort_keys=True,
            separators=(",", ":"),
            ensure_ascii=False,
            allow_nan=False,
            default=str,
        )
    except ValueError as error:
        raise InvalidEvent(
            "Properties are a JSON object: finite numbers, no cycles.", field="properties"
        ) from error


def _check_range(number: int | None, bits: int, field: str) -> None:
    if number is not None and not -(2 ** (bits - 1)) <= number < 2 ** (bits - 1):
        raise InvalidEvent(f"{field} does not fit into {bits} bits.", field=field)


_NOTHING: Final = -0x7E57_AB5E_4CE0_1D1E  # no real number or key is expected to have this value
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = datetime.resolution
_COLUMNS: Final = {
    "event_id": "uuid",
    "ts": "timestamptz",
    "customer_id": "bigint",
    "kind": "smallint",
    "session_key": "bigint",
    "order_key": "bigint",
    "product_id": "integer",
    "quantity": "integer",
    "value": "bigint",
    "currency": "text",
    "channel": "smallint",
    "message_id": "bigint",
    "source_kind": "smallint",
    "source_id": "bigint",
    "machine": "boolean",
    "properties": "text",
}


@lru_cache
def _insert(columns: tuple[str, ...]) -> TextClause:
    """The statement for rows of which only these columns say something."""
    arrays = ", ".join(f"CAST(:{name} AS {_COLUMNS[name]}[])" for name in columns)
    listed = ", ".join(columns)
    return text(
        f"""
        WITH given AS (
          SELECT * FROM unnest({arrays}) AS given ({listed})
        ), fresh AS (
          INSERT INTO event_seen (event_id) SELECT event_id FROM given
          ON CONFLICT DO NOTHING
          RETURNING event_id
        ), kept AS (
          INSERT INTO event_recent ({listed}, received_at)
          SELECT {listed}, :received_at FROM given JOIN fresh USING (event_id)
        )
        SELECT event_id FROM given WHERE NOT EXISTS (
          SELECT FROM fresh WHERE fresh.event_id = given.event_id)
        """
    )
