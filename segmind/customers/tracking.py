"""Tracking calls in, each answered on its own: accepted, repeated or rejected with the reason."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal

import msgspec
from sqlalchemy import Connection
from sqlalchemy.exc import DataError

from segmind.customers import calls, commerce, devices, plain_calls, resolving, traits
from segmind.customers.calls import Call
from segmind.customers.commerce import Draft
from segmind.errors import InvalidInput
from segmind.events import ingest, keys, names, products
from segmind.workspace import product_settings

Status = Literal["accepted", "repeated", "rejected"]
#: Told which customers got another address, so that consent can look up its suppression.
AddressesChanged = Callable[[Connection, Sequence[int]], object]

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


class _Work(msgspec.Struct, frozen=True, gc=False):
    index: int
    call: Call
    drafts: list[Draft]


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
    results: dict[int, CallResult] = {}
    work: list[_Work] = []
    currency = product_settings.load(conn).currency
    for index, raw in enumerate(raw_calls):
        is_written = type(raw) is bytes
        read = plain_calls.read(raw, now, currency) if is_written else None
        if read is not None:
            work.append(_Work(index, *read))
            continue
        told = _merged(calls.decoded(raw), shared or {}) if is_written else raw
        try:
            call = calls.parse(told, now)
            work.append(_Work(index, call, commerce.drafts_of(call, currency)))
        except InvalidInput as refused:
            results[index] = _rejected(index, refused)
    codes, nameless = _codes(conn, {d.name for w in work for d in w.drafts})
    if nameless:
        refusals = {w.index: nameless.get(w.drafts[0].name) for w in work if w.drafts}
        results |= {i: _rejected(i, refused) for i, refused in refusals.items() if refused}
        work = [w for w in work if w.index not in results]
    taken = _take(conn, work, codes, now, addresses_changed)
    if not results:
        return taken
    results |= {result.index: result for result in taken}
    return [results[index] for index in range(len(raw_calls))]


def _merged(call: Any, shared: Mapping[str, Any]) -> Any:
    return {**shared, **call} if type(call) is dict else call


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
    work: list[_Work],
    codes: dict[str, int],
    now: datetime,
    changed: AddressesChanged | None,
) -> list[CallResult]:
    """All at once; where PostgreSQL refuses a value that the checks let through, one by one."""
    if not work:
        return []
    try:
        with conn.begin_nested():
            return _store(conn, work, codes, now, changed)
    except DataError as refused:
        if len(work) == 1:
            _log.warning("A checked call was refused by the database: %s", type(refused.orig))
            return [CallResult(work[0].index, "rejected", "The call cannot be stored.")]
    return [result for one in work for result in _take(conn, [one], codes, now, changed)]


def _store(
    conn: Connection,
    work: list[_Work],
    codes: dict[str, int],
    now: datetime,
    changed: AddressesChanged | None,
) -> list[CallResult]:
    told_of = {d.product for w in work for d in w.drafts if d.product is not None}
    ours = products.ids_of(conn, told_of) if told_of else {}
    found = resolving.customers_of(conn, {(w.call.user_id, w.call.anonymous_id) for w in work})
    customers = {w.index: found[w.call.user_id, w.call.anonymous_id] for w in work}
    rows = (
        (w.index, _row(w.call, d, customers[w.index], codes, ours)) for w in work for d in w.drafts
    )
    repeated = _append(conn, rows, now)
    told = _describe_all(conn, work, customers, now, changed)
    return [
        CallResult(
            w.index, "repeated" if w.index in repeated else "accepted", *_told(told, w.index)
        )
        for w in work
    ]


def _append(conn: Connection, rows: Iterable[tuple[int, ingest.Row]], now: datetime) -> set[int]:
    """Append the rows of the calls at these indexes; returns those that were there before."""
    first: dict[str, int] = {}
    repeated: set[int] = set()
    fresh: list[ingest.Row] = []
    for index, row in rows:
        its_first = first.setdefault(row.event_id, index)
        if its_first == index:
            fresh.append(row)
        else:
            repeated.add(index)
    before = ingest.store(conn, fresh, now)
    return repeated | {first[event_id] for event_id in before}


def _row(
    call: Call, draft: Draft, customer_id: int, codes: dict[str, int], ours: dict[str, int]
) -> ingest.Row:
    message_id = call.message_id if draft.line is None else f"{call.message_id}:{draft.line}"
    return ingest.Row(
        keys.event_hex(message_id),
        call.ts,
        customer_id,
        codes[draft.name],
        None if draft.session_id is None else keys.key64(draft.session_id),
        None if draft.order_id is None else keys.key64(draft.order_id),
        None if draft.product is None else ours[draft.product.external_id],
        draft.quantity,
        draft.value,
        draft.currency,
        properties=draft.properties,
    )


def _describe_all(
    conn: Connection,
    work: Sequence[_Work],
    customers: dict[int, int],
    now: datetime,
    changed: AddressesChanged | None,
) -> dict[int, tuple[traits.Refused, ...]]:
    """Keep what the calls tell of customers; returns what of it was refused, by index."""
    telling = [w for w in work if w.call.type == "identify" or w.call.context]
    # In one order for all writers, so that two batches never wait for each other in a circle.
    telling.sort(key=lambda w: (customers[w.index], w.index))
    given = [w for w in telling if w.call.type == "identify" and w.call.traits]
    outcomes = (
        traits.set_many(conn, [(customers[w.index], w.call.traits) for w in given], now)
        if given
        else []
    )
    told = {w.index: outcome.refused for w, outcome in zip(given, outcomes, strict=True)}
    seen: dict[tuple[int, str, str | None], tuple[traits.Refused, ...]] = {}
    for one in telling:
        device = _device(one.call)
        if device is not None:
            known = (customers[one.index], *device)
            if known not in seen:  # every call of an app names the same device
                seen[known] = _register(conn, *known, now)
            told[one.index] = (*told.get(one.index, ()), *seen[known])
    moved = {customers[w.index] for w, o in zip(given, outcomes, strict=True) if o.addresses}
    if changed is not None and moved:
        changed(conn, sorted(moved))
    return told


def _device(call: Call) -> tuple[str, str | None] | None:
    """The token and the platform of the device that a call came from, if it says so."""
    device = call.context.get("device")
    token = device.get("token") if isinstance(device, dict) else None
    return (token, _platform(call)) if isinstance(token, str) and token else None


def _register(
    conn: Connection, customer_id: int, token: str, platform: str | None, now: datetime
) -> tuple[traits.Refused, ...]:
    try:
        devices.register(conn, customer_id, token, platform, now)
    except InvalidInput as no:
        return (traits.Refused(no.field or "context.device.token", no.message),)
    return ()


def _platform(call: Call) -> str | None:
    device = call.context.get("device")
    kind = device.get("type") if isinstance(device, dict) else None
    return kind.lower()[:20] if isinstance(kind, str) and kind else None


def _told(
    told: Mapping[int, tuple[traits.Refused, ...]], index: int
) -> tuple[str | None, str | None]:
    refused = told.get(index)
    if not refused:
        return None, None
    reason = "; ".join(f"{r.field.removeprefix('traits.')} {r.reason}" for r in refused)
    return f"Not kept: {reason}.", refused[0].field
