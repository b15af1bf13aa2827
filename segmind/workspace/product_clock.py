"""The product's time: real, or standing still where the workspace says so."""

from __future__ import annotations

import threading
import time
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from segmind import clock
from segmind.db.engine import Store
from segmind.workspace.tables import setting

#: For how long an answer serves; freezing the clock takes effect everywhere within this time.
SECONDS_KEPT = 1.0
#: How long to leave a database alone that did not answer.
SECONDS_AFTER_FAILURE = 5.0


class _FrozenAt:
    """``clock_frozen_at`` as the database last said it, read at most once a second."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._read_again = 0.0
        self._value: datetime | None = None

    def now(self) -> datetime:
        if time.monotonic() >= self._read_again and self._lock.acquire(blocking=False):
            try:
                self._refresh()
            finally:
                self._lock.release()
        return self._value or clock.wall()

    def _refresh(self) -> None:
        query = select(setting.c.value).where(setting.c.key == "clock_frozen_at")
        try:
            with self._store.engine.connect() as conn:
                text = conn.execute(query).scalar_one_or_none()
        except SQLAlchemyError:
            # What time it is must not depend on the database: keep the last answer.
            self._read_again = time.monotonic() + SECONDS_AFTER_FAILURE
            return
        self._value = datetime.fromisoformat(text) if text else None
        self._read_again = time.monotonic() + SECONDS_KEPT


def follow(store: Store) -> None:
    """From now on ``clock.now()`` stands still while the workspace's clock is frozen."""
    source = _FrozenAt(store)
    source.now()
    clock.use(source.now)
