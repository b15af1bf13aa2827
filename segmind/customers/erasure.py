"""A customer's rights over his data: a copy of all of it, and forgetting who he was."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, text

from segmind.customers import columns, merging, queries, timeline
from segmind.customers.facts import Facts
from segmind.db import jobs
from segmind.db.engine import Store
from segmind.db.locks import lock
from segmind.events import forgetting

#: Something a higher package must forget too: called with the ids that were the customer's.
Forget = Callable[[Connection, list[int]], object]
#: Lock of erasures, held alone; whoever copies addresses by the thousand holds it with others.
ERASING = "erase customers"

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
    ids = all_ids(conn, current)
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
            "SELECT channel, purpose, status, source, evidence, actor, at FROM consent_entry "
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
    Reached soon, by ``forget_in_files``: the properties of his events in sealed files, and his
    columns in the mirror file, which no reader sees by now. Kept: his events and orders under the
    internal number, which nothing leads back to a person, so that yesterday's revenue stays what it
    was; suppressed addresses as keyed hashes, so that he is not written to again. NOT reached:
    backups, and what providers keep. Addresses and variables of his messages belong to the messages
    package: pass what forgets them, and what must be remembered of the addresses first, as
    ``also``; it runs before anything else, in the same transaction.

    Raises:
        CustomerNotFound: nobody has this id, or he was erased before.
    """
    lock(conn, ERASING)
    current = queries.get(conn, customer_id).id
    ids = all_ids(conn, current)
    values = {"ids": ids, "now": now}
    # Whoever is putting a message to him into the outbox is waited for, so that it is found below.
    conn.execute(text("SELECT FROM customer WHERE id = ANY(:ids) ORDER BY id FOR UPDATE"), values)
    for forget in also:
        forget(conn, ids)
    conn.execute(text("DELETE FROM identity WHERE customer_id = ANY(:ids)"), values)
    conn.execute(text("DELETE FROM device WHERE customer_id = ANY(:ids)"), values)
    conn.execute(
        text("UPDATE consent_entry SET evidence = NULL WHERE customer_id = ANY(:ids)"), values
    )
    conn.execute(
        text(
            "UPDATE event_recent SET properties = NULL, seq = DEFAULT "
            "WHERE customer_id = ANY(:ids) AND properties IS NOT NULL"
        ),
        values,
    )
    cleared = ", ".join(f"{name} = NULL" for name in _PERSONAL)
    conn.execute(
        text(
            f"UPDATE customer SET {cleared}, traits = '{{}}', erased_at = :now WHERE id = ANY(:ids)"
        ),
        values,
    )
    conn.execute(
        text(
            "INSERT INTO erasure (customer_id, erased_at) SELECT unnest(CAST(:ids AS bigint[])), "
            "clock_timestamp() ON CONFLICT (customer_id) DO UPDATE "
            "SET passes = 0, erased_at = excluded.erased_at"
        ),
        values,
    )
    return ids


def forget_in_files(store: Store, also: Iterable[Forget] = ()) -> int:
    """Have the files forget whom ``erase`` has emptied since; returns how many customers.

    All that wait go in one pass, which is a job with its progress. Each is looked for once more a
    day later: an event on its way at the moment of erasure may have entered a file afterwards. A
    pass that could not read or replace some file is repeated at the next call. ``also``: as in
    ``erase``, asked again for what was on its way.
    """
    with store.engine.connect() as conn:
        waiting = conn.execute(text(_WAITING)).all()
    if not waiting:
        return 0
    title = f"Forget {len(waiting):,} erased customers in event files"
    job_id = jobs.start(store.engine, "erasure", title)
    try:
        for forget in also:
            with store.engine.begin() as conn:
                forget(conn, [row.customer_id for row in waiting])
        done = forgetting.forget_properties(
            store,
            [row.customer_id for row in waiting],
            lambda n, total: jobs.progress(store.engine, job_id, n, f"{n:,} of {total:,} days"),
        )
        columns.rebuild(store)
    except BaseException as error:
        jobs.finish(store.engine, job_id, failed=type(error).__name__)
        raise
    if done.complete:
        with store.engine.begin() as conn:
            conn.execute(
                text(
                    "UPDATE erasure e SET passes = e.passes + 1, files_at = clock_timestamp() "
                    "FROM unnest(CAST(:ids AS bigint[]), CAST(:passes AS smallint[])) AS w(id, n) "
                    "WHERE e.customer_id = w.id AND e.passes = w.n"
                ),
                {
                    "ids": [row.customer_id for row in waiting],
                    "passes": [row.passes for row in waiting],
                },
            )
    jobs.finish(
        store.engine,
        job_id,
        result={"customers": len(waiting), "files": done.files, "events": done.rows},
        failed=None if done.complete else "Some files could not be read; it is tried again.",
    )
    return len(waiting)


_WAITING = """
    SELECT customer_id, passes FROM erasure
    WHERE passes = 0 OR (passes = 1 AND erased_at < now() - interval '1 day')
    ORDER BY customer_id LIMIT 100000
"""


def all_ids(conn: Connection, customer_id: int) -> list[int]:
    """A customer's id and those merged into him: what rows of his may be under."""
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
