"""Receipts that say no (or yes again): bounces, complaints, unsubscriptions, STOP and START."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, text

from segmind.channels.delivery import Delivery, Word
from segmind.consent import ledger, replies, suppressions, unsubscribe, weak_bounces
from segmind.consent.addresses import address_hash, normalise
from segmind.consent.ledger import ConsentSource
from segmind.consent.reasons import SuppressionReason
from segmind.consent.weak_bounces import WeakBounce
from segmind.events.schema import Channel
from segmind.messages.receipt import Receipt

_SOURCE: Final = {
    Word.UNSUBSCRIBED: ConsentSource.PROVIDER,
    Word.COMPLAINED: ConsentSource.PROVIDER,
    Word.INBOUND_STOP: ConsentSource.SMS_KEYWORD,
    Word.INBOUND_START: ConsentSource.SMS_KEYWORD,
}


def apply(conn: Connection, key: bytes, receipts: Iterable[Receipt]) -> None:
    """Suppress and record what the receipts ask for, each address in turn.

    Works by the message's kept hash when the address is gone, and by the reported address when the
    message is not known: a no counts in any case.
    """
    for receipt in receipts:
        report = receipt.report
        if report.word is Word.INBOUND_TEXT:
            _keep_reply(conn, receipt, _people(conn, key, receipt))
        elif weak_bounces.is_one(report.provider, report.code) and not report.suppress:
            for who in _people(conn, key, receipt):
                _count_weak(conn, receipt, who)
        elif report.word in _SOURCE or _is_bad_address(report):
            for who in _people(conn, key, receipt):
                _apply_one(conn, key, report, who, receipt.at)


class _Who:
    """Whom a receipt is about: an address (at least its hash), and a customer if there is one."""

    __slots__ = ("address", "channel", "customer_id", "hashed")

    def __init__(
        self, channel: Channel, hashed: bytes, address: str | None, customer_id: int | None
    ) -> None:
        self.channel = channel
        self.hashed = hashed
        self.address = address
        self.customer_id = customer_id


def _is_bad_address(report: Delivery) -> bool:
    return report.suppress or report.word is Word.BOUNCED_HARD


def _apply_one(conn: Connection, key: bytes, report: Delivery, who: _Who, at: datetime) -> None:
    evidence = {"provider": report.provider, "receipt": report.dedupe_key}
    if _is_bad_address(report):
        _suppress(conn, who, SuppressionReason.HARD_BOUNCE, report.provider, at)
    if report.word is Word.COMPLAINED:
        _suppress(conn, who, SuppressionReason.COMPLAINT, report.provider, at)
        if who.customer_id is not None:
            ledger.record(
                conn, who.customer_id, who.channel, 0, ConsentSource.PROVIDER, evidence,
                report.provider, at,
            )  # fmt: skip
    elif report.word in {Word.UNSUBSCRIBED, Word.INBOUND_STOP}:
        unsubscribe.opt_out(
            conn, who.channel, customer_id=who.customer_id, hashed=who.hashed,
            address=who.address, source=_SOURCE[report.word], evidence=evidence,
            actor=report.provider, now=at,
        )  # fmt: skip
    elif report.word is Word.INBOUND_START and who.customer_id is not None:
        unsubscribe.opt_in(
            conn, key, who.channel, customer_id=who.customer_id, source=_SOURCE[report.word],
            evidence=evidence, actor=report.provider, now=at,
        )  # fmt: skip


def _keep_reply(conn: Connection, receipt: Receipt, people: list[_Who]) -> None:
    """A reply in free words waits for a person. Of several who share the number, one is named."""
    report = receipt.report
    if not people or not (report.text or "").strip():
        return
    who = people[0]
    replies.keep(
        conn,
        who.channel,
        dedupe_key=f"{report.provider}:{report.dedupe_key}",
        customer_id=who.customer_id,
        address=who.address or report.address or "",
        hashed=who.hashed,
        words=report.text or "",
        at=receipt.at,
    )


def _count_weak(conn: Connection, receipt: Receipt, who: _Who) -> None:
    report, message = receipt.report, receipt.message
    source = f"{message.source_kind}:{message.source_id}" if message is not None else ""
    bounce = WeakBounce(
        who.channel,
        who.hashed,
        report.provider,
        report.code or "",
        source,
        report.dedupe_key,
        receipt.at,
    )
    if weak_bounces.record(conn, [bounce]):
        _mark(conn, who)


def _suppress(
    conn: Connection, who: _Who, reason: SuppressionReason, origin: str, at: datetime
) -> None:
    suppressions.add_hash(conn, who.channel, who.hashed, reason, origin, at)
    _mark(conn, who)


def _mark(conn: Connection, who: _Who) -> None:
    if (normal := normalise(who.channel, who.address)) is not None:
        ids = [who.customer_id] if who.customer_id is not None else []
        suppressions.mark(conn, who.channel, [normal], ids)


def _people(conn: Connection, key: bytes, receipt: Receipt) -> list[_Who]:
    message, report = receipt.message, receipt.report
    if message is not None:
        present = None if message.is_erased else message.present_id
        channel = Channel(message.channel)
        hashed = bytes(message.address_hash)
        return [_Who(channel, hashed, message.address, present)]
    channel = Channel.EMAIL if "@" in (report.address or "") else Channel.SMS
    address = normalise(channel, report.address)
    if address is None:
        return []
    column = "lower(email)" if channel is Channel.EMAIL else "phone"
    owners = conn.execute(
        text(f"SELECT id FROM customer WHERE {column} = :address AND erased_at IS NULL"),
        {"address": address},
    ).scalars()
    hashed = address_hash(key, channel, address)
    return [_Who(channel, hashed, address, owner) for owner in owners] or [
        _Who(channel, hashed, address, None)
    ]
