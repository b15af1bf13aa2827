"""Devices that can be reached by push, and whose they are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from segmind.errors import InvalidInput

MAX_TOKEN = 4_096


@dataclass(frozen=True, slots=True)
class Device:
    """One device: ``platform`` is ios, android, web or unknown (None)."""

    token: str
    platform: str | None
    last_seen_at: datetime


def register(
    conn: Connection, customer_id: int, token: str, platform: str | None, now: datetime
) -> None:
    """This device is the customer's from now on, and his newest.

    A device that was somebody else's changes hands: nobody gets another's messages.

    Raises:
        InvalidInput: the token is empty or too long.
    """
    if not token.strip() or len(token) > MAX_TOKEN:
        raise InvalidInput("The device token is empty or too long.", field="context.device.token")
    values = {"token": token, "id": customer_id, "platform": platform, "now": now}
    owner = conn.execute(
        text("SELECT customer_id FROM device WHERE token = :token FOR UPDATE"), values
    ).scalar()
    conn.execute(
        text(
            "INSERT INTO device (token, customer_id, platform, last_seen_at) "
            "VALUES (:token, :id, :platform, :now) ON CONFLICT (token) DO UPDATE SET "
            "customer_id = excluded.customer_id, last_seen_at = excluded.last_seen_at, "
            "platform = coalesce(excluded.platform, device.platform)"
        ),
        values,
    )
    _newest(conn, customer_id)
    if owner is not None and owner != customer_id:
        _newest(conn, int(owner))


def forget(conn: Connection, token: str) -> None:
    """The device no longer exists (the push service said so)."""
    owner = conn.execute(
        text("DELETE FROM device WHERE token = :token RETURNING customer_id"), {"token": token}
    ).scalar()
    if owner is not None:
        _newest(conn, int(owner))


def of_customer(conn: Connection, customer_id: int) -> list[Device]:
    """The customer's devices, the newest first."""
    rows = conn.execute(
        text(
            "SELECT token, platform, last_seen_at FROM device WHERE customer_id = :id "
            "ORDER BY last_seen_at DESC, token"
        ),
        {"id": customer_id},
    )
    return [Device(*row) for row in rows]


def _newest(conn: Connection, customer_id: int) -> None:
    conn.execute(
        text(
            "UPDATE customer SET push_token = d.token, push_suppressed = false FROM ("
            "  SELECT (SELECT token FROM device WHERE customer_id = :id"
            "          ORDER BY last_seen_at DESC, token LIMIT 1) AS token) d "
            "WHERE id = :id AND push_token IS DISTINCT FROM d.token"
        ),
        {"id": customer_id},
    )
