"""Reading messages: one with its whole history in words, searching."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, RowMapping, text

from segmind.consent.addresses import address_hash, is_valid
from segmind.errors import InvalidInput, NotFound
from segmind.events.schema import Channel
from segmind.messages.lifecycle import Delivery, State
from segmind.messages.micro_batches import PROVIDER_ID
from segmind.messages.status_words import CONDITIONS, because, status_word
from segmind.messages.story import Entry, tell
from segmind.messages.under_way import STATE

_MOST_ROWS = 500
#: A part of an address is looked for among so many of the newest messages, a whole one among all.
LOOKED_THROUGH = 300_000


class NoMessage(NotFound):
    """There is no message {id}."""

    code = "message_not_found"


@dataclass(frozen=True, slots=True)
class Message:
    """One message as it stands. ``status`` is one plain word for lists and the API:
    queued, waiting, sending, accepted, sent, delivered, bounced, failed, skipped, expired,
    cancelled, in_doubt. ``because`` says in words why it is where it is, when that needs saying."""

    id: int
    public_id: UUID
    source_kind: int
    source_id: int
    step: str | None
    purpose: str
    customer_id: int | None
    channel: Channel
    address: str | None
    template_version_id: int
    state: State
    delivery: Delivery
    status: str
    because: str
    attempt: int
    provider: str | None
    provider_id: str | None
    error_class: str | None
    error_code: str | None
    delivery_code: str | None
    error_message: str | None
    skip_reason: str | None
    segments: int | None
    cost_micros: int | None
    due_at: datetime
    expires_at: datetime
    created_at: datetime
    sent_at: datetime | None
    delivered_at: datetime | None
    opened_at: datetime | None
    clicked_at: datetime | None
    unsubscribed_at: datetime | None
    complained_at: datetime | None
    opens: int
    clicks: int
    machine_opens: int
    machine_clicks: int
    batch_id: UUID | None
    status_callback: str | None


@dataclass(frozen=True, slots=True)
class MessageHistory:
    """A message and everything that happened to it, in order of time."""

    message: Message
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class MessageFilter:
    """What to look for; what is None does not matter. ``text``: an address, part of it, a
    message's public id (also as a Twilio sid) or a provider's id."""

    text: str | None = None
    #: A whole address, of any channel (found by its hash: give ``search`` the key).
    address: str | None = None
    channel: Channel | None = None
    #: One of ``status_words.CONDITIONS``.
    status: str | None = None
    error_code: str | None = None
    skip_reason: str | None = None
    provider: str | None = None
    batch_id: UUID | None = None
    states: Sequence[State] | None = None
    deliveries: Sequence[Delivery] | None = None
    source_kind: int | None = None
    source_id: int | None = None
    customer_id: int | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class MessagePage:
    """Messages, the newest first; ``next_before`` asks for the rest, None: there is none."""

    messages: tuple[Message, ...]
    next_before: int | None


def one(conn: Connection, public_id: UUID | str) -> MessageHistory:
    """A message with its attempts and receipts.

    Raises:
        NoMessage: there is none with this id.
    """
    found = _rows(conn, "m.public_id = :public_id", {"public_id": as_uuid(public_id)}, 1)
    if not found:
        raise NoMessage(id=public_id)
    row = found[0]
    attempts = conn.execute(_ATTEMPTS, {"id": row["id"]}).mappings()
    received = conn.execute(
        text("""
            SELECT delivery, received_at, outcome FROM webhook_inbox
            WHERE message_id = :id ORDER BY id
        """),
        {"id": row["id"]},
    ).mappings()
    message = _message(row)
    entries = tell(row, list(attempts), list(received), message.because)
    return MessageHistory(message, tuple(entries))


#: Each call for a message. One that was simply accepted with its micro-batch has no row of its own.
_ATTEMPTS = text("""
    SELECT n, provider, started_at, finished_at, outcome, code, detail
    FROM attempt WHERE message_id = :id
    UNION ALL
    SELECT m.attempt, b.provider, b.started_at, b.finished_at, 'accepted', NULL, NULL
    FROM message m JOIN micro_batch b USING (request_id)
    WHERE m.id = :id AND m.state = 3 AND b.finished_at IS NOT NULL AND NOT EXISTS (
        SELECT FROM attempt a WHERE a.message_id = m.id AND a.n = m.attempt)
    ORDER BY started_at, n
""")


def status(conn: Connection, public_id: UUID | str) -> Message:
    """A message as it stands, without its history.

    Raises:
        NoMessage: there is none with this id.
    """
    found = _rows(conn, "m.public_id = :public_id", {"public_id": as_uuid(public_id)}, 1)
    if not found:
        raise NoMessage(id=public_id)
    return _message(found[0])


def by_id(conn: Connection, message_id: int) -> Message:
    """A message by its internal id.

    Raises:
        NoMessage: there is none.
    """
    found = _rows(conn, "m.id = :id", {"id": message_id}, 1)
    if not found:
        raise NoMessage(id=message_id)
    return _message(found[0])


def search(
    conn: Connection,
    wanted: MessageFilter,
    *,
    before: int | None = None,
    limit: int = 50,
    key: bytes | None = None,
) -> MessagePage:
    """A page of the messages that fit, the newest first; ``before`` is the last page's
    ``next_before``. ``key`` is ``consent.addresses.address_key(...)``: with it a whole address is
    found among all messages, without it as a part of one is.

    Raises:
        InvalidInput: ``limit`` is not between 1 and 500.
    """
    if not 1 <= limit <= _MOST_ROWS:
        raise InvalidInput("A page has 1 to 500 messages.", field="limit")
    where, values = _conditions(conn, wanted, key)
    if before is not None:
        where.append("m.id < :before")
        values["before"] = before
    rows = _rows(conn, " AND ".join(where) or "true", values, limit + 1)
    more = len(rows) > limit
    messages = tuple(_message(row) for row in rows[:limit])
    return MessagePage(messages, messages[-1].id if more else None)


def _conditions(
    conn: Connection, wanted: MessageFilter, key: bytes | None
) -> tuple[list[str], dict[str, Any]]:
    where: list[str] = []
    values: dict[str, Any] = {}
    plain = {
        "channel": wanted.channel,
        "source_kind": wanted.source_kind,
        "source_id": wanted.source_id,
        "customer_id": wanted.customer_id,
    }
    for name, value in plain.items():
        if value is not None:
            where.append(f"m.{name} = :{name}")
            values[name] = int(value)
    texts = {
        "error_code": wanted.error_code,
        "skip_reason": wanted.skip_reason,
        "provider": wanted.provider,
        "batch_id": wanted.batch_id,
    }
    for name, said in texts.items():
        if said is not None:
            where.append(f"m.{name} = :{name}")
            values[name] = said
    if wanted.status is not None:
        if wanted.status not in CONDITIONS:
            raise InvalidInput(f"There is no status {wanted.status}.", field="status")
        where.append(CONDITIONS[wanted.status])
    for name, several in {"state": wanted.states, "delivery": wanted.deliveries}.items():
        if several is not None:
            where.append(f"m.{name} = ANY(:{name})")
            values[name] = [int(each) for each in several]
    if wanted.since is not None:
        where.append("m.created_at >= :since")
        values["since"] = wanted.since
    if wanted.until is not None:
        where.append("m.created_at < :until")
        values["until"] = wanted.until
    if wanted.address is not None:
        where.append(_address_condition(conn, wanted.address, values, key))
    if wanted.text and (sought := wanted.text.strip()):
        where.append(_text_condition(conn, sought, values, key))
    return where, values


def _address_condition(
    conn: Connection, address: str, values: dict[str, Any], key: bytes | None
) -> str:
    if key is None:
        values["address"] = address.strip()
        return "m.address = :address"
    values["of_address"] = _by_address(conn, address, key)
    return "m.id = ANY(:of_address)"


def _by_address(conn: Connection, address: str, key: bytes) -> list[int]:
    """Ids of the messages to an address: of each campaign there is one at most, found by the index
    that says so; those of everything else have an index of their own."""
    found = conn.execute(
        text("""
            WITH RECURSIVE campaign AS (
                (SELECT source_id FROM message WHERE source_kind = 1 AND purpose <> 'test'
                 ORDER BY source_id LIMIT 1)
                UNION ALL
                SELECT (SELECT source_id FROM message
                        WHERE source_kind = 1 AND purpose <> 'test' AND source_id > c.source_id
                        ORDER BY source_id LIMIT 1)
                FROM campaign c WHERE c.source_id IS NOT NULL
            )
            SELECT id FROM message
            WHERE (source_kind <> 1 OR purpose = 'test') AND address_hash = ANY(:hashes)
            UNION ALL
            SELECT m.id FROM campaign c
            CROSS JOIN unnest(CAST(:channels AS smallint[]), CAST(:hashes AS bytea[])) AS g(ch, h)
            JOIN message m ON m.source_kind = 1 AND m.purpose <> 'test'
                AND m.source_id = c.source_id AND m.channel = g.ch AND m.address_hash = g.h
        """),
        {
            "channels": [int(channel) for channel in Channel],
            "hashes": [address_hash(key, channel, address) for channel in Channel],
        },
    )
    return list(found.scalars())


def _text_condition(
    conn: Connection, sought: str, values: dict[str, Any], key: bytes | None
) -> str:
    try:
        bare = sought[2:] if len(sought) == 34 and sought[:2].upper() in {"SM", "MM"} else sought
        values["public_id"] = UUID(bare)
    except ValueError:
        ids = _by_provider_id(conn, sought)
        if ids:
            values["ids"] = ids
            return "m.id = ANY(:ids)"
        if key is not None and any(is_valid(c, sought) for c in (Channel.EMAIL, Channel.SMS)):
            values["ids"] = _by_address(conn, sought, key)
            return "m.id = ANY(:ids)"
        escaped = sought.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
        values |= {"like": f"%{escaped}%", "looked_through": LOOKED_THROUGH}
        newest = "(SELECT COALESCE(max(id), 0) FROM message) - :looked_through"
        return f"(m.address ILIKE :like AND m.id > {newest})"
    return "m.public_id = :public_id"


def _by_provider_id(conn: Connection, sought: str) -> list[int]:
    """Messages with this provider's id, by whichever provider; an index look-up for each."""
    rows = conn.execute(
        text("""
            WITH RECURSIVE named AS (
                (SELECT provider FROM message WHERE provider_id IS NOT NULL
                 ORDER BY provider LIMIT 1)
                UNION ALL
                SELECT (SELECT m.provider FROM message m
                        WHERE m.provider_id IS NOT NULL AND m.provider > named.provider
                        ORDER BY m.provider LIMIT 1)
                FROM named WHERE named.provider IS NOT NULL
            )
            (SELECT m.id FROM named JOIN message m
               ON m.provider = named.provider AND m.provider_id = :sought
             LIMIT 100)
            UNION
            (SELECT m.id FROM micro_batch b JOIN message m
               ON m.id BETWEEN b.first_id AND b.last_id AND m.request_id = b.request_id
             WHERE b.provider_ids @> ARRAY[CAST(:sought AS text)]
               AND (b.named_ids IS NULL
                    OR m.id = b.named_ids[array_position(b.provider_ids, :sought)])
             LIMIT 100)
        """),
        {"sought": sought},
    )
    return [row.id for row in rows]


def _rows(
    conn: Connection, where: str, values: Mapping[str, Any], limit: int
) -> Sequence[RowMapping]:
    rows = conn.execute(
        text(f"""
            SELECT m.*, {STATE} AS seen_state,
                   {PROVIDER_ID} AS seen_provider_id,
                   COALESCE(s.state, 'open') AS source_state, s.reason AS source_reason
            FROM message m LEFT JOIN outbox_source s USING (source_kind, source_id)
            LEFT JOIN micro_batch b ON b.request_id = m.request_id
            WHERE {where} ORDER BY m.id DESC LIMIT :limit
        """),
        {**values, "limit": limit},
    )
    return rows.mappings().all()


def _message(row: RowMapping) -> Message:
    state, delivery = State(row["seen_state"]), Delivery(row["delivery"])
    word = status_word(state, delivery, row["source_state"], row["skip_reason"])
    names = Message.__slots__
    given = {name: row[name] for name in names if name in row}
    return Message(
        **{
            **given,
            "channel": Channel(row["channel"]),
            "provider_id": row["seen_provider_id"],
            "state": state,
            "delivery": delivery,
            "status": word,
            "because": because(row, state, word),
        }
    )


def as_uuid(value: UUID | str) -> UUID:
    """A message's public id.

    Raises:
        NoMessage: it is none.
    """
    try:
        return value if isinstance(value, UUID) else UUID(value)
    except ValueError:
        raise NoMessage(id=value) from None
