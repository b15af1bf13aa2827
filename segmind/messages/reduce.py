"""From the inbox to the truth: each receipt moves its message, enters the log, and where somebody
said no, suppresses the address; all in one transaction.

Any number of reducers may run at once, receipts may come in any order and any number of times, for
unknown messages or erased customers: the state in the end is the same.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from operator import attrgetter
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

from segmind.channels.delivery import Delivery, Word
from segmind.consent.addresses import address_key
from segmind.db.engine import Store
from segmind.db.literals import literal
from segmind.events.ingest import NewEvent, append
from segmind.messages import evidence, objections, subjects
from segmind.messages.engagement import Engagement
from segmind.messages.lifecycle import RANK, State
from segmind.messages.receipt import Receipt

log = logging.getLogger(__name__)

_EVENT_NAME: Final = {
    Word.DELIVERED: "message_delivered",
    Word.BOUNCED_HARD: "message_bounced",
    Word.BOUNCED_SOFT: "message_bounced",
    Word.OPENED: "message_opened",
    Word.CLICKED: "message_clicked",
    Word.UNSUBSCRIBED: "message_unsubscribed",
    Word.INBOUND_STOP: "message_unsubscribed",
    Word.COMPLAINED: "message_complained",
}
#: These may happen to a message many times; the others once.
_REPEATABLE: Final = frozenset({Word.OPENED, Word.CLICKED})
#: What a customer writes to us proves nothing of a message of ours.
_NO_PROOF: Final = frozenset(
    {Word.INBOUND_START, Word.INBOUND_TEXT, Word.INBOUND_STOP, Word.INBOUND_HELP}
)
_ON_CONFLICT_TRIES: Final = 3


class Applied(StrEnum):
    """What became of a receipt."""

    APPLIED = "applied"
    UNKNOWN_MESSAGE = "unknown_message"
    ERASED = "erased"
    MALFORMED = "malformed"


def reduce_inbox(store: Store, now: datetime, limit: int = 1_000) -> int:
    """Work off up to ``limit`` receipts; returns how many. Call again while it returns ``limit``.

    An instant after ``now`` counts as ``now``: a report cannot be about the future.
    """
    key = address_key(store.settings.secret_key)
    for tried in range(_ON_CONFLICT_TRIES):
        try:
            with store.engine.begin() as conn:
                return _reduce(conn, key, now, limit)
        except OperationalError:
            # Two transactions in each other's way (a deadlock): nothing happened, so once more.
            if tried == _ON_CONFLICT_TRIES - 1:
                raise
    return 0


def _reduce(conn: Connection, key: bytes, now: datetime, limit: int) -> int:
    rows = conn.execute(
        text("""
            SELECT id, CAST(delivery AS text) FROM webhook_inbox WHERE processed_at IS NULL
            ORDER BY id LIMIT :limit FOR UPDATE SKIP LOCKED
        """),
        {"limit": limit},
    ).all()
    if not rows:
        return 0
    # Read all at once: a parser that is called for each takes a tenth of all that a receipt costs.
    stored = msgspec.json.decode(f"[{','.join([written for _, written in rows])}]")
    reports = {
        inbox_id: _parsed(inbox_id, each) for (inbox_id, _), each in zip(rows, stored, strict=True)
    }
    known = subjects.find(conn, [report for report in reports.values() if report])
    receipts = [
        Receipt(inbox_id, report, min(report.at, now), known.of(report))
        for inbox_id, report in reports.items()
        if report is not None
    ]
    _move_messages(conn, receipts, now)
    _append_events(conn, receipts, now)
    objections.apply(conn, key, receipts)
    _close(conn, list(reports), {receipt.inbox_id: receipt for receipt in receipts}, now)
    subjects.reopen(conn, receipts)
    return len(rows)


def _parsed(inbox_id: int, stored: dict[str, Any]) -> Delivery | None:
    try:
        return Delivery.from_json(stored)
    except (KeyError, ValueError, TypeError):
        log.error("Receipt %d cannot be read.", inbox_id)
        return None


# --- the message's own row -----------------------------------------------------------------------


def _move_messages(conn: Connection, receipts: Iterable[Receipt], now: datetime) -> None:
    sums: defaultdict[int, Engagement] = defaultdict(Engagement)
    proofs: dict[int, str | None] = {}
    for receipt in receipts:
        if receipt.message is None:
            continue
        message_id = receipt.message.id
        sums[message_id].add(receipt.report, receipt.at)
        if receipt.report.word not in _NO_PROOF and receipt.message.state != State.ACCEPTED:
            proofs[message_id] = sums[message_id].provider_id
    if not sums:
        return
    evidence.prove(conn, sorted(proofs.items(), key=lambda proof: proof[0]), now)
    rank = " ".join(f"WHEN {int(state)} THEN {n}" for state, n in RANK.items())
    ordered = sorted(sums.items())
    values = zip(*[_SUMS(engagement) for _, engagement in ordered], strict=True)
    columns = {name: literal(column) for name, column in zip(_SUM_COLUMNS, values, strict=True)}
    conn.execute(
        text(f"""
            UPDATE message m SET
                delivery = CASE WHEN CASE g.reached {rank} END > CASE m.delivery {rank} END
                           THEN g.reached ELSE m.delivery END,
                provider = COALESCE(m.provider, g.provider),
                provider_id = COALESCE(m.provider_id, g.provider_id),
                delivery_code = LEAST(m.delivery_code, g.delivery_code),
                delivered_at = LEAST(m.delivered_at, g.delivered_at),
                opened_at = LEAST(m.opened_at, g.opened_at),
                clicked_at = LEAST(m.clicked_at, g.clicked_at),
                unsubscribed_at = LEAST(m.unsubscribed_at, g.unsubscribed_at),
                complained_at = LEAST(m.complained_at, g.complained_at),
                opens = m.opens + g.opens, clicks = m.clicks + g.clicks,
                machine_opens = m.machine_opens + g.machine_opens,
                machine_clicks = m.machine_clicks + g.machine_clicks
            FROM unnest(CAST(:ids AS bigint[]), {_SUM_ARRAYS}) AS g(id, {", ".join(_SUM_COLUMNS)})
            WHERE m.id = g.id
        """),
        columns | {"ids": literal([message_id for message_id, _ in ordered])},
    )


_SUM_COLUMNS: Final = {
    "reached": "smallint",
    "provider": "text",
    "provider_id": "text",
    "delivery_code": "text",
    "delivered_at": "timestamptz",
    "opened_at": "timestamptz",
    "clicked_at": "timestamptz",
    "unsubscribed_at": "timestamptz",
    "complained_at": "timestamptz",
    "opens": "int",
    "clicks": "int",
    "machine_opens": "int",
    "machine_clicks": "int",
}
_SUMS: Final = attrgetter(*_SUM_COLUMNS)
_SUM_ARRAYS: Final = ", ".join(f"CAST(:{name} AS {kind}[])" for name, kind in _SUM_COLUMNS.items())


# --- the log -------------------------------------------------------------------------------------


def _append_events(conn: Connection, receipts: Iterable[Receipt], now: datetime) -> None:
    append(conn, [event for receipt in receipts if (event := _event(receipt))], now)


def _event(receipt: Receipt) -> NewEvent | None:
    report, message = receipt.report, receipt.message
    name = _EVENT_NAME.get(report.word)
    if name is None or message is None or message.customer_id is None:
        return None
    if message.present_id is None or message.is_erased:
        return None
    word = Word.UNSUBSCRIBED if report.word is Word.INBOUND_STOP else report.word
    event_id = f"message:{message.public_id}:{word}"
    if word in _REPEATABLE:
        event_id += f":{report.provider}:{report.dedupe_key}"
    said = {"url": report.url, "reason": report.reason, "code": report.code}
    properties: dict[str, Any] = {key: value for key, value in said.items() if value}
    if name == "message_bounced":
        properties["hard"] = word is Word.BOUNCED_HARD
    return NewEvent(
        event_id=event_id,
        name=name,
        ts=receipt.at,
        customer_id=message.customer_id,
        channel=message.channel,
        message_id=message.id,
        source_kind=message.source_kind,
        source_id=message.source_id,
        machine=report.machine if word in _REPEATABLE else None,
        properties=properties or None,
    )


# --- the inbox -----------------------------------------------------------------------------------


def _close(
    conn: Connection, inbox_ids: Sequence[int], receipts: Mapping[int, Receipt], now: datetime
) -> None:
    applied = [receipts.get(inbox_id) for inbox_id in inbox_ids]
    conn.execute(
        text("""
            UPDATE webhook_inbox w
            SET processed_at = :now, outcome = g.outcome, message_id = g.message_id
            FROM unnest(CAST(:ids AS bigint[]), CAST(:outcomes AS text[]),
                        CAST(:messages AS bigint[])) AS g(id, outcome, message_id)
            WHERE w.id = g.id
        """),
        {
            "now": now,
            "ids": literal(inbox_ids),
            "outcomes": literal([_outcome(receipt).value for receipt in applied]),
            "messages": literal(
                [None if r is None or r.message is None else r.message.id for r in applied]
            ),
        },
    )


def _outcome(receipt: Receipt | None) -> Applied:
    if receipt is None:
        return Applied.MALFORMED
    if receipt.message is None:
        # What a customer writes first belongs to no message; it was applied to the customer.
        return Applied.APPLIED if receipt.report.word in _NO_PROOF else Applied.UNKNOWN_MESSAGE
    return Applied.ERASED if receipt.message.is_erased else Applied.APPLIED
