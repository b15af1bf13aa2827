"""Everything kept of a customer, for himself: what ``customers.erasure.export`` has, and messages.

As JSON, or as a zip of one CSV per part for those who open it in a spreadsheet.
"""

from __future__ import annotations

import csv
import io
import json
import zipfile
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, text

from segmind.customers import erasure
from segmind.customers.facts import Facts

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def export(conn: Connection, facts: Facts, customer_id: int) -> dict[str, Any]:
    """The customer, ids, devices, consents, events, messages and what is to become one, clicked
    links and replies.

    Raises:
        CustomerNotFound: nobody has this id, or he was erased.
    """
    data = erasure.export(conn, facts, customer_id)
    ids = {"ids": erasure.all_ids(conn, data["customer"]["id"])}
    data["messages"] = _rows(conn, _MESSAGES, ids)
    data["to_be_sent"] = _rows(conn, _TO_BE_SENT, ids)
    data["links"] = _rows(conn, _LINKS, ids)
    data["replies"] = _rows(conn, _REPLIES, ids)
    data["opt_in_requests"] = _rows(conn, _REQUESTS, ids)
    return data


def as_zip(data: dict[str, Any]) -> bytes:
    """The export as a zip: ``everything.json`` and a CSV for each part that has rows.

    A cell that a spreadsheet would take for a formula begins with an apostrophe.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("everything.json", json.dumps(data, indent=1, ensure_ascii=False))
        for name, rows in data.items():
            listed = rows if isinstance(rows, list) else [rows]
            if listed:
                archive.writestr(f"{name}.csv", "\ufeff" + _csv(listed))
    return buffer.getvalue()


def _csv(rows: list[dict[str, Any]]) -> str:
    names = list(dict.fromkeys(name for row in rows for name in row))
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL)
    writer.writerow(names)
    for row in rows:
        writer.writerow([_cell(row.get(name)) for name in names])
    return out.getvalue()


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        said = value
    elif isinstance(value, dict | list):
        said = json.dumps(value, ensure_ascii=False)
    else:
        return str(value)
    return f"'{said}" if said.lstrip(" \u3000")[:1] in _FORMULA and said.strip() else said


def _rows(conn: Connection, query: str, values: dict[str, Any]) -> list[dict[str, Any]]:
    rows = conn.execute(text(query), values).mappings()
    return [{name: _plain(value) for name, value in row.items()} for row in rows]


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else value


_MESSAGES: Final = """
    SELECT m.public_id AS id, (ARRAY['email', 'sms', 'push'])[m.channel] AS channel, m.address,
           m.purpose, CASE m.source_kind WHEN 1 THEN 'campaign' WHEN 2 THEN 'automation'
           ELSE 'single' END AS source, m.source_id, t.body AS content, m.vars, m.skip_reason,
           m.created_at, m.sent_at, m.delivered_at, m.opened_at, m.clicked_at, m.unsubscribed_at,
           m.complained_at, m.opens, m.clicks
    FROM message m LEFT JOIN template_version t ON t.id = m.template_version_id
    WHERE m.customer_id = ANY(:ids) ORDER BY m.id
"""
#: Campaigns whose audience they are in and whose turn for them has not come.
_TO_BE_SENT: Final = """
    SELECT 'campaign' AS source, p.source_id, (ARRAY['email', 'sms', 'push'])[p.channel] AS channel,
           g.address, t.body AS content, p.expires_at
    FROM recipient_portion p
    CROSS JOIN LATERAL unnest(p.customer_ids, p.addresses) WITH ORDINALITY AS g(who, address, n)
    LEFT JOIN template_version t ON t.id = p.template_version_id
    WHERE p.customer_ids && CAST(:ids AS bigint[]) AND g.who = ANY(:ids) AND g.n > p.taken
      AND g.address IS NOT NULL
    ORDER BY p.id, g.n
"""
_LINKS: Final = """
    SELECT m.public_id AS message, w.delivery->>'word' AS act, w.delivery->>'at' AS at,
           w.delivery->>'url' AS url, COALESCE(w.delivery->'machine' = 'true', false) AS machine
    FROM webhook_inbox w JOIN message m ON m.id = w.message_id
    WHERE m.customer_id = ANY(:ids) AND w.delivery->>'word' IN ('opened', 'clicked') ORDER BY w.id
"""
_REPLIES: Final = """
    SELECT (ARRAY['email', 'sms', 'push'])[channel] AS channel, address, text, received_at, decision
    FROM reply WHERE customer_id = ANY(:ids) ORDER BY id
"""
_REQUESTS: Final = """
    SELECT (ARRAY['email', 'sms', 'push'])[channel] AS channel, source, evidence, requested_at,
           confirmed_at
    FROM opt_in_request WHERE customer_id = ANY(:ids) ORDER BY id
"""
