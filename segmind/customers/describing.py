"""What calls tell of their customers is kept: traits of identify calls, devices of any."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection

from segmind.customers import devices, traits
from segmind.customers.calls import Call
from segmind.customers.reading_calls import Told
from segmind.errors import InvalidInput

#: Told which customers got another address, so that consent can look up its suppression.
AddressesChanged = Callable[[Connection, Sequence[int]], object]


def describe(
    conn: Connection,
    told_calls: Sequence[Told],
    customers: Mapping[int, int],
    now: datetime,
    changed: AddressesChanged | None,
) -> dict[int, tuple[traits.Refused, ...]]:
    """Keep what the calls tell of customers; returns what of it was refused, by index."""
    telling = [w for w in told_calls if w.call.type == "identify" or w.call.context]
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
