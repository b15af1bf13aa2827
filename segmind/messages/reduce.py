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
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, RowMapping, text
from sqlalchemy.exc import OperationalError

from segmind.channels.delivery import Delivery, Word
from segmind.consent.addresses import address_key
from segmind.db.engine import Store
from segmind.events.ingest import NewEvent, append
from segmind.messages import evidence, objections
from segmind.messages.engagement import Engagement
from segmind.messages.lifecycle import RANK
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
            SELECT id, provider, delivery FROM webhook_inbox WHERE processed_at IS NULL
            ORDER BY id LIMIT :limit FOR UPDATE SKIP LOCKED
        """),
        {"limit": limit},
    ).all()
    if not rows:
        return 0
    reports = {row.id: _parsed(row.id, row.delivery) for row in rows}
    messages = _messages(conn, [report for report in reports.values() if report])
    receipts = [
        Receipt(inbox_id, report, min(report.at, now), _message_of(report, messages))
        for inbox_id, report in reports.items()
        if report is not None
    ]
    _move_messages(conn, receipts, now)
    _append_events(conn, receipts, now)
    objections.apply(conn, key, receipts)
    _close(conn, rows, {receipt.inbox_id: receipt for receipt in receipts}, now)
    _reopen(conn, receipts)
    return len(rows)


def _parsed(inbox_id: int, stored: dict[str, Any]) -> Delivery | None:
    try:
        return Delivery.from_json(stored)
    except (KeyError, ValueError, TypeError):
        log.error("Receipt %d cannot be read.", inbox_id)
        return None


# --- whose receipt it is -------------------------------------------------------------------------

_Known = Mapping[object, RowMapping]
_MESSAGE = """
    SELECT m.id, m.public_id, m.source_kind, m.source_id, m.customer_id, m.channel, m.address,
           m.address_hash, m.provider, m.provider_id,
           c.id AS present_id,
           m.customer_id IS NOT NULL AND (c.id IS NULL OR c.erased_at IS NOT NULL) AS is_erased
    FROM message m
    LEFT JOIN customer_merge g ON g.from_id = m.customer_id
    LEFT JOIN customer c ON c.id = COALESCE(g.into_id, m.customer_id)
"""


def _messages(conn: Connection, reports: Sequence[Delivery]) -> _Known:
    """Messages by public id and by (provider, provider's id), locked in one order for everybody."""
    public_ids = {r.message_public_id for r in reports if r.message_public_id is not None}
    provider_ids = {
        (r.provider, r.provider_id)
        for r in reports
        if r.message_public_id is None and r.provider_id is not None
    }
    of_smtp = _of_smtp_ids(conn, reports)
    rows = conn.execute(
        text(f"""
            {_MESSAGE}
            WHERE m.public_id = ANY(CAST(:public_ids AS uuid[]))
               OR m.id = ANY(CAST(:ids_by_smtp AS bigint[]))
               OR (m.provider_id IS NOT NULL AND (m.provider, m.provider_id) IN (
                    SELECT * FROM unnest(CAST(:providers AS text[]), CAST(:ids AS text[]))))
            ORDER BY m.id FOR UPDATE OF m
        """),
        {
            "public_ids": sorted(public_ids | {k for k in of_smtp.values() if isinstance(k, UUID)}),
            "ids_by_smtp": sorted(k for k in of_smtp.values() if isinstance(k, int)),
            "providers": [provider for provider, _ in sorted(provider_ids)],
            "ids": [provider_id for _, provider_id in sorted(provider_ids)],
        },
    )
    known: dict[object, RowMapping] = {}
    for row in rows.mappings():
        known[row["public_id"]] = row
        known[row["provider"], row["provider_id"]] = row
        known[row["id"]] = row
    for smtp_id, key in of_smtp.items():
        if key in known:
            known[smtp_id] = known[key]
    return known


_SmtpId = tuple[str, str, str]  # "smtp", provider, id


def _smtp_id(report: Delivery) -> _SmtpId | None:
    return None if report.smtp_id is None else ("smtp", report.provider, report.smtp_id)


def _names_only_smtp(report: Delivery) -> bool:
    return report.message_public_id is None and report.provider_id is None


def _of_smtp_ids(conn: Connection, reports: Sequence[Delivery]) -> dict[_SmtpId, UUID | int]:
    """Whose mail it is where a report names only the mail server's id (asynchronous bounces do):
    an earlier report, of the inbox or of ``reports``, named the message beside it."""
    wanted = {s for r in reports if _names_only_smtp(r) and (s := _smtp_id(r)) is not None}
    if not wanted:
        return {}
    found: dict[_SmtpId, UUID | int] = {}
    rows = conn.execute(
        text("""
            SELECT provider, delivery->>'smtp_id', message_id FROM webhook_inbox
            WHERE delivery ? 'smtp_id' AND delivery->>'smtp_id' = ANY(:ids)
              AND message_id IS NOT NULL
        """),
        {"ids": sorted({smtp_id for _, _, smtp_id in wanted})},
    )
    for provider, smtp_id, message_id in rows:
        found["smtp", provider, smtp_id] = message_id
    for report in reports:
        own = _smtp_id(report)
        if own is not None and report.message_public_id is not None:
            found.setdefault(own, report.message_public_id)
    return {smtp_id: key for smtp_id, key in found.items() if smtp_id in wanted}


def _reopen(conn: Connection, receipts: Iterable[Receipt]) -> None:
    """Reports that named only a mail server's id, which nobody knew until now, are worked off once
    more: the order in which they come must not matter."""
    named = {
        receipt.report.smtp_id
        for receipt in receipts
        if receipt.message is not None
        and receipt.report.smtp_id is not None
        and not _names_only_smtp(receipt.report)
    }
    if named:
        conn.execute(
            text("""
                UPDATE webhook_inbox SET processed_at = NULL, outcome = NULL
                WHERE delivery ? 'smtp_id' AND delivery->>'smtp_id' = ANY(:ids)
                  AND outcome = 'unknown_message'
            """),
            {"ids": sorted(named)},
        )


def _message_of(report: Delivery, known: _Known) -> RowMapping | None:
    if report.message_public_id is not None:
        return known.get(report.message_public_id)
    if report.provider_id is None and report.smtp_id is not None:
        return known.get(_smtp_id(report))
    return known.get((report.provider, report.provider_id))


# --- the message's own row -----------------------------------------------------------------------


def _move_messages(conn: Connection, receipts: Iterable[Receipt], now: datetime) -> None:
    sums: defaultdict[int, Engagement] = defaultdict(Engagement)
    proofs: dict[int, str | None] = {}
    for receipt in receipts:
        if receipt.message is None:
            continue
        message_id = receipt.message["id"]
        sums[message_id].add(receipt.report, receipt.at)
        if receipt.report.word not in _NO_PROOF:
            proofs[message_id] = sums[message_id].provider_id
    if not sums:
        return
    evidence.prove(conn, sorted(proofs.items(), key=lambda proof: proof[0]), now)
    rank = " ".join(f"WHEN {int(state)} THEN {n}" for state, n in RANK.items())
    ordered = sorted(sums.items())
    columns = {name: [getattr(e, name) for _, e in ordered] for name in _SUM_COLUMNS}
    conn.execute(
        text(f"""
            UPDATE message m SET
                delivery = CASE WHEN CASE g.reached {rank} END > CASE m.delivery {rank} END
                           THEN g.reached ELSE m.delivery END,
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
        columns
        | {
            "ids": [message_id for message_id, _ in ordered],
            "reached": [int(e.reached) for _, e in ordered],
        },
    )


_SUM_COLUMNS: Final = {
    "reached": "smallint",
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
_SUM_ARRAYS: Final = ", ".join(f"CAST(:{name} AS {kind}[])" for name, kind in _SUM_COLUMNS.items())


# --- the log -------------------------------------------------------------------------------------


def _append_events(conn: Connection, receipts: Iterable[Receipt], now: datetime) -> None:
    append(conn, [event for receipt in receipts if (event := _event(receipt))], now)


def _event(receipt: Receipt) -> NewEvent | None:
    report, message = receipt.report, receipt.message
    name = _EVENT_NAME.get(report.word)
    if name is None or message is None or message["present_id"] is None or message["is_erased"]:
        return None
    word = Word.UNSUBSCRIBED if report.word is Word.INBOUND_STOP else report.word
    event_id = f"message:{message['public_id']}:{word}"
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
        customer_id=message["customer_id"],
        channel=message["channel"],
        message_id=message["id"],
        source_kind=message["source_kind"],
        source_id=message["source_id"],
        machine=report.machine if word in _REPEATABLE else None,
        properties=properties or None,
    )


# --- the inbox -----------------------------------------------------------------------------------


def _close(
    conn: Connection,
    rows: Sequence[Any],
    receipts: Mapping[int, Receipt],
    now: datetime,
) -> None:
    outcomes = [_outcome(receipts.get(row.id)) for row in rows]
    found = [receipts[row.id].message if row.id in receipts else None for row in rows]
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
            "ids": [row.id for row in rows],
            "outcomes": [str(outcome) for outcome in outcomes],
            "messages": [message["id"] if message is not None else None for message in found],
        },
    )


def _outcome(receipt: Receipt | None) -> Applied:
    if receipt is None:
        return Applied.MALFORMED
    if receipt.message is None:
        # What a customer writes first belongs to no message; it was applied to the customer.
        return Applied.APPLIED if receipt.report.word in _NO_PROOF else Applied.UNKNOWN_MESSAGE
    return Applied.ERASED if receipt.message["is_erased"] else Applied.APPLIED
