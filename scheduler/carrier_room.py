"""The providers and the dispatchers of this process, made anew when credentials change."""

from __future__ import annotations

import gc
import threading
import time
from dataclasses import dataclass

from sqlalchemy import text

from segmind.channels.registry import Registry
from segmind.db.engine import Store
from segmind.messages.carriers import open_registry
from segmind.messages.lanes import Lanes

#: How often to look whether credentials have changed.
LOOK_SECONDS = 5.0


@dataclass(frozen=True)
class Carriers:
    """The providers, and the dispatchers of this process (used by one thread)."""

    registry: Registry
    lanes: Lanes


class CarrierRoom:
    """Gives out the carriers that fit the credentials as they are now."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._carriers: Carriers | None = None
        self._credentials: tuple[object, ...] = ()
        self._look_at = 0.0

    def carriers(self, store: Store) -> Carriers:
        """The present carriers; the same objects while no credential changes."""
        with self._lock:
            if self._carriers is None or time.monotonic() >= self._look_at:
                credentials = _credentials(store)
                if self._carriers is None or credentials != self._credentials:
                    registry = open_registry(store)
                    if self._carriers is not None:
                        self._carriers.lanes.close()
                    self._carriers = Carriers(registry, Lanes(store, registry))
                    spare_what_is_loaded()
                    self._credentials = credentials
                self._look_at = time.monotonic() + LOOK_SECONDS
            return self._carriers


def spare_what_is_loaded() -> None:
    """Let the collector of cycles look only at what comes from now on: looking through all that the
    process has loaded each time cost a tenth of a dispatcher's processor time."""
    gc.collect()
    gc.freeze()


def _credentials(store: Store) -> tuple[object, ...]:
    """What changes whenever a credential does."""
    with store.engine.connect() as conn:
        rows = conn.execute(text("SELECT provider, updated_at FROM credential ORDER BY provider"))
        return tuple(tuple(row) for row in rows)
