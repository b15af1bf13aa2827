"""Running a swap of files: one REPEATABLE READ transaction, one runner of a kind, tried again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from segmind.db.engine import Store
from segmind.db.locks import try_lock

T = TypeVar("T")

#: Names of the advisory locks. Who holds one may have files on disk without a catalogue row.
SEAL_LOCK: Final = "seal events"
REWRITE_LOCK: Final = "rewrite event files"  # compaction and rollups replace rows of each other
BULK_LOCK: Final = "append events in bulk"
ATTEMPTS: Final = 5
#: Serialization failure and deadlock: nothing happened, and it may be tried again.
_TRANSIENT: Final = frozenset({"40001", "40P01"})


def run_alone(store: Store, lock: str, act: Callable[[Connection], T]) -> T | None:
    """``act`` in a transaction that sees one instant; None if somebody else holds ``lock``.

    The snapshot is older than the lock: a runner that finished in between makes ``act`` fail to
    serialize, never repeat what the other did; then it is tried again on a newer snapshot.
    """
    engine = store.engine.execution_options(isolation_level="REPEATABLE READ")
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with engine.begin() as conn:
                return act(conn) if try_lock(conn, lock) else None
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) not in _TRANSIENT or attempt == ATTEMPTS:
                raise
    return None
