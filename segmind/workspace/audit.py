"""Who did what, when: append-only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select

from segmind.workspace.tables import audit


@dataclass(frozen=True, slots=True)
class Entry:
    """One act. ``at`` is the database's time, also while the product's clock is frozen."""

    id: int
    at: datetime
    actor: str
    action: str
    subject: str
    detail: dict[str, Any] | None


def record(
    conn: Connection,
    actor: str,
    action: str,
    subject: str = "",
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Note that ``actor`` did ``action`` (``campaign.launch``) to ``subject``.

    ``detail`` is plain JSON without secrets or customers' personal data. Commits with the act.
    """
    values = {"actor": actor, "action": action, "subject": subject}
    conn.execute(insert(audit).values(**values, detail=dict(detail) if detail else None))


def recent(conn: Connection, limit: int = 100, before: int | None = None) -> list[Entry]:
    """The newest acts first; ``before`` is the id of the last one seen."""
    query = select(audit).order_by(audit.c.id.desc()).limit(limit)
    if before is not None:
        query = query.where(audit.c.id < before)
    return [Entry(**row) for row in conn.execute(query).mappings()]


def of_subject(conn: Connection, subject: str, action: str) -> list[Entry]:
    """When ``action`` was done to ``subject``, the first time first."""
    mine = (audit.c.subject == subject) & (audit.c.action == action)
    query = select(audit).where(mine).order_by(audit.c.id)
    return [Entry(**row) for row in conn.execute(query).mappings()]
