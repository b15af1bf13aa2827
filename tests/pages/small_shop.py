"""A shop small enough to know by heart: three customers, a week, two orders."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from segmind.consent import ledger
from segmind.customers import identity, tracking
from segmind.segments import segment as segments
from segmind.workspace import product_settings

PEOPLE: dict[str, dict[str, Any]] = {
    "c-1": {"firstName": "Mara", "lastName": "Keller", "email": "mara@example.com"},
    "c-2": {"firstName": "Ida", "lastName": "Ode", "email": "ida@example.com",
            "phone": "+15005550006"},
    "c-3": {"firstName": "Noor", "lastName": "Abadi", "phone": "+15005550009"},
}  # fmt: skip


def fill(conn: Connection, now: datetime) -> dict[str, int]:
    """Fill the store; returns the customers' ids by the shop's own.

    Mara viewed 12 times and did not buy; Ida ordered twice; Noor left a lamp in the cart.
    """
    settings = {"shop_name": "Linden", "postal_address": "1 High Street, London"}
    product_settings.save(conn, settings, "test", now)
    calls = [_identify(user, traits, now) for user, traits in PEOPLE.items()]
    calls += [
        _track("c-1", "Product Viewed", now - timedelta(hours=3 + n), {"product_id": "lamp"})
        for n in range(12)
    ]
    for n, days in enumerate((2, 5)):
        products = [{"product_id": "lamp", "name": "Lamp", "price": 20, "quantity": 1}]
        properties = {"order_id": f"o-{n}", "products": products, "currency": "USD"}
        calls.append(_track("c-2", "Order Completed", now - timedelta(days=days), properties))
    lamp = {"product_id": "lamp", "name": "Lamp", "price": 20, "quantity": 1}
    calls.append(_track("c-3", "Product Added", now - timedelta(hours=5), lamp))
    results = tracking.track(conn, calls, now)
    assert [r for r in results if r.status != "accepted"] == []
    ids = {user: identity.find(conn, "user", user) or 0 for user in PEOPLE}
    for user in ("c-1", "c-2"):
        ledger.record(conn, ids[user], "email", True, "form", None, "test", now)
    ledger.record(conn, ids["c-3"], "sms", True, "form", None, "test", now)
    segments.ensure_built_ins(conn, "test", now)
    return ids


def _identify(user: str, traits: dict[str, Any], now: datetime) -> dict[str, Any]:
    return {
        "type": "identify",
        "userId": user,
        "messageId": f"identify-{user}",
        "timestamp": (now - timedelta(days=7)).isoformat(),
        "traits": {**traits, "country": "DE", "tier": "gold"},
    }


def _track(user: str, event: str, at: datetime, properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "track",
        "userId": user,
        "event": event,
        "messageId": f"{user}-{event}-{at.isoformat()}",
        "timestamp": at.isoformat(),
        "properties": properties,
    }
