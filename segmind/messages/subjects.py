"""Whose report it is: by our id, by the provider's, or by the mail server's alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import Connection, text

from segmind.channels.delivery import Delivery
from segmind.db.literals import literal
from segmind.messages.receipt import Receipt, Subject

_SmtpId = tuple[str, str, str]  # "smtp", provider, id


@dataclass(frozen=True, slots=True)
class Known:
    """The messages of some reports: by id, public id, (provider, its id) and mail server's id."""

    by: Mapping[object, Subject]

    def of(self, report: Delivery) -> Subject | None:
        """The message that the report is about, if we have it."""
        if report.message_public_id is not None:
            return self.by.get(report.message_public_id)
        if report.provider_id is None and report.smtp_id is not None:
            return self.by.get(_smtp_id(report))
        return self.by.get((report.provider, report.provider_id))


def find(conn: Connection, reports: Sequence[Delivery]) -> Known:
    """The messages of the reports, locked in one order for everybody."""
    public_ids = {r.message_public_id for r in reports if r.message_public_id is not None}
    provider_ids = sorted(
        {
            (r.provider, r.provider_id)
            for r in reports
            if r.message_public_id is None and r.provider_id is not None
        }
    )
    of_smtp = _of_smtp_ids(conn, reports)
    rows = conn.execute(
        _FIND,
        {
            "public_ids": literal(
                [*public_ids, *(k for k in of_smtp.values() if isinstance(k, UUID))]
            ),
            "ids_by_smtp": literal(sorted(k for k in of_smtp.values() if isinstance(k, int))),
            "providers": literal([provider for provider, _ in provider_ids]),
            "ids": literal([provider_id for _, provider_id in provider_ids]),
        },
    )
    known: dict[object, Subject] = {}
    for row in rows.all():
        subject = Subject(*row)
        known[subject.public_id] = subject
        known[subject.provider, subject.provider_id] = subject
        known[subject.id] = subject
    for smtp_id, key in of_smtp.items():
        if key in known:
            known[smtp_id] = known[key]
    return Known(known)


#: One look into one index for each way of naming a message: an OR of the three would read the
#: whole table (0.9 s among a million messages).
_FIND: Final = text("""
    WITH wanted (id, named) AS (
        SELECT id, NULL FROM message WHERE public_id = ANY(CAST(:public_ids AS uuid[]))
        UNION
        SELECT unnest(CAST(:ids_by_smtp AS bigint[])), NULL
        UNION
        SELECT n.id, g.i FROM unnest(CAST(:providers AS text[]), CAST(:ids AS text[])) AS g(p, i)
        JOIN message n ON n.provider = g.p AND n.provider_id = g.i AND n.provider_id IS NOT NULL
        UNION
        -- What a campaign's provider calls a message stands with the call that carried it.
        SELECT b.named_ids[array_position(b.provider_ids, g.i)], g.i
        FROM unnest(CAST(:providers AS text[]), CAST(:ids AS text[])) AS g(p, i)
        JOIN micro_batch b ON b.provider_ids @> ARRAY[g.i] AND b.provider = g.p
        WHERE b.named_ids IS NOT NULL
    )
    SELECT m.id, m.public_id, m.source_kind, m.source_id, m.customer_id, m.channel, m.address,
           m.address_hash, m.provider, COALESCE(w.named, m.provider_id) AS provider_id, m.state,
           c.id AS present_id,
           m.customer_id IS NOT NULL AND (c.id IS NULL OR c.erased_at IS NOT NULL) AS is_erased
    FROM wanted w JOIN message m USING (id)
    LEFT JOIN customer_merge g ON g.from_id = m.customer_id
    LEFT JOIN customer c ON c.id = COALESCE(g.into_id, m.customer_id)
    ORDER BY m.id FOR UPDATE OF m
""")


def reopen(conn: Connection, receipts: Iterable[Receipt]) -> None:
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
                WHERE delivery ? 'smtp_id' AND delivery->>'smtp_id' = ANY(CAST(:ids AS text[]))
                  AND outcome = 'unknown_message'
            """),
            {"ids": literal(sorted(named))},
        )


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
