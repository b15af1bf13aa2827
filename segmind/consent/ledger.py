"""The consent ledger: every yes and no with its proof, append-only.

The present consent of a customer and channel is the entry with the latest instant (of equals, a
no), in whatever order the entries came. It is mirrored on the customer in the same transaction, so
that an audience is one scan of columns.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

import polars as pl
from sqlalchemy import Connection, select, text

from segmind.consent.addresses import as_channel
from segmind.consent.tables import consent_entry
from segmind.errors import InvalidInput
from segmind.events.schema import Channel


class ConsentSource(StrEnum):
    """Where a yes or no came from."""

    FORM = "form"
    API = "api"
    IMPORT = "import"
    SMS_KEYWORD = "sms_keyword"
    ONE_CLICK = "one_click"
    PREFERENCES = "preferences"
    PROVIDER = "provider"
    ADMIN = "admin"
    REPLY = "reply"


#: The purpose that the gate asks for. Others (a topic, say) are kept for the shop's own use.
MARKETING: Final = "marketing"
_PURPOSE: Final = re.compile(r"[a-z][a-z0-9_-]{0,39}")


@dataclass(frozen=True, slots=True)
class ConsentEntry:
    """One yes (1) or no (0), as it was recorded."""

    id: int
    customer_id: int
    channel: Channel
    status: int
    source: str
    evidence: Mapping[str, Any] | None
    actor: str
    at: datetime
    purpose: str = MARKETING


def record(
    conn: Connection,
    customer_id: int,
    channel: Channel | str | int,
    status: bool | int,
    source: str,
    evidence: Mapping[str, Any] | None,
    actor: str,
    now: datetime,
    *,
    purpose: str = MARKETING,
) -> int:
    """Append one entry and mirror it on the customer; returns the entry's id.

    ``evidence`` is what proves it (form address, IP, text shown). Repeating the present state is
    recorded too: it is new proof.

    Raises:
        InvalidInput: ``purpose`` is no short name in small letters.
    """
    if not _PURPOSE.fullmatch(purpose):
        raise InvalidInput("A purpose is a short name such as marketing.", field="purpose")
    which = as_channel(channel)
    entry = conn.execute(
        consent_entry.insert()
        .values(
            customer_id=customer_id,
            channel=int(which),
            status=int(bool(status)),
            purpose=purpose,
            source=str(ConsentSource(source)),
            evidence=dict(evidence) if evidence else None,
            actor=actor,
            at=now,
        )
        .returning(consent_entry.c.id)
    ).scalar_one()
    if purpose == MARKETING:
        _mirror(conn, which, [customer_id])
    return int(entry)


def record_many(
    conn: Connection,
    choices: pl.DataFrame,
    source: str,
    evidence: Mapping[str, Any] | None,
    actor: str,
    now: datetime,
) -> int:
    """Append one entry per row of ``choices`` (customer_id, channel code, status), mirrored.

    All have one instant, so of two rows for a customer and channel a no wins. Returns the number
    of entries. An import must say what proves it.

    Raises:
        InvalidInput: the source is an import, and ``evidence`` has no ``attestation``.
    """
    if ConsentSource(source) is ConsentSource.IMPORT:
        attested(evidence)
    if choices.is_empty():
        return 0
    values = {
        "customers": choices["customer_id"].to_list(),
        "channels": choices["channel"].to_list(),
        "statuses": choices["status"].cast(pl.Int16).to_list(),
    }
    conn.execute(
        text("""
            INSERT INTO consent_entry (customer_id, channel, status, source, evidence, actor, at)
            SELECT c, ch, s, :source, CAST(:evidence AS jsonb), :actor, :now
            FROM unnest(CAST(:customers AS bigint[]), CAST(:channels AS smallint[]),
                        CAST(:statuses AS smallint[])) WITH ORDINALITY AS given(c, ch, s, n)
            ORDER BY n
        """),
        values
        | {
            "source": str(ConsentSource(source)),
            "evidence": _json(evidence),
            "actor": actor,
            "now": now,
        },
    )
    for which in Channel:
        touched = choices.filter(pl.col("channel") == int(which))["customer_id"].unique()
        if touched.len():
            _mirror(conn, which, touched.to_list())
    return choices.height


def attested(evidence: Mapping[str, Any] | None) -> None:
    """Let evidence of an import pass.

    Raises:
        InvalidInput: it has no ``attestation``: in words, where the consents come from.
    """
    said = str((evidence or {}).get("attestation", "")).strip()
    if len(said) < MIN_ATTESTATION:
        raise InvalidInput(
            "An import of consents must say where they come from.",
            hint="Give evidence.attestation: who asked, where, and with which words.",
            field="evidence",
        )


#: Shorter than this, it says nothing.
MIN_ATTESTATION: Final = 10


def history(conn: Connection, customer_id: int) -> list[ConsentEntry]:
    """Every entry of a customer, the newest first."""
    rows = conn.execute(
        select(consent_entry)
        .where(consent_entry.c.customer_id == customer_id)
        .order_by(consent_entry.c.id.desc())
    )
    return [ConsentEntry(**{**row, "channel": Channel(row["channel"])}) for row in rows.mappings()]


def current(conn: Connection, customer_id: int, purpose: str = MARKETING) -> dict[Channel, int]:
    """The present status by channel; a channel never asked for is missing."""
    rows = conn.execute(
        text("""
            SELECT DISTINCT ON (channel) channel, status FROM consent_entry
            WHERE customer_id = :id AND purpose = :purpose
            ORDER BY channel, at DESC, status, id DESC
        """),
        {"id": customer_id, "purpose": purpose},
    )
    return {Channel(channel): status for channel, status in rows}


def _mirror(conn: Connection, which: Channel, customer_ids: Sequence[int]) -> None:
    column = f"{which.label}_consent"
    conn.execute(
        text(f"""
            UPDATE customer SET {column} = newest.status
            FROM (SELECT DISTINCT ON (customer_id) customer_id, status FROM consent_entry
                  WHERE customer_id = ANY(:ids) AND channel = :channel
                    AND purpose = 'marketing'
                  ORDER BY customer_id, at DESC, status, id DESC) AS newest
            WHERE customer.id = newest.customer_id
              AND customer.{column} IS DISTINCT FROM newest.status
        """),
        {"ids": list(customer_ids), "channel": int(which)},
    )


def _json(value: Mapping[str, Any] | None) -> str | None:
    return json.dumps(dict(value)) if value else None
