"""Tracking calls in, each answered on its own: accepted, repeated or rejected with the reason."""

from __future__ import annotations

import logging
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import accumulate
from operator import itemgetter
from typing import Any, Final, Literal

import msgspec
from sqlalchemy import Connection
from sqlalchemy.exc import DataError

from segmind.customers import describing, reading_calls, resolving, traits
from segmind.customers.calls import Call
from segmind.customers.commerce import Draft
from segmind.customers.describing import AddressesChanged
from segmind.customers.reading_calls import Batch, ReadCalls
from segmind.customers.resolving import Pair
from segmind.customers.shop_events import ShopEvent
from segmind.errors import InvalidInput
from segmind.events import ingest, keys, names, products
from segmind.workspace import product_settings

Status = Literal["accepted", "repeated", "rejected"]

_log: Final = logging.getLogger(__name__)


class CallResult(msgspec.Struct, frozen=True, gc=False):
    """What became of the call at ``index``.

    ``reason`` and ``field`` say why it was rejected; on an accepted identify, which traits were
    not kept (the others were).
    """

    index: int
    status: Status
    reason: str | None = None
    field: str | None = None


#: Of most calls of most batches there is nothing else to say.
_MOST: Final = 5_000
_ACCEPTED: Final = tuple(CallResult(index, "accepted") for index in range(_MOST))


def track(
    conn: Connection,
    raw_calls: Sequence[Any],
    now: datetime,
    addresses_changed: AddressesChanged | None = None,
    shared: Mapping[str, Any] | None = None,
) -> list[CallResult]:
    """Take calls of Segment's shapes (see ``calls``, ``commerce``); one result per call, in order.

    A call is a mapping, or its JSON as bytes: UTF-8 without NUL characters. ``shared`` is what
    every call in bytes says that does not say it itself. Everything accepted is durable when the
    caller's transaction commits. A call that cannot be taken harms no other.

    Raises:
        Unreadable: bytes are not JSON as we take it; nothing was done.
    """
    batch = Batch(raw_calls, shared or {})
    (results,) = track_together(conn, [batch], now, addresses_changed)
    return results


def track_together(
    conn: Connection,
    batches: Sequence[Batch],
    now: datetime,
    addresses_changed: AddressesChanged | None = None,
) -> list[list[CallResult]]:
    """``track`` for batches that arrived one after the other, in one go; results for each."""
    currency = product_settings.currency_of(conn)
    read = reading_calls.read(batches, now, currency)
    codes, nameless = _codes(conn, {d.name for t in read.told for d in t.drafts})
    if nameless:
        refusals = {t.index: nameless.get(t.drafts[0].name) for t in read.told if t.drafts}
        read.refused |= {i: refused for i, refused in refusals.items() if refused is not None}
        read.told = [t for t in read.told if t.index not in read.refused]
    others = {i: _rejected(i, refused) for i, refused in read.refused.items()}
    others |= _take(conn, read, codes, now, addresses_changed)
    return _by_batch([len(batch.calls) for batch in batches], others)


def _by_batch(lengths: Sequence[int], others: Mapping[int, CallResult]) -> list[list[CallResult]]:
    """What became of the calls of each batch: accepted, whatever is not among the ``others``."""
    results = [[*_ACCEPTED[:n], *(CallResult(i, "accepted") for i in range(_MOST, n))]
               for n in lengths]  # fmt: skip
    ends = list(accumulate(lengths))
    for index, other in others.items():
        batch = bisect_right(ends, index)
        place = index - ends[batch] + lengths[batch]
        results[batch][place] = CallResult(place, other.status, other.reason, other.field)
    return results


def _rejected(index: int, refused: InvalidInput) -> CallResult:
    return CallResult(index, "rejected", refused.message, refused.field)


def _codes(conn: Connection, wanted: set[str]) -> tuple[dict[str, int], dict[str, InvalidInput]]:
    """The codes of these names (the rows of one call share theirs), and why some have none."""
    try:
        return names.codes_of(conn, wanted), {}
    except InvalidInput:
        codes: dict[str, int] = {}
        refused: dict[str, InvalidInput] = {}
        for name in sorted(wanted):
            try:
                codes[name] = names.code_of(conn, name)
            except InvalidInput as error:
                refused[name] = error
        return codes, refused


def _take(
    conn: Connection,
    read: ReadCalls,
    codes: dict[str, int],
    now: datetime,
    changed: AddressesChanged | None,
) -> dict[int, CallResult]:
    """All at once; where PostgreSQL refuses a value that the checks let through, one by one.

    Returns what became of those that were not simply accepted.
    """
    indexes = sorted([e.number for e in read.events] + [t.index for t in read.told])
    if not indexes:
        return {}
    try:
        with conn.begin_nested():
            return _store(conn, read, codes, now, changed)
    except (DataError, OverflowError) as refused:
        if len(indexes) == 1:
            _log.warning("A checked call was refused by the database: %s", _kind_of(refused))
            (index,) = indexes
            return {index: CallResult(index, "rejected", "The call cannot be stored.")}
    results: dict[int, CallResult] = {}
    for one in read.one_by_one():
        results |= _take(conn, one, codes, now, changed)
    return results


def _kind_of(refused: DataError | OverflowError) -> str:
    cause = refused.orig if isinstance(refused, DataError) else refused
    return type(cause).__name__


def _store(
    conn: Connection,
    read: ReadCalls,
    codes: dict[str, int],
    now: datetime,
    changed: AddressesChanged | None,
) -> dict[int, CallResult]:
    told_of = {e.product for e in read.events} | {d.product for t in read.told for d in t.drafts}
    ours = products.ids_of(conn, [p for p in told_of if p is not None])
    people = {e.who for e in read.events} | {_who(t.call) for t in read.told}
    found = resolving.customers_of(conn, people)
    rows = _rows_of_events(read.events, found, ours)
    for t in read.told:
        rows += [(t.index, *_row(t.call, d, found, codes, ours)) for d in t.drafts]
    if read.told and read.events:
        rows.sort(key=_INDEX)
    repeated = _append(conn, rows, now)
    results = {index: CallResult(index, "repeated") for index in repeated}
    customers = {t.index: found[_who(t.call)] for t in read.told}
    not_kept = describing.describe(conn, read.told, customers, now, changed)
    for index, refused in not_kept.items():
        status: Status = "repeated" if index in repeated else "accepted"
        results[index] = CallResult(index, status, *_not_kept(refused))
    return results


#: The index of a call, and a row that it becomes: id, instant and so on, as ``_COLUMNS`` says.
_Numbered = tuple[Any, ...]
_INDEX: Final = itemgetter(0)
_COLUMNS: Final = (
    "event_id", "ts", "customer_id", "kind", "session_key", "order_key", "product_id", "quantity",
    "value", "currency", "properties",
)  # fmt: skip


def _rows_of_events(
    events: Sequence[ShopEvent], found: Mapping[Pair, int], ours: Mapping[str, int]
) -> list[_Numbered]:
    return [
        (index, event_id, at, found[who], kind, session, order,
         None if product is None else ours[product[0]], quantity, value, currency, properties)
        for index, who, event_id, at, kind, session, order, product, quantity, value, currency,
        properties in events
    ]  # fmt: skip


def _row(
    call: Call,
    draft: Draft,
    found: Mapping[Pair, int],
    codes: Mapping[str, int],
    ours: Mapping[str, int],
) -> tuple[Any, ...]:
    message_id = call.message_id if draft.line is None else f"{call.message_id}:{draft.line}"
    return (
        keys.event_bytes(message_id),
        ingest.micros(call.ts),
        found[_who(call)],
        codes[draft.name],
        None if draft.session_id is None else keys.key64(draft.session_id),
        None if draft.order_id is None else keys.key64(draft.order_id),
        None if draft.product is None else ours[draft.product.external_id],
        draft.quantity,
        draft.value,
        draft.currency,
        draft.properties,
    )


def _who(call: Call) -> Pair:
    return call.user_id, call.anonymous_id


def _append(conn: Connection, rows: list[_Numbered], now: datetime) -> set[int]:
    """Append the rows of the calls at their indexes; returns those that were there before."""
    repeated: set[int] = set()
    first = {row[1]: row[0] for row in reversed(rows)}
    if len(first) < len(rows):
        repeated = {row[0] for row in rows if first[row[1]] != row[0]}
        rows = [row for row in rows if first[row[1]] == row[0]]
    if not rows:
        return repeated
    _, *columns = zip(*rows, strict=True)
    before = ingest.store_columns(conn, dict(zip(_COLUMNS, columns, strict=True)), now)
    return repeated | {first[event_id] for event_id in before}


def _not_kept(refused: Sequence[traits.Refused]) -> tuple[str | None, str | None]:
    if not refused:
        return None, None
    reason = "; ".join(f"{r.field.removeprefix('traits.')} {r.reason}" for r in refused)
    return f"Not kept: {reason}.", refused[0].field
