"""Rows on their way into PostgreSQL while the log is being made: a thread and a transaction."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Final

import polars as pl
from sqlalchemy import Connection, text

from segmind.db.copy import copy_in
from segmind.db.engine import Store
from segmind.db.unindexed import without_indexes

Act = Callable[[Connection], None]
#: Tables that are large from the first day on. Foreign keys join them to each other only: taking
#: one away locks both its tables.
TABLES: Final = (
    "customer", "identity", "device", "consent_entry", "message", "automation_run_step",
)  # fmt: skip
#: Frames that wait their turn, at most: they are kept in memory.
_WAITING: Final = 12


class Loading:
    """Loads rows in the order in which they are given, all of them or none.

    If TABLES are empty at first, they have no indexes while they are filled: each gets them by
    ``complete``, at the latest by ``finish``, which commits. Until then nobody else can read them.
    A process that dies leaves them as they were.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._acts: queue.Queue[Act | None] = queue.Queue(_WAITING)
        self._failure: BaseException | None = None
        self._bare: dict[str, ExitStack] = {}
        self._incomplete = set(TABLES)
        self._thread = threading.Thread(target=self._run, name="demo shop loading", daemon=True)
        self._thread.start()

    def copy(self, table: str, frame: pl.DataFrame) -> None:
        """Append the rows of ``frame`` to ``table``; returns before they are there."""
        self.do(lambda conn: self._copy(conn, table, frame))

    def do(self, act: Act) -> None:
        """Have ``act`` done after all that was asked for before."""
        while True:
            self._raise_failure()
            try:
                return self._acts.put(act, timeout=0.5)
            except queue.Full:
                continue

    def complete(self, tables: Sequence[str]) -> None:
        """Nothing more comes for these tables: give them their indexes, and look at their rows."""
        self.do(lambda conn: self._complete(conn, tables))

    def finish(self) -> None:
        """Wait until everything is there for good, and PostgreSQL knows how it is spread."""
        self.complete(TABLES)
        self._end()
        self._raise_failure()

    def abandon(self) -> None:
        """Undo everything."""
        self._failure = self._failure or _Abandoned()
        while self._thread.is_alive():
            self._end()

    def _end(self) -> None:
        while self._thread.is_alive():
            try:
                self._acts.put(None, timeout=0.2)
                break
            except queue.Full:
                continue
        self._thread.join()

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        try:
            with self._store.engine.begin() as conn:
                self._begin(conn)
                while (act := self._acts.get()) is not None:
                    self._raise_failure()
                    act(conn)
                self._raise_failure()
        except BaseException as error:  # told to whoever asks next
            self._failure = self._failure or error

    def _begin(self, conn: Connection) -> None:
        conn.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
        conn.execute(text("SET LOCAL maintenance_work_mem = '384MB'"))
        conn.execute(text(f"LOCK TABLE {', '.join(TABLES)} IN ACCESS EXCLUSIVE MODE"))
        rows = " UNION ALL ".join(f"(SELECT 1 FROM {table} LIMIT 1)" for table in TABLES)
        if conn.execute(text(rows)).first() is not None:
            return
        # A table made anew in the same transaction may be written without the detour of the log.
        conn.execute(text(f"TRUNCATE {', '.join(TABLES)}"))
        for table in TABLES:
            self._bare[table] = ExitStack()
            self._bare[table].enter_context(without_indexes(conn, [table]))

    def _copy(self, conn: Connection, table: str, frame: pl.DataFrame) -> None:
        copy_in(conn, table, frame, freeze=table in self._bare)

    def _complete(self, conn: Connection, tables: Sequence[str]) -> None:
        for table in [table for table in tables if table in self._incomplete]:
            self._incomplete.discard(table)
            if table in self._bare:
                self._bare.pop(table).close()
            conn.execute(text(f"ANALYZE {table}"))


def analyse_others(conn: Connection) -> None:
    """Look at the rows of all tables but TABLES, which was done when they were complete."""
    query = "SELECT format('%I', tablename) FROM pg_tables WHERE schemaname = 'public'"
    others = set(conn.execute(text(query)).scalars()) - set(TABLES)
    conn.execute(text(f"ANALYZE {', '.join(sorted(others))}"))


class _Abandoned(Exception):
    """The load was given up."""
