"""Forgetting a customer in what was sent: rows and counts stay, whom they went to does not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, text

from segmind.consent import replies, suppressions
from segmind.consent.addresses import COLUMN, address_hash, normalise
from segmind.consent.reasons import SuppressionReason
from segmind.events.schema import Channel, Source
from segmind.messages import portions

#: What a kept receipt may say of a person.
PERSONAL: Final = ["address", "text", "reason", "url", "agent"]


def forgetting(key: bytes, now: datetime) -> Callable[[Connection, Sequence[int]], None]:
    """What ``customers.erasure.erase`` calls (``also``) before it clears the customer's own rows.

    ``key`` is ``consent.addresses.address_key(...)``.
    """

    def forget(conn: Connection, customer_ids: Sequence[int]) -> None:
        forget_customers(conn, key, customer_ids, now)

    return forget


def forget_customers(
    conn: Connection, key: bytes, customer_ids: Sequence[int], now: datetime
) -> None:
    """Null addresses, variables and texts of the customers' messages, attempts and receipts.

    Their addresses are suppressed as keyed hashes first, so that no import writes to them again;
    their own new yes lifts that. Messages still waiting are skipped at their claim.
    """
    _suppress(conn, key, customer_ids, now)
    portions.forget(conn, customer_ids)
    ids = {"ids": list(customer_ids)}
    mine = "SELECT id FROM message WHERE customer_id = ANY(:ids)"
    conn.execute(text(f"UPDATE attempt SET detail = NULL WHERE message_id IN ({mine})"), ids)
    conn.execute(
        text(f"""
            UPDATE webhook_inbox SET delivery = delivery - CAST(:personal AS text[])
            WHERE message_id IN ({mine})
        """),
        {**ids, "personal": PERSONAL},
    )
    # What was written for one message alone (by API) names its reader.
    conn.execute(
        text("""
            UPDATE template_version v SET body = jsonb_build_object('channel', v.channel)
            FROM message m
            WHERE m.customer_id = ANY(:ids) AND m.source_kind = :single
              AND v.id = m.template_version_id AND v.template_id IS NULL
              AND v.created_at = m.created_at
        """),
        {**ids, "single": int(Source.SINGLE)},
    )
    conn.execute(
        text("""
            UPDATE message SET address = NULL, vars = NULL, error_message = NULL,
                   status_callback = NULL
            WHERE customer_id = ANY(:ids)
              AND (address IS NOT NULL OR vars IS NOT NULL OR error_message IS NOT NULL)
        """),
        ids,
    )
    replies.forget(conn, customer_ids)
    conn.execute(
        text("UPDATE opt_in_request SET evidence = NULL WHERE customer_id = ANY(:ids)"), ids
    )


def _suppress(conn: Connection, key: bytes, customer_ids: Sequence[int], now: datetime) -> None:
    rows = conn.execute(
        text("SELECT email, phone, push_token FROM customer WHERE id = ANY(:ids)"),
        {"ids": list(customer_ids)},
    ).mappings()
    suppressions.add_hashes(
        conn,
        [
            (which, address_hash(key, which, address), SuppressionReason.ERASED, "erasure", now)
            for row in rows
            for which in Channel
            if (address := normalise(which, row[COLUMN[which]])) is not None
        ],
    )
