"""Reading messages: one with its whole history in words, searching, counting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, RowMapping, text

from segmind.errors import InvalidInput, NotFound
from segmind.events.schema import Channel
from segmind.messages.lifecycle import Delivery, State
from segmind.messages.status_words import because, status_word
from segmind.messages.story import Entry, tell

_MOST_ROWS = 500


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


@dataclass(frozen=True, slots=True)
class MessageHistory:
    """A message and everything that happened to it, in order of time."""

    message: Message
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class MessageFilter:
    """What to look for; what is None does not matter. ``text``: an address, part of it, a
    message's public id or a provider's id."""

    text: str | None = None
    channel: Channel | None = None
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
    found = _rows(conn, "m.public_id = :public_id", {"public_id": _uuid(public_id)}, 1)
    if not found:
        raise NoMessage(id=public_id)
    row = found[0]
    attempts = conn.execute(
        text("SELECT * FROM attempt WHERE message_id = :id ORDER BY id"), {"id": row["id"]}
    ).mappings()
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


def status(conn: Connection, public_id: UUID | str) -> Message:
    """A message as it stands, without its history.

    Raises:
        NoMessage: there is none with this id.
    """
    found = _rows(conn, "m.public_id = :public_id", {"public_id": _uuid(public_id)}, 1)
    if not found:
        raise NoMessage(id=public_id)
    return _message(found[0])


def search(
    conn: Connection, wanted: MessageFilter, *, before: int | None = None, limit: int = 50
) -> MessagePage:
    """A page of the messages that fit, the newest first; ``before`` is the last page's
    ``next_before``.

    Raises:
        InvalidInput: ``limit`` is not between 1 and 500.
    """
    if not 1 <= limit <= _MOST_ROWS:
        raise InvalidInput("A page has 1 to 500 messages.", field="limit")
    where, values = _conditions(wanted)
    if before is not None:
        where.append("m.id < :before")
        values["before"] = before
    rows = _rows(conn, " AND ".join(where) or "true", values, limit + 1)
    more = len(rows) > limit
    messages = tuple(_message(row) for row in rows[:limit])
    return MessagePage(messages, messages[-1].id if more else None)


def counts_by_state(conn: Connection, source_kind: int, source_id: int) -> dict[State, int]:
    """How many messages of a source stand where; every state is there, and they add up to all."""
    rows = conn.execute(
        text("""
            SELECT state, count(*) FROM message
            WHERE source_kind = :kind AND source_id = :id GROUP BY state
        """),
        {"kind": int(source_kind), "id": source_id},
    )
    counted = {State(state): n for state, n in rows}
    return {state: counted.get(state, 0) for state in State}


def counts_by_reason(conn: Connection, source_kind: int, source_id: int) -> dict[str, int]:
    """Why messages of a source were not sent: skip reason or error class, with counts."""
    rows = conn.execute(
        text("""
            SELECT COALESCE(skip_reason, error_class, 'expired') AS reason, count(*) AS n
            FROM message
            WHERE source_kind = :kind AND source_id = :id AND state IN (6, 7, 8) GROUP BY 1
        """),
        {"kind": int(source_kind), "id": source_id},
    )
    return {row.reason: row.n for row in rows}


@dataclass(frozen=True, slots=True)
class SourceResults:
    """What became of a source's messages, people's acts apart from machines'."""

    messages: int
    sent: int
    delivered: int
    bounced: int
    opened: int
    clicked: int
    unsubscribed: int
    complained: int
    machine_opened: int
    machine_clicked: int
    segments: int
    cost_micros: int


def results(conn: Connection, source_kind: int, source_id: int) -> SourceResults:
    """Messages counted once each (who opened twice is one)."""
    row = (
        conn.execute(
            text("""
                SELECT count(*) AS messages,
                    count(*) FILTER (WHERE state = 3) AS sent,
                    count(*) FILTER (WHERE delivered_at IS NOT NULL AND delivery <> 5) AS delivered,
                    count(*) FILTER (WHERE delivery = 5) AS bounced,
                    count(opened_at) AS opened, count(clicked_at) AS clicked,
                    count(unsubscribed_at) AS unsubscribed, count(complained_at) AS complained,
                    count(*) FILTER (WHERE machine_opens > 0) AS machine_opened,
                    count(*) FILTER (WHERE machine_clicks > 0) AS machine_clicked,
                    COALESCE(sum(segments) FILTER (WHERE state = 3), 0) AS segments,
                    COALESCE(sum(cost_micros) FILTER (WHERE state = 3), 0) AS cost_micros
                FROM message WHERE source_kind = :kind AND source_id = :id
            """),
            {"kind": int(source_kind), "id": source_id},
        )
        .mappings()
        .one()
    )
    return SourceResults(**{name: int(value) for name, value in row.items()})


def _conditions(wanted: MessageFilter) -> tuple[list[str], dict[str, Any]]:
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
    if wanted.text and (sought := wanted.text.strip()):
        where.append(_text_condition(sought, values))
    return where, values


def _text_condition(sought: str, values: dict[str, Any]) -> str:
    try:
        values["public_id"] = UUID(sought)
    except ValueError:
        escaped = sought.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
        values |= {"sought": sought, "like": f"%{escaped}%"}
        return "(m.provider_id = :sought OR m.address ILIKE :like)"
    return "m.public_id = :public_id"


def _rows(
    conn: Connection, where: str, values: Mapping[str, Any], limit: int
) -> Sequence[RowMapping]:
    rows = conn.execute(
        text(f"""
            SELECT m.*, COALESCE(s.state, 'open') AS source_state, s.reason AS source_reason
            FROM message m LEFT JOIN outbox_source s USING (source_kind, source_id)
            WHERE {where} ORDER BY m.id DESC LIMIT :limit
        """),
        {**values, "limit": limit},
    )
    return rows.mappings().all()


def _message(row: RowMapping) -> Message:
    state, delivery = State(row["state"]), Delivery(row["delivery"])
    word = status_word(state, delivery, row["source_state"])
    names = Message.__slots__
    given = {name: row[name] for name in names if name in row}
    return Message(
        **{
            **given,
            "channel": Channel(row["channel"]),
            "state": state,
            "delivery": delivery,
            "status": word,
            "because": because(row, state, word),
        }
    )


def _uuid(value: UUID | str) -> UUID:
    try:
        return value if isinstance(value, UUID) else UUID(value)
    except ValueError:
        raise NoMessage(id=value) from None
