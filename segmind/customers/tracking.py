"""Tracking calls in, each answered on its own: accepted, repeated or rejected with the reason."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, Literal

from sqlalchemy import Connection, text
from sqlalchemy.exc import DataError

from segmind.customers import calls, commerce, devices, identity, merging, traits
from segmind.customers.calls import Call
from segmind.customers.commerce import Draft
from segmind.errors import InvalidInput
from segmind.events import ingest, keys, names, products
from segmind.events.ingest import NewEvent
from segmind.events.products import Product
from segmind.workspace import product_settings

Status = Literal["accepted", "repeated", "rejected"]
#: Told which customers got another address, so that consent can look up its suppression.
AddressesChanged = Callable[[Connection, Sequence[int]], object]

_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CallResult:
    """What became of the call at ``index``.

    ``reason`` and ``field`` say why it was rejected; on an accepted identify, which traits were
    not kept (the others were).
    """

    index: int
    status: Status
    reason: str | None = None
    field: str | None = None


@dataclass(frozen=True, slots=True)
class _Work:
    index: int
    call: Call
    drafts: list[Draft]
    customer_id: int = 0


def track(
    conn: Connection,
    raw_calls: Sequence[Any],
    now: datetime,
    addresses_changed: AddressesChanged | None = None,
) -> list[CallResult]:
    """Take calls of Segment's shapes (see ``calls``, ``commerce``); one result per call, in order.

    Everything accepted is durable when the caller's transaction commits. A call that cannot be
    taken harms no other.
    """
    results: dict[int, CallResult] = {}
    work: list[_Work] = []
    currency = product_settings.load(conn).currency
    for index, raw in enumerate(raw_calls):
        try:
            call = calls.parse(raw, now)
            drafts = commerce.drafts_of(call, currency)
            names.codes_of(conn, {d.name for d in drafts})
        except InvalidInput as refused:
            results[index] = CallResult(index, "rejected", refused.message, refused.field)
        else:
            work.append(_Work(index, call, drafts))
    results |= {r.index: r for r in _take(conn, work, now, addresses_changed)}
    return [results[index] for index in range(len(raw_calls))]


def _take(
    conn: Connection, work: list[_Work], now: datetime, changed: AddressesChanged | None
) -> list[CallResult]:
    """All at once; where PostgreSQL refuses a value that the checks let through, one by one."""
    if not work:
        return []
    try:
        with conn.begin_nested():
            return _store(conn, work, now, changed)
    except DataError as refused:
        if len(work) == 1:
            _log.warning("A checked call was refused by the database: %s", type(refused.orig))
            return [CallResult(work[0].index, "rejected", "The call cannot be stored.")]
    return [result for one in work for result in _take(conn, [one], now, changed)]


def _store(
    conn: Connection, work: list[_Work], now: datetime, changed: AddressesChanged | None
) -> list[CallResult]:
    customers = _customers(conn, [w.call for w in work])
    resolved = [
        replace(w, customer_id=customers[(w.call.user_id, w.call.anonymous_id)]) for w in work
    ]
    repeated = _append(conn, resolved, now)
    results: list[CallResult] = []
    moved: set[int] = set()
    # In one order for all writers, so that two batches never wait for each other in a circle.
    for one in sorted(resolved, key=lambda w: (w.customer_id, w.index)):
        refused = _describe(conn, one, now, moved)
        status: Status = "repeated" if one.index in repeated else "accepted"
        results.append(CallResult(one.index, status, *_told(refused)))
    if changed is not None and moved:
        changed(conn, sorted(moved))
    return results


def _customers(conn: Connection, taken: list[Call]) -> dict[tuple[str | None, str | None], int]:
    """The customer of every pair of ids. Sorted, so that two batches do not block each other."""
    pairs = {(c.user_id, c.anonymous_id) for c in taken}
    known = {
        "user": identity.find_many(conn, "user", [u for u, _ in pairs if u is not None]),
        "anonymous": identity.find_many(conn, "anonymous", [a for _, a in pairs if a is not None]),
    }
    found: dict[tuple[str | None, str | None], int] = {}
    for user, anonymous in sorted(pairs, key=lambda p: (p[0] or "", p[1] or "")):
        by_user = known["user"].get(user or "")
        same = anonymous is None or by_user == known["anonymous"].get(anonymous)
        if by_user is not None and same:
            found[user, anonymous] = by_user
        else:
            found[user, anonymous] = identity.resolve(conn, user, anonymous)
    # A later pair may have merged an earlier one's customer.
    final = merging.current_ids(conn, list(found.values()))
    return {pair: final.get(customer, customer) for pair, customer in found.items()}


def _append(conn: Connection, work: list[_Work], now: datetime) -> set[int]:
    """Append the rows of all calls; returns the indexes of calls that were there before."""
    told = [d.product for w in work for d in w.drafts if d.product is not None]
    ours = products.ids_of(conn, told) if told else {}
    first: dict[Any, int] = {}
    repeated: set[int] = set()
    rows: list[NewEvent] = []
    for one in work:
        for draft in one.drafts:
            row = _row(one, draft, ours)
            event_id = keys.event_id(str(row.event_id))
            if first.setdefault(event_id, one.index) != one.index:
                repeated.add(one.index)
            rows.append(row)
    seen = conn.execute(
        text("SELECT event_id FROM event_seen WHERE event_id = ANY(CAST(:ids AS uuid[]))"),
        {"ids": list(first)},
    ).scalars()
    repeated |= {first[event_id] for event_id in seen}
    if rows:
        ingest.append(conn, rows, now)
    return repeated


def _row(one: _Work, draft: Draft, ours: dict[str, int]) -> NewEvent:
    product: Product | None = draft.product
    call = one.call
    return NewEvent(
        event_id=call.message_id if draft.line is None else f"{call.message_id}:{draft.line}",
        name=draft.name,
        ts=call.ts,
        customer_id=one.customer_id,
        session_id=draft.session_id,
        order_id=draft.order_id,
        product_id=None if product is None else ours[product.external_id],
        quantity=draft.quantity,
        value=draft.value,
        currency=draft.currency,
        properties=draft.properties,
    )


def _describe(
    conn: Connection, one: _Work, now: datetime, moved: set[int]
) -> tuple[traits.Refused, ...]:
    """Keep what the call tells of the customer: traits (identify) and the device."""
    refused: tuple[traits.Refused, ...] = ()
    if one.call.type == "identify" and one.call.traits:
        outcome = traits.set_traits(conn, one.customer_id, one.call.traits, now)
        refused = outcome.refused
        if outcome.addresses:
            moved.add(one.customer_id)
    device = one.call.context.get("device")
    token = device.get("token") if isinstance(device, dict) else None
    if isinstance(token, str) and token:
        try:
            devices.register(conn, one.customer_id, token, _platform(one.call), now)
        except InvalidInput as no:
            refused = (*refused, traits.Refused(no.field or "context.device.token", no.message))
    return refused


def _platform(call: Call) -> str | None:
    device = call.context.get("device")
    kind = device.get("type") if isinstance(device, dict) else None
    return kind.lower()[:20] if isinstance(kind, str) and kind else None


def _told(refused: tuple[traits.Refused, ...]) -> tuple[str | None, str | None]:
    if not refused:
        return None, None
    reason = "; ".join(f"{r.field.removeprefix('traits.')} {r.reason}" for r in refused)
    return f"Not kept: {reason}.", refused[0].field
