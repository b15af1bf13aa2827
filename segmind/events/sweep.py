"""Removing what nobody needs: orphan files, retired files, ids of long ago.

Ages are real ones, told by the database and the file system: the product's clock may stand still.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from sqlalchemy import delete, func, text

from segmind.db.engine import Store
from segmind.db.locks import try_lock
from segmind.events import catalogue, files
from segmind.events.swap import BULK_LOCK, REWRITE_LOCK, SEAL_LOCK
from segmind.events.tables import event_file_retired, event_seen

#: A file without a catalogue row is an orphan when it is older: nothing writes for that long
#: without holding one of the locks.
ORPHAN_AGE: Final = timedelta(hours=1)
SUFFIXES: Final = frozenset({".parquet", ".partial", ".tmp"})
#: How long a replaced file stays for questions that were under way.
RETIRED_AGE: Final = timedelta(minutes=15)
#: How long an event id is remembered: a repeat is a no-op for at least seven days.
SEEN_AGE: Final = timedelta(days=8)


def sweep_orphans(store: Store, older_than: timedelta = ORPHAN_AGE) -> int:
    """Remove files that no row names (what a crash left), older than ``older_than``.

    Does nothing while a writer of files is at work. Returns how many were removed.
    """
    with store.engine.begin() as conn:
        if not all(try_lock(conn, name) for name in (SEAL_LOCK, REWRITE_LOCK, BULK_LOCK)):
            return 0
        now = float(conn.execute(text("SELECT extract(epoch FROM now())")).scalar_one())
        known = catalogue.known_paths(conn)
        removed = 0
        for path in store.lake.rglob("*"):
            name = path.relative_to(store.lake).as_posix()
            if name in known or path.suffix not in SUFFIXES or not path.is_file():
                continue
            if now - path.stat().st_mtime >= older_than.total_seconds():
                files.forget(store.lake, name)
                removed += 1
        return removed


def remove_retired(store: Store, older_than: timedelta = RETIRED_AGE) -> int:
    """Remove files that were replaced more than ``older_than`` ago."""
    with store.engine.begin() as conn:
        is_old = event_file_retired.c.retired_at <= func.now() - older_than
        gone = delete(event_file_retired).where(is_old)
        paths = conn.execute(gone.returning(event_file_retired.c.path)).scalars().all()
    # After the commit: a crash here leaves orphans, never a row of a file that is gone.
    for path in paths:
        files.forget(store.lake, path)
    return len(paths)


def prune_seen(store: Store, older_than: timedelta = SEEN_AGE) -> int:
    """Forget event ids that came in more than ``older_than`` ago."""
    with store.engine.begin() as conn:
        old = delete(event_seen).where(event_seen.c.seen_at < func.now() - older_than)
        return conn.execute(old).rowcount
