"""The one store of a serving process, opened when it is first needed and whenever it was away."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

from segmind.db.engine import DatabaseDown, Store, open_store
from segmind.db.migrate import upgrade
from segmind.errors import Unavailable
from segmind.settings import from_environment
from segmind.workspace import product_clock

#: A database that did not answer is left alone for this long.
RETRY_SECONDS: Final = 1.0


class Stores:
    """Gives the store; serving starts before the database does, and goes on when it is back."""

    def __init__(self, opened: Callable[[], Store]) -> None:
        self._open = opened
        self._lock = threading.Lock()
        self._store: Store | None = None
        self._again_at = 0.0

    def get(self) -> Store:
        """The store.

        Raises:
            Unavailable: the database does not answer (asked at most once a second).
        """
        if self._store is not None:
            return self._store
        with self._lock:
            if self._store is None:
                self._store = self._attempt()
            return self._store

    def suspect(self) -> None:
        """Its database went away: open anew next time, which starts an embedded server again.

        A server given by address is somebody else's to start: its connections recover alone.
        """
        with self._lock:
            if self._store is not None and self._store.settings.database_url is None:
                self._store = None

    def close(self) -> None:
        """Give every connection back."""
        with self._lock:
            if self._store is not None:
                self._store.engine.dispose()
                self._store = None

    def _attempt(self) -> Store:
        if time.monotonic() < self._again_at:
            raise DatabaseDown()
        try:
            return self._open()
        except Unavailable:
            self._again_at = time.monotonic() + RETRY_SECONDS
            raise


def of_process() -> Store:
    """The store that the environment names, migrated, with the product's clock installed.

    Raises:
        Unavailable: the database does not answer.
        InvalidInput: a setting cannot be used.
    """
    store = open_store(from_environment())
    upgrade(store.engine)
    product_clock.follow(store)
    return store
