"""A campaign's frozen audience in portions: who is still to be written to, and whose turn it is.

A launch writes a row for some hundred recipients, not one for each, so that a million are in within
seconds; a message is made of each recipient when his turn comes (``entering``), in the transaction
that takes him off his portion. So at every instant a recipient is in a portion or a message, never
both and never neither: what is killed leaves him where he was.

Any number of dispatchers take at once: a portion is locked by who takes of it, and the others pass
it over.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

import polars as pl
from sqlalchemy import Connection, text

from segmind.consent.addresses import address_hash, address_hashes, as_channel, normal_form
from segmind.db.copy import copy_in
from segmind.db.literals import literal
from segmind.events.schema import Channel
from segmind.messages import sources
from segmind.messages.sources import SourceKey

#: Recipients of one portion: as many as the largest request to a provider carries.
SIZE: Final = 500
_HASH_BYTES: Final = 32


def put_in(
    conn: Connection,
    key: bytes,
    source: SourceKey,
    recipients: pl.DataFrame,
    channel: Channel,
    expires_at: datetime,
    *,
    size: int = SIZE,
) -> int:
    """Freeze the recipients of a campaign; returns how many there are.

    ``recipients``: customer_id (Int64), address (String), step (String or null: the variant),
    template_version_id (Int64; null: they wait until ``decide``). Their order is drawn by their
    address; portions of different steps take turns. ``key`` is
    ``consent.addresses.address_key(...)``.
    """
    if recipients.is_empty():
        return 0
    which = as_channel(channel)
    people = recipients.with_columns(normal_form(which, pl.col("address")))
    hashes = pl.Series("hash", address_hashes(key, which, people["address"]), dtype=pl.Binary)
    # In the order of the hash the unique index of the messages grows page by page, not at random.
    people = people.with_columns(hashes).sort("hash")
    parts = people.partition_by("template_version_id", "step", maintain_order=True)
    rows = [row for part in parts for row in _portions(part, size)]
    rows.sort(key=lambda row: row["turn"])
    copy_in(
        conn,
        "recipient_portion",
        pl.DataFrame(rows, schema=_PORTION).select(
            pl.lit(source.kind, pl.Int16).alias("source_kind"),
            pl.lit(source.id, pl.Int64).alias("source_id"),
            pl.lit(int(which), pl.Int16).alias("channel"),
            pl.lit(expires_at).alias("expires_at"),
            pl.all().exclude("turn"),
        ),
    )
    return people.height


_PORTION: Final = {
    "turn": pl.Float64(),
    "template_version_id": pl.Int64(),
    "step": pl.String(),
    "size": pl.Int32(),
    "customer_ids": pl.String(),
    "addresses": pl.String(),
    "address_hashes": pl.String(),
}


def _portions(people: pl.DataFrame, size: int) -> Iterator[dict[str, Any]]:
    """The people of one step by portions; ``turn``: which share of them comes before."""
    version, step = people["template_version_id"][0], people["step"][0]
    for start in range(0, people.height, size):
        some = people.slice(start, size)
        yield {
            "turn": start / people.height,
            "template_version_id": version,
            "step": step,
            "size": some.height,
            "customer_ids": literal(some["customer_id"].to_list()),
            "addresses": literal(some["address"].to_list()),
            "address_hashes": "\\x" + b"".join(some["hash"].to_list()).hex(),
        }


class Recipient(NamedTuple):
    """Somebody whose turn it is, with the id that his message is going to have."""

    message_id: int
    customer_id: int
    address: str | None  # null: erased
    address_hash: bytes


@dataclass(frozen=True, slots=True)
class Taken:
    """The next of a portion, which this transaction holds. ``left``: how many come after them."""

    portion_id: int
    recipients: tuple[Recipient, ...]
    left: int
    template_version_id: int
    step: str | None
    expires_at: datetime


def take(
    conn: Connection, key: bytes, source: SourceKey, channel: Channel, limit: int
) -> Taken | None:
    """Hold the next portion of an open campaign that nobody else holds, and name up to ``limit`` of
    it; None: there is none. They stay where they are until ``advance``."""
    row = conn.execute(
        _TAKE,
        {"kind": source.kind, "id": source.id, "channel": int(channel), "limit": limit},
    ).one_or_none()
    if row is None:
        return None
    hashes = bytes(row.hashes)
    each = (
        [hashes[n : n + _HASH_BYTES] for n in range(0, len(hashes), _HASH_BYTES)]
        if hashes
        else [address_hash(key, channel, address or "") for address in row.addresses]
    )
    ids = conn.execute(_IDS, {"count": len(row.customers)}).scalars()
    people = zip(ids, row.customers, row.addresses, each, strict=True)
    return Taken(
        row.id,
        tuple(Recipient(*person) for person in people),
        row.left,
        row.template_version_id,
        row.step,
        row.expires_at,
    )


def advance(conn: Connection, taken: Taken, count: int) -> None:
    """The first ``count`` of what was taken are messages now."""
    values = {"id": taken.portion_id, "count": count}
    if count == len(taken.recipients) and not taken.left:
        conn.execute(text("DELETE FROM recipient_portion WHERE id = :id"), values)
    else:
        conn.execute(
            text("UPDATE recipient_portion SET taken = taken + :count WHERE id = :id"), values
        )


#: How many recipients of ``:kind`` and ``:id`` are still to become messages, who wait for a winner
#: left out. To be asked in one statement with the messages: between two, somebody becomes one.
WAITING: Final = (
    "(SELECT COALESCE(sum(size - taken), 0)::bigint FROM recipient_portion"
    " WHERE source_kind = :kind AND source_id = :id AND template_version_id IS NOT NULL)"
)
#: How many wait for the winner of a test.
UNDECIDED: Final = WAITING.replace("IS NOT NULL", "IS NULL")
#: customer_id of all who are still in portions, for ``copy_out`` with kind and id.
CUSTOMERS: Final = (
    "SELECT unnest(customer_ids[taken + 1 :]) AS customer_id FROM recipient_portion"
    " WHERE source_kind = %s AND source_id = %s"
)


def decide(
    conn: Connection, source: SourceKey, version_id: int, step: str, expires_at: datetime
) -> int:
    """Let those who waited get this version; how many they are."""
    rows = conn.execute(
        text("""
            UPDATE recipient_portion
            SET template_version_id = :version, step = :step, expires_at = :expires_at
            WHERE source_kind = :kind AND source_id = :id AND template_version_id IS NULL
            RETURNING size - taken
        """),
        {
            "kind": source.kind,
            "id": source.id,
            "version": version_id,
            "step": step,
            "expires_at": expires_at,
        },
    )
    return sum(rows.scalars())


def withdraw(conn: Connection, source: SourceKey) -> None:
    """Nobody who is left gets anything: who waited for a winner is dropped, the others stay to be
    counted, without their addresses."""
    values = {"kind": source.kind, "id": source.id}
    conn.execute(
        text(
            "DELETE FROM recipient_portion WHERE source_kind = :kind AND source_id = :id"
            " AND template_version_id IS NULL"
        ),
        values,
    )
    conn.execute(
        text(
            "UPDATE recipient_portion SET addresses = array_fill(CAST(NULL AS text), ARRAY[size])"
            " WHERE source_kind = :kind AND source_id = :id"
        ),
        values,
    )


def waiting(conn: Connection) -> dict[SourceKey, int]:
    """How many recipients wait for their turn, by source; cancelled ones left out."""
    rows = conn.execute(
        text("""
            SELECT p.source_kind, p.source_id, sum(p.size - p.taken)::bigint
            FROM recipient_portion p LEFT JOIN outbox_source s USING (source_kind, source_id)
            WHERE p.template_version_id IS NOT NULL
              AND COALESCE(s.state, 'open') <> 'cancelled'
            GROUP BY 1, 2 ORDER BY 1, 2
        """)
    )
    return {SourceKey(kind, number): n for kind, number, n in rows}


def give_time(conn: Connection, source: SourceKey, until: datetime) -> None:
    """Let the messages of who waits be worth sending until then at least."""
    conn.execute(
        text(
            "UPDATE recipient_portion SET expires_at = :until"
            " WHERE source_kind = :kind AND source_id = :id AND expires_at < :until"
        ),
        {"kind": source.kind, "id": source.id, "until": until},
    )


def forget(conn: Connection, customer_ids: Sequence[int]) -> None:
    """Clear the addresses of these customers; their places stay, for who adds up.

    To be called before their messages are cleared: a portion that a dispatcher holds is waited
    for, and what it makes messages of meanwhile is found among these.
    """
    conn.execute(
        text("""
            UPDATE recipient_portion p SET addresses = (
                SELECT array_agg(CASE WHEN g.who = ANY(CAST(:ids AS bigint[])) THEN NULL
                                 ELSE g.address END ORDER BY g.n)
                FROM unnest(p.customer_ids, p.addresses) WITH ORDINALITY AS g(who, address, n))
            WHERE p.customer_ids && CAST(:ids AS bigint[])
        """),
        {"ids": list(customer_ids)},
    )


_TAKE: Final = text(f"""
    SELECT p.id, p.template_version_id, p.step, p.expires_at,
           p.customer_ids[p.taken + 1 : p.taken + :limit] AS customers,
           p.addresses[p.taken + 1 : p.taken + :limit] AS addresses,
           substring(p.address_hashes FROM p.taken * {_HASH_BYTES} + 1 FOR :limit * {_HASH_BYTES})
               AS hashes,
           GREATEST(p.size - p.taken - :limit, 0) AS left
    FROM recipient_portion p
    WHERE p.source_kind = :kind AND p.source_id = :id AND p.template_version_id IS NOT NULL
      AND p.channel = :channel
      AND NOT EXISTS (SELECT FROM outbox_source s WHERE s.source_kind = :kind
                      AND s.source_id = :id AND NOT ({sources.IS_OPEN}))
    ORDER BY p.id LIMIT 1 FOR UPDATE OF p SKIP LOCKED
""")
_IDS: Final = text(
    "SELECT nextval(CAST('message_id_seq' AS regclass)) FROM generate_series(1, :count)"
)
