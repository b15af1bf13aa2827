"""``python -m scheduler.sender``: a process that only sends, beside a scheduler with much to send.

It shares the scheduler's work by the database alone, as another scheduler would: rows are claimed
there, rates are counted there, and whoever is killed leaves what he was sending to the reaper. It
ends when its standard input does (its scheduler asked it to, or is gone), when it is told to by a
signal, and by itself when it has found nothing to send for a while.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time

from sqlalchemy.exc import InterfaceError, OperationalError

from scheduler.beginning import begun
from scheduler.carrier_room import CarrierRoom
from scheduler.database import wait_for_store
from scheduler.ticker import STOP_SECONDS
from segmind.db.engine import Store
from segmind.workspace import product_clock

log = logging.getLogger("segmind.sender")

#: Without anything to send for so many seconds it ends: the scheduler's own lanes are enough.
IDLE_SECONDS = 30.0
#: How often it looks for messages, as the scheduler's own lanes do.
LOOK_SECONDS = 0.25


def main() -> int:
    """Send until there is nothing more to do or until asked to stop; 0 then."""
    settings = begun()
    if settings is None:
        return 2
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _signal, _frame: stopping.set())
    threading.Thread(target=_heed_input, args=(stopping,), daemon=True).start()
    threading.Thread(target=_end_in_time, args=(stopping,), daemon=True).start()
    store = wait_for_store(settings, stopping)
    if store is not None:
        product_clock.follow(store)
        send(store, stopping)
        store.engine.dispose()
    return 0


def send(store: Store, stopping: threading.Event, idle_seconds: float = IDLE_SECONDS) -> None:
    """Send what is due until ``stopping``, or until nothing was for ``idle_seconds``."""
    room = CarrierRoom()
    busy_at = time.monotonic()
    while not stopping.is_set() and time.monotonic() - busy_at < idle_seconds:
        try:
            if room.carriers(store).lanes.run_until_idle(stopping.is_set).seen:
                busy_at = time.monotonic()
        except (OperationalError, InterfaceError):
            log.warning("The database does not answer; trying again.")
        except Exception as error:
            # The class, not the text: it may quote a row with personal data.
            log.error("Sending failed: %s; trying again.", type(error).__name__)
        stopping.wait(LOOK_SECONDS)


def _heed_input(stopping: threading.Event) -> None:
    """The scheduler holds the other end of the input: at its end it has asked, or is gone."""
    while os.read(sys.stdin.fileno(), 1024):
        pass
    stopping.set()


def _end_in_time(stopping: threading.Event) -> None:
    """Asked to stop, the process ends within STOP_SECONDS; what still runs then is rolled back or
    left to the reaper."""
    stopping.wait()
    time.sleep(STOP_SECONDS)
    logging.shutdown()
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
