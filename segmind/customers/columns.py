"""Customers as columns: a Parquet file of the past and the rows touched since.

The file is written from one snapshot; with it is kept ``xmin``, the snapshot's oldest transaction
still running. Whoever was touched by a transaction at or after it (``customer.changed_xid``) may be
missing in the file or stale there, and is read from PostgreSQL instead. So nobody is missed, and
nobody is seen twice, whatever was running while the file was written.

Customers are never deleted from the table: an erased or merged one stays as an emptied row, so that
its disappearance is a touch like any other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import polars as pl
from sqlalchemy import Connection, select, text

from segmind.customers import roster
from segmind.customers.roster import Roster
from segmind.db import copy
from segmind.db.engine import Store
from segmind.db.locks import try_lock
from segmind.events import files
from segmind.events.schema import UTC_INSTANT
from segmind.events.tables import event_file, event_file_retired

FILE_KIND: Final = "customer"
#: Rows touched since the file at which a new file is worth writing: at least so many, and so large
#: a share of the file, since all of it is written anew.
REBUILD_AT: Final = 20_000
REBUILD_SHARE: Final = 0.02

CUSTOMER_COLUMNS: Final[dict[str, pl.DataType]] = {
    "customer_id": pl.Int64(),
    "external_id": pl.String(),
    "first_name": pl.String(),
    "last_name": pl.String(),
    "email": pl.String(),
    "phone": pl.String(),  # E.164
    "push_token": pl.String(),  # the newest device's
    "country": pl.String(),
    "city": pl.String(),
    "language": pl.String(),
    "timezone": pl.String(),  # IANA
    "birthday": pl.Date(),
    "traits": pl.String(),  # JSON object of the custom traits
    "email_consent": pl.Int8(),  # 1 yes, 0 no, null unknown
    "sms_consent": pl.Int8(),
    "push_consent": pl.Int8(),
    "email_suppressed": pl.Boolean(),
    "sms_suppressed": pl.Boolean(),
    "push_suppressed": pl.Boolean(),
    "is_anonymous": pl.Boolean(),
    "created_at": UTC_INSTANT,
}
_GONE: Final = "gone"  # erased or merged away: no customer any more
_ROWS: Final = (
    "SELECT c.id, "
    + ", ".join(f"c.{name}" for name in list(CUSTOMER_COLUMNS)[1:])
    + ", c.erased_at IS NOT NULL OR m.from_id IS NOT NULL "
    "FROM customer c LEFT JOIN customer_merge m ON m.from_id = c.id "
)
_ROW_SCHEMA: Final = {**CUSTOMER_COLUMNS, _GONE: pl.Boolean()}


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What was touched at or after transaction ``xmin``, as one snapshot saw it.

    A touch always raises the row's ``changed_xid``, so ``total`` (their sum) grows with every
    change that becomes visible: equal fingerprints of one ``xmin`` mean that nothing changed.
    """

    xmin: int
    rows: int
    total: int


@dataclass(frozen=True, slots=True)
class Mirror:
    """One snapshot's customers. ``touched`` (with ``gone``) overrules the file at ``path``."""

    path: Path | None
    file_id: int | None
    touched: pl.DataFrame
    fingerprint: Fingerprint

    @property
    def version(self) -> str:
        """Changes whenever a customer changed."""
        f = self.fingerprint
        return f"{self.file_id or 0}.{f.xmin}.{f.rows}.{f.total}"

    def rosters(self) -> tuple[Roster, ...]:
        """The same customers as ``frame`` in fixed orders: those of the file, those touched."""
        present = roster.of_frame(self.touched.filter(~pl.col(_GONE)).drop(_GONE))
        if self.path is None:
            return (present,)
        return (roster.of_file(self.path, self.touched["customer_id"].to_numpy()), present)

    def frame(self) -> pl.LazyFrame:
        """The customers (CUSTOMER_COLUMNS), each once, in no promised order."""
        present = self.touched.lazy().filter(~pl.col(_GONE)).drop(_GONE)
        if self.path is None:
            return present
        filed = pl.scan_parquet(self.path)
        if self.touched.height:
            ids = self.touched.lazy().select("customer_id")
            filed = filed.join(ids, on="customer_id", how="anti")
        return pl.concat([filed, present])


def read(conn: Connection, store: Store, before: Mirror | None = None) -> Mirror:
    """The customers in ``conn``'s snapshot; ``conn`` must be in REPEATABLE READ.

    Given the mirror of an earlier read, only rows touched since then are fetched; the very same
    object comes back when there are none.
    """
    row = _newest_file(conn, store)
    file_id = int(row["id"]) if row else None
    if before is None or before.file_id != file_id:
        return _read_whole(conn, store, row)
    if _fingerprint(conn, before.fingerprint.xmin) == before.fingerprint:
        return before
    news = _touched_since(conn, before.fingerprint.xmin)
    old = before.touched.join(news, on="customer_id", how="anti")
    now = _fingerprint(conn, _xmin(conn))
    return Mirror(before.path, file_id, pl.concat([old, news]), now)


def rebuild_if_due(store: Store, at: int | None = None) -> bool:
    """Write a new file when ``at`` or more rows were touched since the last one.

    False when it is not due, or somebody else is at it. Nothing is gained, and so nothing done,
    while an old transaction still runs that keeps most of those rows uncertain.
    """

    def is_due(conn: Connection, old: Mapping[str, Any] | None) -> bool:
        filed = int(old["rows"]) if old else 0
        least = max(REBUILD_AT, int(REBUILD_SHARE * filed)) if at is None else at
        touched = _fingerprint(conn, _file_xmin(old)).rows
        return touched >= least and _fingerprint(conn, _xmin(conn)).rows <= touched // 2

    return _rebuild(store, is_due)


def rebuild(store: Store) -> bool:
    """Write a new file now (after a bulk load); False if somebody else is at it."""
    return _rebuild(store, lambda conn, old: True)  # noqa: ARG005


def rebuild_from(store: Store, customers: pl.DataFrame) -> bool:
    """``rebuild`` by whoever has just loaded all ``customers`` in one transaction and so need not
    read them again; they are a frame with CUSTOMER_COLUMNS, by ascending id, nobody of them gone.

    Everybody is read after all if the table holds other rows, or rows touched by anybody else.
    """

    def known(conn: Connection) -> pl.DataFrame | None:
        query = (
            "SELECT count(*), min(id), max(id), count(DISTINCT changed_xid), "
            "(SELECT count(*) FROM customer_merge) FROM customer"
        )
        ids = customers["customer_id"]
        expected = (ids.len(), ids.min(), ids.max(), 1, 0)
        is_known = tuple(conn.execute(text(query)).one()) == expected
        return customers.select(list(CUSTOMER_COLUMNS)) if is_known else None

    return _rebuild(store, lambda conn, old: True, known)  # noqa: ARG005


def _rebuild(
    store: Store,
    is_due: Callable[[Connection, Mapping[str, Any] | None], bool],
    known: Callable[[Connection], pl.DataFrame | None] = lambda conn: None,  # noqa: ARG005
) -> bool:
    with store.engine.begin() as conn:
        conn.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
        if not try_lock(conn, "customer mirror"):
            return False
        old = _newest_file(conn, store)
        if not is_due(conn, old):
            return False
        _swap(conn, store, old, known(conn))
    return True


def _swap(
    conn: Connection, store: Store, old: Mapping[str, Any] | None, frame: pl.DataFrame | None
) -> None:
    """Write the file, then swap its catalogue row in; a crash between leaves an orphan file."""
    if frame is None:
        lazy = _read_whole(conn, store, old).frame()
        frame = lazy.sort("customer_id").collect(engine="streaming")
    written = files.write(store.lake, files.new_path(FILE_KIND, None), frame)
    values = {
        **asdict(written),
        "kind": FILE_KIND,
        "detail": {"xmin": _xmin(conn)},
    }
    replaced = (
        event_file.delete().where(event_file.c.kind == FILE_KIND).returning(event_file.c.path)
    )
    for path in conn.execute(replaced).scalars().all():
        conn.execute(event_file_retired.insert().values(path=path))
    conn.execute(event_file.insert().values(values))


def _read_whole(conn: Connection, store: Store, row: Mapping[str, Any] | None) -> Mirror:
    path = store.lake / str(row["path"]) if row else None
    touched = _touched_since(conn, _file_xmin(row))
    file_id = int(row["id"]) if row else None
    return Mirror(path, file_id, touched, _fingerprint(conn, _xmin(conn)))


def _newest_file(conn: Connection, store: Store) -> dict[str, Any] | None:
    """The catalogue's row of the file; None without one, or when the file is missing or cut short.

    The file is only a copy: without it everybody is read from PostgreSQL.
    """
    query = (
        select(event_file).where(event_file.c.kind == FILE_KIND).order_by(event_file.c.id.desc())
    )
    row = conn.execute(query.limit(1)).mappings().first()
    if row is None:
        return None
    path = store.lake / row["path"]
    whole = path.exists() and path.stat().st_size == row["bytes"]
    return dict(row) if whole else None


def _file_xmin(row: Mapping[str, Any] | None) -> int:
    return int(row["detail"]["xmin"]) if row else 0


def _xmin(conn: Connection) -> int:
    return int(
        conn.execute(text("SELECT pg_snapshot_xmin(pg_current_snapshot())::text")).scalar_one()
    )


def _fingerprint(conn: Connection, xmin: int) -> Fingerprint:
    row = conn.execute(
        text(
            "SELECT count(*), coalesce(sum(changed_xid::text::numeric), 0)::text "
            "FROM customer WHERE changed_xid >= CAST(CAST(:xmin AS text) AS xid8)"
        ),
        {"xmin": str(xmin)},
    ).one()
    return Fingerprint(xmin, int(row[0]), int(row[1]))


def _touched_since(conn: Connection, xmin: int) -> pl.DataFrame:
    where = f"WHERE c.changed_xid >= '{int(xmin)}'::xid8"
    return copy.copy_out(conn, _ROWS + where, _ROW_SCHEMA)
