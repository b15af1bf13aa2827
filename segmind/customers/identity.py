"""Who is meant: the shop's and the browser's ids resolved to one customer.

An anonymous customer becomes a known one by being named; when both exist already, the anonymous one
is merged into the known one and readers of the log map its id (``customer_merge``). Two known
customers are never merged: a browser shared by two people stays with whom it was seen first.
"""

from __future__ import annotations

import polars as pl
from sqlalchemy import Connection, text

from segmind.customers import merging
from segmind.customers.enrolment import Enrolment, Namespace, TooBusy
from segmind.errors import InvalidInput

__all__ = ["Namespace", "TooBusy", "check_id", "find", "find_many", "resolve", "resolve_many"]

MAX_ID_LENGTH = 255
_ATTEMPTS = 5

_CREATE = text(
    """
    WITH claimed AS (
      INSERT INTO identity (namespace, external_id, customer_id)
      VALUES (:namespace, :external_id, nextval('customer_id_seq'))
      ON CONFLICT DO NOTHING
      RETURNING customer_id
    )
    INSERT INTO customer (id, external_id, is_anonymous)
    SELECT customer_id, :external_id, :namespace = 'anonymous' FROM claimed
    RETURNING id
    """
)


def resolve(conn: Connection, user_id: str | None = None, anonymous_id: str | None = None) -> int:
    """The internal id of the customer with these ids; creates, attaches or merges as needed.

    Safe under concurrency: everybody who asks for the same ids gets the same customer.

    Raises:
        InvalidInput: neither id given, or an id that is empty, too long or holds a NUL.
    """
    if user_id is None and anonymous_id is None:
        raise InvalidInput("A call needs userId or anonymousId.", field="userId")
    if user_id is not None:
        check_id(user_id, "userId")
    if anonymous_id is not None:
        check_id(anonymous_id, "anonymousId")
    for _ in range(_ATTEMPTS):
        found = _attempt(conn, user_id, anonymous_id)
        if found is not None:
            return found
    raise TooBusy()


def check_id(value: str, field: str) -> None:
    """Refuse an external id that cannot be kept.

    Raises:
        InvalidInput: it is empty, longer than 255 characters, or holds a NUL character.
    """
    if not value.strip():
        raise InvalidInput("The id is empty.", field=field)
    if len(value) > MAX_ID_LENGTH:
        raise InvalidInput(f"The id is longer than {MAX_ID_LENGTH} characters.", field=field)
    if "\x00" in value:
        raise InvalidInput("The id holds a NUL character.", field=field)


def find(conn: Connection, namespace: Namespace, external_id: str) -> int | None:
    """The customer known by this id, or None."""
    found = conn.execute(
        text("SELECT customer_id FROM identity WHERE namespace = :n AND external_id = :e"),
        {"n": namespace, "e": external_id},
    ).scalar()
    return None if found is None else int(found)


def find_many(conn: Connection, namespace: Namespace, external_ids: list[str]) -> dict[str, int]:
    """Those of ``external_ids`` that are known, with their customers."""
    rows = conn.execute(
        text(
            "SELECT external_id, customer_id FROM identity "
            "WHERE namespace = :n AND external_id = ANY(:ids)"
        ),
        {"n": namespace, "ids": external_ids},
    )
    return {row[0]: int(row[1]) for row in rows}


def resolve_many(conn: Connection, ids: pl.Series, namespace: Namespace = "user") -> pl.Series:
    """Internal ids (Int64) for external ``ids`` (strings or numbers), row by row; null stays null.

    Creates the customers that are missing. Made for millions of rows; who resolves block after
    block keeps one ``Enrolment``.
    """
    return Enrolment().resolve(conn, ids, namespace)


def _attempt(conn: Connection, user_id: str | None, anonymous_id: str | None) -> int | None:
    """One try; None when somebody else changed these ids meanwhile."""
    if user_id is None:
        assert anonymous_id is not None
        return find(conn, "anonymous", anonymous_id) or _create(conn, "anonymous", anonymous_id)
    known = find(conn, "user", user_id)
    if anonymous_id is None:
        return known or _create(conn, "user", user_id)
    anonymous = find(conn, "anonymous", anonymous_id)
    if anonymous is None:
        return _attach_browser(conn, known or _create(conn, "user", user_id), anonymous_id)
    if known == anonymous:
        return known
    if known is None:
        return _name(conn, anonymous, user_id)
    merging.merge(conn, anonymous, known)
    return known


def _create(conn: Connection, namespace: Namespace, external_id: str) -> int | None:
    values = {"namespace": namespace, "external_id": external_id}
    created = conn.execute(_CREATE, values).scalar()
    return None if created is None else int(created)


def _attach_browser(conn: Connection, customer_id: int | None, anonymous_id: str) -> int | None:
    if customer_id is None:
        return None
    return customer_id if _attach(conn, customer_id, "anonymous", anonymous_id) else None


def _name(conn: Connection, customer_id: int, user_id: str) -> int | None:
    """An anonymous customer turns out to be ``user_id``; a known one keeps his own name."""
    row = conn.execute(
        text("SELECT is_anonymous FROM customer WHERE id = :id FOR UPDATE"), {"id": customer_id}
    ).first()
    if row is None or merging.current_id(conn, customer_id) != customer_id:
        return None
    if not row.is_anonymous:
        return _create(conn, "user", user_id)
    if not _attach(conn, customer_id, "user", user_id):
        return None
    conn.execute(
        text("UPDATE customer SET is_anonymous = false, external_id = :e WHERE id = :id"),
        {"e": user_id, "id": customer_id},
    )
    return customer_id


def _attach(conn: Connection, customer_id: int, namespace: Namespace, external_id: str) -> bool:
    done = conn.execute(
        text(
            "INSERT INTO identity (namespace, external_id, customer_id) VALUES (:n, :e, :id) "
            "ON CONFLICT DO NOTHING"
        ),
        {"n": namespace, "e": external_id, "id": customer_id},
    )
    return done.rowcount == 1
