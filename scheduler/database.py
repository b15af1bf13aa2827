"""A database that is away: waiting for it at the start, reviving the embedded one later."""

from __future__ import annotations

import logging
import threading
import time

from segmind.db import embedded
from segmind.db.engine import Store, open_store
from segmind.errors import SegmindError, Unavailable
from segmind.settings import Settings

log = logging.getLogger("segmind.scheduler")

#: Connections: one per job and per lane of the dispatchers.
POOL_SIZE = 24
RETRY_SECONDS = 2.0


def wait_for_store(settings: Settings, stopping: threading.Event) -> Store | None:
    """A store once the database answers; None when ``stopping`` was set before."""
    said = False
    while not stopping.is_set():
        try:
            return open_store(settings, pool_size=POOL_SIZE)
        except Unavailable as error:
            if not said:
                log.warning("%s Waiting for it.", error.message)
                said = True
        stopping.wait(RETRY_SECONDS)
    return None


class Reviver:
    """Called when the database does not answer: starts the embedded server again, at most every
    few seconds. A server given by address is somebody else's to start."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._again_at = 0.0

    def __call__(self) -> None:
        if self._settings.database_url is not None or not self._lock.acquire(blocking=False):
            return
        try:
            if time.monotonic() >= self._again_at:
                self._again_at = time.monotonic() + RETRY_SECONDS
                embedded.ensure_running(self._settings.home)
        except SegmindError as error:
            log.warning("%s", error.message)
        finally:
            self._lock.release()
