"""The catalogue of immutable files: a reader sees a file by its row here, or not at all."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, insert, select, text
from sqlalchemy.dialects.postgresql import insert as upsert

from segmind.events.files import Written
from segmind.events.tables import event_file, event_file_retired


@dataclass(frozen=True, slots=True)
class Entry:
    """One file's row. ``min_ts`` and ``max_ts`` are both inclusive; None where it has no times."""

    id: int
    path: str
    kind: str
    day: date | None
    rows: int
    bytes: int
    min_ts: datetime | None
    max_ts: datetime | None
    checksum: str
    detail: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class NewEntry:
    """A written file on its way into the catalogue."""

    written: Written
    kind: str
    day: date | None = None
    min_ts: datetime | None = None
    max_ts: datetime | None = None
    detail: dict[str, Any] | None = None
    subject_id: int | None = None


def entries(conn: Connection, kinds: Collection[str]) -> tuple[Entry, ...]:
    """The files of these kinds, oldest day first."""
    return _entries(conn, event_file.c.kind.in_(kinds))


def entries_of_day(conn: Connection, kind: str, day: date) -> tuple[Entry, ...]:
    """The files of one kind and day."""
    return _entries(conn, (event_file.c.kind == kind) & (event_file.c.day == day))


def _entries(conn: Connection, where: ColumnElement[bool]) -> tuple[Entry, ...]:
    columns = [event_file.c[name] for name in Entry.__dataclass_fields__]
    query = select(*columns).where(where).order_by(event_file.c.day, event_file.c.id)
    return tuple(Entry(**row) for row in conn.execute(query).mappings())


def insert_all(conn: Connection, files: Sequence[NewEntry]) -> list[int]:
    """Insert the rows of these files; returns their ids in the same order."""
    if not files:
        return []
    rows = [
        {
            "path": f.written.path,
            "rows": f.written.rows,
            "bytes": f.written.bytes,
            "checksum": f.written.checksum,
            "kind": f.kind,
            "day": f.day,
            "min_ts": f.min_ts,
            "max_ts": f.max_ts,
            "detail": f.detail,
            "subject_id": f.subject_id,
        }
        for f in files
    ]
    returned = insert(event_file).returning(event_file.c.id, sort_by_parameter_order=True)
    return [int(i) for i in conn.execute(returned, rows).scalars()]


def retire(conn: Connection, ids: Collection[int]) -> None:
    """Take files out of the catalogue; they stay on disk for readers that still see them."""
    if not ids:
        return
    gone = conn.execute(
        event_file.delete().where(event_file.c.id.in_(ids)).returning(event_file.c.path)
    ).scalars()
    rows = [{"path": path} for path in gone]  # retired_at: the database's time
    if rows:
        conn.execute(upsert(event_file_retired).on_conflict_do_nothing(), rows)


def set_detail(conn: Connection, file_id: int, detail: dict[str, Any]) -> None:
    """Replace what a file's kind needs besides; the file itself stays as it is."""
    conn.execute(event_file.update().where(event_file.c.id == file_id).values(detail=detail))


def replace_sources(conn: Connection, kind: str, replaced: Mapping[int, int]) -> None:
    """Let files of ``kind`` that were made from some files know those that took their places."""
    for made in entries(conn, (kind,)):
        detail = made.detail or {}
        sources = set(detail["sources"])
        if sources & replaced.keys():
            now = sorted(replaced.get(each, each) for each in sources)
            set_detail(conn, made.id, detail | {"sources": now})


def newest(conn: Connection, kind: str) -> tuple[int, int]:
    """(how many files of ``kind``, the largest id): changes with every seal and every swap."""
    query = select(func.count(), func.coalesce(func.max(event_file.c.id), 0))
    count, last = conn.execute(query.where(event_file.c.kind == kind)).one()
    return int(count), int(last)


def known_paths(conn: Connection) -> set[str]:
    """Every path that has a row: catalogued, or retired and not yet removed."""
    return set(
        conn.execute(
            text("SELECT path FROM event_file UNION ALL SELECT path FROM event_file_retired")
        ).scalars()
    )
