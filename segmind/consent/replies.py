"""What customers write back in words of their own: a person reads it, and one click makes it a no.

The law asks to honour any reasonable way of saying no, not only STOP. What looks like one comes
first; nothing is decided by a machine.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from sqlalchemy import Connection, text

from segmind.consent import unsubscribe
from segmind.consent.ledger import ConsentSource
from segmind.errors import Conflict, NotFound
from segmind.events.schema import Channel

#: Phrases of wanting no more, in the languages of the keywords; a hint for the order of reading.
_LIKELY: Final = re.compile(
    r"\b(?:stop|no more|leave me|don'?t (?:text|write|send|message|contact|want)|do not (?:text|"
    r"write|send|message|contact|want)|remove|unsub\w*|opt(?:ing)?[ -]?out|take me off|wrong "
    r"(?:number|person)|not interested|who is this|spam|lawyer|sue|harass\w*|basta|no quiero|"
    r"d[eé]sabonn\w*|arr[eê]te\w*|abmelden|keine (?:sms|nachrichten|werbung)|aufh[oö]ren)\b",
    re.IGNORECASE,
)
#: Longer than any text message that a carrier joins.
LONGEST: Final = 2_000


class NoReply(NotFound):
    """There is no such reply."""

    code = "reply_not_found"


class Decided(Conflict):
    """Somebody has decided about this reply already."""

    code = "reply_decided"


Decision = Literal["opted_out", "dismissed"]


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply. ``address`` and ``words`` are None after erasure."""

    id: int
    channel: Channel
    customer_id: int | None
    address: str | None
    words: str | None
    likely_opt_out: bool
    received_at: datetime
    decision: str | None
    decided_by: str | None
    decided_at: datetime | None


def looks_like_a_no(words: str) -> bool:
    """Whether a person should read it first."""
    return _LIKELY.search(words) is not None


def keep(
    conn: Connection,
    channel: Channel,
    *,
    dedupe_key: str,
    customer_id: int | None,
    address: str,
    hashed: bytes,
    words: str,
    at: datetime,
) -> None:
    """Put a reply into the queue; a repeat of the same report changes nothing."""
    said = words.replace("\0", "")[:LONGEST]
    conn.execute(
        text("""
            INSERT INTO reply (dedupe_key, channel, customer_id, address, address_hash, text,
                               likely_opt_out, received_at)
            VALUES (:key, :channel, :customer, :address, :hashed, :words, :likely, :at)
            ON CONFLICT DO NOTHING
        """),
        {
            "key": dedupe_key,
            "channel": int(channel),
            "customer": customer_id,
            "address": address,
            "hashed": hashed,
            "words": said,
            "likely": looks_like_a_no(said),
            "at": at,
        },
    )


def waiting(conn: Connection, limit: int = 100) -> list[Reply]:
    """What nobody has decided about yet, likely noes first, then the oldest."""
    return _read(conn, "decision IS NULL ORDER BY likely_opt_out DESC, id", limit)


def decided(conn: Connection, limit: int = 50) -> list[Reply]:
    """What was decided last."""
    return _read(conn, "decision IS NOT NULL ORDER BY decided_at DESC", limit)


def count_waiting(conn: Connection) -> int:
    """How many wait for somebody to read them."""
    query = "SELECT count(*) FROM reply WHERE decision IS NULL"
    return int(conn.execute(text(query)).scalar_one())


def treat_as_opt_out(conn: Connection, reply_id: int, actor: str, now: datetime) -> Reply:
    """Make the reply a no of its address on its channel, as of when it came in.

    Raises:
        NoReply, Decided.
    """
    found = _decide(conn, reply_id, "opted_out", actor, now)
    row = conn.execute(
        text("SELECT address_hash, customer_id FROM reply WHERE id = :id"), {"id": reply_id}
    ).one()
    unsubscribe.opt_out(
        conn,
        found.channel,
        customer_id=found.customer_id,
        hashed=bytes(row.address_hash),
        address=found.address,
        source=ConsentSource.REPLY,
        evidence={"reply": reply_id, "text": found.words, "decided_by": actor},
        actor=actor,
        now=found.received_at,
    )
    return found


def dismiss(conn: Connection, reply_id: int, actor: str, now: datetime) -> Reply:
    """It is no opt-out.

    Raises:
        NoReply, Decided.
    """
    return _decide(conn, reply_id, "dismissed", actor, now)


def forget(conn: Connection, customer_ids: Sequence[int]) -> None:
    """Null what customers wrote and from where."""
    conn.execute(
        text("""
            UPDATE reply SET address = NULL, text = NULL,
                   decision = COALESCE(decision, 'dismissed'),
                   decided_by = COALESCE(decided_by, 'erasure')
            WHERE customer_id = ANY(:ids)
        """),
        {"ids": list(customer_ids)},
    )


def _decide(
    conn: Connection, reply_id: int, decision: Decision, actor: str, now: datetime
) -> Reply:
    done = conn.execute(
        text("""
            UPDATE reply SET decision = :decision, decided_by = :actor, decided_at = :now
            WHERE id = :id AND decision IS NULL
        """),
        {"id": reply_id, "decision": decision, "actor": actor, "now": now},
    )
    found = _read(conn, "id = :id", 1, id=reply_id)
    if not found:
        raise NoReply()
    if not done.rowcount:
        raise Decided()
    return found[0]


def _read(conn: Connection, where: str, limit: int, **values: object) -> list[Reply]:
    rows = conn.execute(
        text(f"""
            SELECT id, channel, customer_id, address, text, likely_opt_out, received_at, decision,
                   decided_by, decided_at
            FROM reply WHERE {where} LIMIT :limit
        """),
        {"limit": limit, **values},
    )
    return [Reply(row[0], Channel(row[1]), *row[2:]) for row in rows]
