"""A campaign's recipients become messages as if their turn had come, without a dispatcher."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, text


def make_messages(conn: Connection, now: datetime, *, as_single: bool = False) -> None:
    """READY messages of everybody whose turn is to come; ``as_single``: of no campaign."""
    conn.execute(
        text("""
            INSERT INTO message (public_id, source_kind, source_id, step, customer_id, channel,
                address, address_hash, template_version_id, due_at, expires_at, created_at)
            SELECT gen_random_uuid(), CASE WHEN :single THEN 3 ELSE p.source_kind END,
                   CASE WHEN :single THEN 0 ELSE p.source_id END, p.step, g.customer_id, p.channel,
                   g.address, substring(p.address_hashes FROM CAST(g.n AS int) * 32 - 31 FOR 32),
                   p.template_version_id, :now, p.expires_at, :now
            FROM recipient_portion p
            CROSS JOIN LATERAL unnest(p.customer_ids, p.addresses) WITH ORDINALITY
                AS g(customer_id, address, n)
            WHERE p.template_version_id IS NOT NULL AND g.n > p.taken
            ORDER BY p.id, g.n
        """),
        {"now": now, "single": as_single},
    )
    conn.execute(text("DELETE FROM recipient_portion WHERE template_version_id IS NOT NULL"))
