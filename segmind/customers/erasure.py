"""A customer's rights over his data: a copy of all of it, and forgetting who he was."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, text

from segmind.customers import merging, queries, timeline
from segmind.customers.facts import Facts

#: Something a higher package must forget too: called with the ids that were the customer's.
Forget = Callable[[Connection, list[int]], object]

_PERSONAL = (
    "external_id",
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
    "email_consent",
    "sms_consent",
    "push_consent",
)


def export(conn: Connection, facts: Facts, customer_id: int) -> dict[str, Any]:
    """Everything kept of a customer as a JSON-able dict: himself, ids, devices, consents, events.

    Instants and days are ISO 8601 text, money is in minor units.

    Raises:
        CustomerNotFound: nobody has this id, or he was erased.
    """
    current = queries.get(conn, customer_id).id
    ids = _all_ids(conn, current)
    customer = _rows(conn, "SELECT * FROM customer WHERE id = ANY(:ids)", [current])[0]
    events = timeline.of_customer(facts, current, limit=None)
    return {
        "customer": {k: v for k, v in customer.items() if k != "changed_xid"},
        "ids": _rows(
            conn,
            "SELECT namespace, external_id, first_seen_at FROM identity "
            "WHERE customer_id = ANY(:ids) ORDER BY 1, 2",
            ids,
        ),
        "devices": _rows(
            conn,
            "SELECT token, platform, last_seen_at FROM device WHERE customer_id = ANY(:ids) "
            "ORDER BY last_seen_at",
            ids,
        ),
        "consents": _rows(
            conn,
            "SELECT channel, status, source, evidence, at FROM consent_entry "
            "WHERE customer_id = ANY(:ids) ORDER BY id",
            ids,
        ),
        "events": [
            {k: _plain(v) for k, v in row.items() if v is not None}
            | ({"properties": json.loads(row["properties"])} if row["properties"] else {})
            for row in events.iter_rows(named=True)
        ],
    }


def erase(
    conn: Connection, customer_id: int, now: datetime, also: Iterable[Forget] = ()
) -> list[int]:
    """Forget who a customer was; returns the ids that he had (his own and those merged into him).

    Reached here: the personal fields and traits of his row, his external ids and devices, the
    evidence of his consents, and the properties of his events that are still in recent rows.
    Kept: his events and orders under the internal number, which nothing leads back to a person, so
    that yesterday's revenue stays what it was; suppressed addresses as keyed hashes, so that he is
    not written to again. NOT reached: properties of events already sealed into files, rejects
    files of imports, backups, and what providers keep. Addresses and variables of his messages
    belong to the messages package: pass what forgets them, and what must be remembered of the
    addresses first, as ``also``; it runs before anything else, in the same transaction.

    The customer's mirror file is written anew in its own time; until then his old columns stay on
    disk there, though no reader sees them.

    Raises:
        CustomerNotFound: nobody has this id, or he was erased before.
    """
    current = queries.get(conn, customer_id).id
    ids = _all_ids(conn, current)
    for forget in also:
        forget(conn, ids)
    values = {"ids": ids, "now": now}
    conn.execute(text("DELETE FROM identity WHERE customer_id = ANY(:ids)"), values)
    conn.execute(text("DELETE FROM device WHERE customer_id = ANY(:ids)"), values)
    conn.execute(
        text("UPDATE consent_entry SET evidence = NULL WHERE customer_id = ANY(:ids)"), values
    )
    conn.execute(
        text("UPDATE event_recent SET properties = NULL WHERE customer_id = ANY(:ids)"), values
    )
    cleared = ", ".join(f"{name} = NULL" for name in _PERSONAL)
    conn.execute(
        text(
            f"UPDATE customer SET {cleared}, traits = '{{}}', erased_at = :now WHERE id = ANY(:ids)"
        ),
        values,
    )
    return ids


def _all_ids(conn: Connection, customer_id: int) -> list[int]:
    merged = conn.execute(
        text("SELECT from_id FROM customer_merge WHERE into_id = :id ORDER BY from_id"),
        {"id": merging.current_id(conn, customer_id)},
    ).scalars()
    return [customer_id, *(int(i) for i in merged)]


def _rows(conn: Connection, query: str, ids: list[int]) -> list[dict[str, Any]]:
    rows = conn.execute(text(query), {"ids": ids}).mappings()
    return [{k: _plain(v) for k, v in row.items()} for row in rows]


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date | datetime) else value
