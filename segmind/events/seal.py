"""Sealing: recent rows become files, in one transaction that moves exactly what was written."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, func, select, text

from segmind.db.engine import Store
from segmind.errors import SegmindError
from segmind.events import catalogue, reading
from segmind.events.daily_files import by_day, write_events
from segmind.events.swap import SEAL_LOCK, run_alone
from segmind.events.tables import event_recent

#: Recent rows at which sealing is due: reading a tail of this length costs about 12 ms.
SEAL_AT_ROWS: Final = 20_000
#: Age of the oldest recent row at which sealing is due, however few there are.
SEAL_AT_AGE: Final = timedelta(minutes=10)
#: Rows per transaction, which bounds memory after a flood.
MOST_ROWS: Final = 500_000


class SealMismatch(SegmindError):
    """Sealing deleted {deleted} recent rows, but wrote {written}; nothing was changed."""

    code = "seal_mismatch"


@dataclass(frozen=True, slots=True)
class Sealed:
    """How many recent rows went into how many files."""

    rows: int
    files: int


def seal(store: Store, limit: int = MOST_ROWS) -> Sealed:
    """Move the oldest ``limit`` recent rows into files, one per UTC day.

    Readers see every event exactly once throughout; a crash at any point leaves the rows where
    they were, and at most orphan files. Does nothing while another process seals.
    """
    sealed = run_alone(store, SEAL_LOCK, lambda conn: _seal(conn, store, limit)) or Sealed(0, 0)
    if sealed.rows:
        _reclaim(store)
    return sealed


def is_due(conn: Connection, now: datetime) -> bool:
    """Whether the recent tail is long or old enough to be sealed.

    Told by both ends of the index, not by counting: it is asked once a second. Rows that were
    rolled back or changed leave gaps, so that sealing may come a little early.
    """
    seq, received_at = event_recent.c.seq, event_recent.c.received_at
    last = select(func.max(seq)).scalar_subquery()
    ends = conn.execute(select(seq, received_at, last).order_by(seq).limit(1)).one_or_none()
    if ends is None:
        return False
    first, oldest, last_seq = ends
    return bool(last_seq - first >= SEAL_AT_ROWS - 1 or now - oldest >= SEAL_AT_AGE)


def _reclaim(store: Store) -> None:
    """Give the places of sealed rows to new ones: readers of the tail pass over each dead row.

    Autovacuum comes once a minute, when a million may have been sealed. Waits for nobody.
    """
    engine = store.engine.execution_options(isolation_level="AUTOCOMMIT")
    with engine.connect() as conn:
        conn.execute(text("VACUUM (SKIP_LOCKED, TRUNCATE off) event_recent"))


def _seal(conn: Connection, store: Store, limit: int) -> Sealed:
    recent = reading.recent_rows(conn, store, limit)
    if not recent.seqs.size:
        return Sealed(0, 0)
    files = [write_events(store.lake, day, part) for day, part in by_day(recent.rows).items()]
    # The snapshot hides whatever was committed since: only rows that were read can be deleted,
    # even where a slow transaction brings a smaller seq later.
    last = int(recent.seqs.max())
    deleted = conn.execute(event_recent.delete().where(event_recent.c.seq <= last)).rowcount
    if deleted != recent.seqs.size:
        raise SealMismatch(deleted=deleted, written=recent.seqs.size)
    catalogue.insert_all(conn, files)
    return Sealed(rows=recent.seqs.size, files=len(files))
