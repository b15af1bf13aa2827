"""Merging an anonymous customer into the known one that he turned out to be."""

from __future__ import annotations

from sqlalchemy import Connection, text

from segmind.db.literals import literal

_PERSONAL = (
    "first_name",
    "last_name",
    "email",
    "phone",
    "push_token",
    "country",
    "city",
    "language",
    "timezone",
    "birthday",
)
_ADDRESSES = {"email": "email", "sms": "phone", "push": "push_token"}

# Of a contradiction the known customer's value stays, except that a "no" of either stays a no.
# A suppression belongs to an address: it moves only together with it.
_FILL = text(
    "UPDATE customer k SET "
    + ", ".join(f"{name} = coalesce(k.{name}, a.{name})" for name in _PERSONAL)
    + ", "
    + ", ".join(
        f"{c}_consent = least(k.{c}_consent, a.{c}_consent), "
        f"{c}_suppressed = k.{c}_suppressed OR (a.{c}_suppressed AND "
        f"coalesce(lower(k.{column}) = lower(a.{column}), k.{column} IS NULL))"
        for c, column in _ADDRESSES.items()
    )
    + ", traits = a.traits || k.traits, created_at = least(k.created_at, a.created_at) "
    "FROM customer a WHERE k.id = :into AND a.id = :from"
)
# He was contacted as often as both were.
_CONTACTS = text("""
    INSERT INTO contact_book AS b (customer_id, channel, days, last_at)
    SELECT :into, channel, days, last_at FROM contact_book WHERE customer_id = :from
    ON CONFLICT (customer_id, channel) DO UPDATE
    SET days = b.days || excluded.days, last_at = GREATEST(b.last_at, excluded.last_at)
""")
_EMPTY = text(
    "UPDATE customer SET "
    + ", ".join(f"{name} = NULL" for name in _PERSONAL)
    + ", traits = '{}', email_consent = NULL, sms_consent = NULL, push_consent = NULL "
    "WHERE id = :from"
)

_INTO = text(
    "SELECT from_id, into_id FROM customer_merge WHERE from_id = ANY(CAST(:ids AS bigint[]))"
)


def current_id(conn: Connection, customer_id: int) -> int:
    """The customer that ``customer_id`` was merged into, else itself."""
    into = conn.execute(
        text("SELECT into_id FROM customer_merge WHERE from_id = :id"), {"id": customer_id}
    ).scalar()
    return customer_id if into is None else int(into)


def current_ids(conn: Connection, customer_ids: list[int]) -> dict[int, int]:
    """Those of ``customer_ids`` that were merged, with the customers they are part of now."""
    rows = conn.execute(_INTO, {"ids": literal(customer_ids)})
    return {int(from_id): int(into_id) for from_id, into_id in rows}


def merge(conn: Connection, from_id: int, into_id: int) -> bool:
    """Make the anonymous ``from_id`` part of the known ``into_id``; False if he is not anonymous.

    Ids, devices, traits and consents move; the log is not rewritten, its readers map the id. The
    emptied row stays, so that the column mirror learns that the customer is gone.
    """
    rows = conn.execute(
        text("SELECT id, is_anonymous FROM customer WHERE id = ANY(:ids) ORDER BY id FOR UPDATE"),
        {"ids": [from_id, into_id]},
    ).all()
    anonymous = {row.id: row.is_anonymous for row in rows}
    if not anonymous.get(from_id) or anonymous.get(into_id) is not False:
        return False
    if current_id(conn, from_id) != from_id:
        return False
    ids = {"from": from_id, "into": into_id}
    conn.execute(text("INSERT INTO customer_merge (from_id, into_id) VALUES (:from, :into)"), ids)
    conn.execute(text("UPDATE identity SET customer_id = :into WHERE customer_id = :from"), ids)
    conn.execute(text("UPDATE device SET customer_id = :into WHERE customer_id = :from"), ids)
    conn.execute(_CONTACTS, ids)
    conn.execute(_FILL, ids)
    conn.execute(_EMPTY, ids)
    return True
