"""``python -m scheduler``: run the table of jobs until Ctrl-C or SIGTERM."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import threading
from types import FrameType

from sqlalchemy.exc import InterfaceError, OperationalError

from scheduler.beginning import begun
from scheduler.context import Context
from scheduler.database import Reviver, wait_for_store
from scheduler.jobs import JOBS
from scheduler.ticker import STOP_SECONDS, Ticker
from segmind.db import heartbeat
from segmind.db.engine import Store
from segmind.db.migrate import upgrade
from segmind.settings import Settings
from segmind.workspace import product_clock

log = logging.getLogger("segmind.scheduler")


def main(arguments: list[str] | None = None) -> int:
    """Run until asked to stop; 0 then, 2 for settings that cannot be used."""
    parser = argparse.ArgumentParser(prog="python -m scheduler", description=__doc__)
    parser.add_argument("--jobs", action="store_true", help="print the table of jobs and leave")
    if parser.parse_args(arguments).jobs:
        for job in JOBS:
            sys.stdout.write(f"{job.name:20} every {job.every:g} s  {job.sentence}\n")
        return 0
    settings = begun()
    if settings is None:
        return 2
    run(settings, Context())
    return 0


def run(settings: Settings, context: Context) -> None:
    """Wait for the database, bring it up to date, and tick until ``context.stopping``."""
    before_ticking = threading.Event()
    ticker: list[Ticker] = []

    def ask_to_stop(_signal: int, _frame: FrameType | None) -> None:
        if ticker:
            ticker[0].stop()
        before_ticking.set()

    signal.signal(signal.SIGTERM, ask_to_stop)
    signal.signal(signal.SIGINT, ask_to_stop)
    store = wait_for_store(settings, before_ticking)
    if store is None:
        return
    upgrade(store.engine)
    product_clock.follow(store)
    ticker.append(Ticker(store, context, JOBS, Reviver(settings)))
    if before_ticking.is_set():
        return
    log.info("The scheduler runs as %s: %d jobs.", context.process, len(JOBS))
    ticker[0].run()
    context.senders.wait(STOP_SECONDS)
    _leave(store, context.process)
    store.engine.dispose()
    log.info("The scheduler stopped.")


def _leave(store: Store, process: str) -> None:
    """Take back the heartbeat; without a database it is left to grow old."""
    try:
        with store.engine.begin() as conn:
            heartbeat.leave(conn, process)
    except (OperationalError, InterfaceError):
        log.warning("The database does not answer; stopping without taking leave of it.")


if __name__ == "__main__":
    sys.exit(main())
