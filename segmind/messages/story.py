"""A message's history in words: what we did, what the provider said, in order of time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping

from segmind.channels.delivery import Delivery, Word
from segmind.messages.explained import Explained, of_code, of_receipt
from segmind.messages.lifecycle import State


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened. ``kind``: created, attempt, state, receipt. ``meaning``: what a
    provider's code says, in words."""

    at: datetime
    kind: str
    said: str
    detail: str = ""
    machine: bool = False
    meaning: str = ""


_RECEIPT = {
    Word.QUEUED: "The provider has queued it",
    Word.SENT: "It left the provider",
    Word.DELIVERED: "Delivered",
    Word.BOUNCED_HARD: "Bounced: the address does not work, it is suppressed",
    Word.BOUNCED_SOFT: "Bounced: it did not work this time",
    Word.FAILED: "The provider gave up",
    Word.OPENED: "Opened",
    Word.CLICKED: "Clicked",
    Word.UNSUBSCRIBED: "Unsubscribed",
    Word.COMPLAINED: "Marked as spam; the address is suppressed",
    Word.INBOUND_STOP: "The customer wrote STOP",
    Word.INBOUND_START: "The customer wrote START",
    Word.INBOUND_HELP: "The customer asked for help",
    Word.INBOUND_TEXT: "The customer answered",
}
_ATTEMPT = {
    "accepted": "{provider} accepted it",
    "retry": "{provider} did not take it, it is tried again",
    "in_doubt": "No clear answer from {provider}: it may or may not have been sent",
    "failed": "{provider} refused it",
}
_ENDS = {State.SKIPPED, State.EXPIRED, State.RETRY}


def tell(
    message: RowMapping,
    attempts: Sequence[RowMapping],
    received: Sequence[RowMapping],
    because: str,
) -> list[Entry]:
    """Everything about a message in order of time; why it is where it is comes last."""
    entries = [Entry(message["created_at"], "created", "Put into the outbox")]
    entries += [_attempt(row) for row in attempts]
    entries += [_receipt(row) for row in received]
    entries += _remembered(message, attempts, received)
    entries.sort(key=lambda entry: entry.at)
    state = State(message["state"])
    failed_unsent = state is State.FAILED and not attempts
    if because and (state in _ENDS or failed_unsent):
        last = max((entry.at for entry in entries), default=message["created_at"])
        entries.append(Entry(last, "state", state.label, because))
    return entries


#: What the message's own row remembers of receipts, which are kept for a shorter time.
_REMEMBERED = {
    "delivered_at": Word.DELIVERED,
    "opened_at": Word.OPENED,
    "clicked_at": Word.CLICKED,
    "unsubscribed_at": Word.UNSUBSCRIBED,
    "complained_at": Word.COMPLAINED,
}


def _remembered(
    message: RowMapping, attempts: Sequence[RowMapping], received: Sequence[RowMapping]
) -> list[Entry]:
    """What happened and is neither among the tries nor among the receipts (any more)."""
    entries = []
    if message["sent_at"] and not any(row["outcome"] == "accepted" for row in attempts):
        provider = message["provider"] or "The provider"
        entries.append(Entry(message["sent_at"], "state", f"{provider} accepted it"))
    words = {str(row["delivery"].get("word")) for row in received}
    entries += [
        Entry(message[column], "receipt", _RECEIPT[word])
        for column, word in _REMEMBERED.items()
        if message[column] and str(word) not in words
    ]
    return entries


def _attempt(row: RowMapping) -> Entry:
    said = _ATTEMPT.get(row["outcome"], row["outcome"]).format(provider=row["provider"])
    about = [f"code {row['code']}" if row["code"] else "", row["detail"] or ""]
    return Entry(
        at=row["finished_at"] or row["started_at"],
        kind="attempt",
        said=f"Try {row['n']}: {said}",
        detail=": ".join(part for part in about if part),
        meaning=_meaning(of_code(row["code"], None)),
    )


def _receipt(row: RowMapping) -> Entry:
    stored: dict[str, Any] = row["delivery"]
    report = Delivery.from_json(stored)
    by = " by a machine" if report.machine else ""
    detail = report.reason or report.url or report.text or ""
    return Entry(
        at=min(report.at, row["received_at"]),
        kind="receipt",
        said=f"{_RECEIPT[report.word]}{by}",
        detail=detail,
        machine=report.machine,
        meaning=_meaning(of_receipt(report.code)),
    )


def _meaning(known: Explained | None) -> str:
    return f"{known.why} {known.then}" if known is not None else ""
