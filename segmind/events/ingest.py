"""The live door of the log: events in, each counted once, durable when the caller commits."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import compress
from typing import Any, Final, NamedTuple

import numpy as np
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from segmind.db import binary_copy
from segmind.db.binary_copy import BIGINT, BOOLEAN, INSTANT, INTEGER, SMALLINT, TEXT, UUID
from segmind.errors import InvalidInput
from segmind.events import json_text, keys, names

#: Rows per statement: large enough to be quick, small enough to plan and to cancel.
BATCH: Final = 5_000
#: From so many ids on it pays to try whether all are new: the attempt is three more statements.
_MANY: Final = 100


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

    event_id: bytes  # 16
    ts: int  # microseconds since 1970, UTC
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
    first: dict[bytes, Row] = {}
    for row in rows:
        first.setdefault(row.event_id, row)
    accepted = len(first) - len(store(conn, list(first.values()), received_at))
    return Appended(accepted=accepted, repeated=len(events) - accepted)


def store(conn: Connection, rows: Sequence[Row], received_at: datetime) -> set[bytes]:
    """Store the rows whose ids are new; returns the ids that had been there before.

    Two round trips for ``BATCH`` rows. The ids of ``rows`` differ.

    Raises:
        OverflowError: a number does not fit into its column.
    """
    if not rows:
        return set()
    columns = zip(*rows, strict=True)
    return store_columns(conn, dict(zip(_COLUMNS, columns, strict=True)), received_at)


def store_columns(
    conn: Connection, columns: Mapping[str, Sequence[Any]], received_at: datetime
) -> set[bytes]:
    """``store`` for rows as columns, by the names of ``Row``; what no row has may be left out."""
    ids = columns["event_id"]
    # One order for all writers: two that bring the same ids wait for each other, never in a circle.
    ordered = sorted(ids)
    before: set[bytes] = set()
    for start in range(0, len(ordered), BATCH):
        before |= _seen_before(conn, ordered[start : start + BATCH])
    if before:
        is_new = [event_id not in before for event_id in ids]
        columns = {name: list(compress(column, is_new)) for name, column in columns.items()}
    store_new_columns(conn, columns, received_at)
    return before


def store_new_columns(
    conn: Connection, columns: Mapping[str, Sequence[Any]], received_at: datetime
) -> None:
    """Store rows that nobody can have stored before and nobody can store again: no id is asked for
    or remembered, which is half of what storing them costs.

    For events that the caller's transaction makes happen, by a change of state that happens once.
    """
    if not columns["event_id"]:
        return
    typed = {name: (_COLUMNS[name], column) for name, column in columns.items()}
    typed["received_at"] = (INSTANT, [micros(received_at)] * len(columns["event_id"]))
    binary_copy.copy_in(conn, "event_recent", typed)


def _seen_before(conn: Connection, ids: Sequence[bytes]) -> set[bytes]:
    """Those of ``ids`` that had been there before; all of them are from now on."""
    if len(ids) >= _MANY and _remembered_as_new(conn, ids):
        return set()
    values = {"ids": "{" + ",".join([i.hex() for i in ids]) + "}", "all": len(ids)}
    found = conn.execute(_REMEMBER, values).first()
    if found is None:
        return set()
    fresh = bytes(found[0] or b"")
    return set(ids).difference(fresh[i : i + 16] for i in range(0, len(fresh), 16))


def _remembered_as_new(conn: Connection, ids: Sequence[bytes]) -> bool:
    """Remember ids of which most likely nobody has seen any; False, and nothing done, if one was.

    The index decides, as in ``_REMEMBER``: whoever writes one of them at this moment is waited for.
    An id costs the server 6 microseconds this way and 12 by ON CONFLICT, which takes a lock and
    writes a row twice to be able to take it back.
    """
    try:
        with conn.begin_nested():
            binary_copy.copy_in(conn, "event_seen", {"event_id": (UUID, ids)})
    except IntegrityError:
        return False
    return True


def micros(instant: datetime) -> int:
    """Microseconds since 1970, UTC, of an aware instant."""
    return (instant - _EPOCH) // _MICROSECOND


def _row(identifier: bytes, event: NewEvent, code: int) -> Row:
    return Row(
        identifier,
        micros(event.ts),
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


def _ids(events: Sequence[NewEvent]) -> list[bytes]:
    given = [None if e.event_id is None else keys.event_bytes(e.event_id) for e in events]
    bare = [e for e, i in zip(events, given, strict=True) if i is None]
    if not bare:
        return [i for i in given if i is not None]
    columns = zip(*(_content(e) for e in bare), strict=True)
    hi, lo = keys.content_ids([np.array(column, dtype=np.int64) for column in columns])
    made = iter([keys.from_halves(int(h), int(w)).bytes for h, w in zip(hi, lo, strict=True)])
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
    return (
        micros(event.ts),
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
    "event_id": UUID,
    "ts": INSTANT,
    "customer_id": BIGINT,
    "kind": SMALLINT,
    "session_key": BIGINT,
    "order_key": BIGINT,
    "product_id": INTEGER,
    "quantity": INTEGER,
    "value": BIGINT,
    "currency": TEXT,
    "channel": SMALLINT,
    "message_id": BIGINT,
    "source_kind": SMALLINT,
    "source_id": BIGINT,
    "machine": BOOLEAN,
    "properties": TEXT,
}
#: Says nothing when all ids are new, else which are: that costs only who brings repeats.
_REMEMBER: Final = text(
    """
    WITH fresh AS (
      INSERT INTO event_seen (event_id) SELECT unnest(CAST(:ids AS uuid[]))
      ON CONFLICT DO NOTHING
      RETURNING event_id
    )
    SELECT string_agg(uuid_send(event_id), ''::bytea) FROM fresh HAVING count(*) < :all
    """
)
