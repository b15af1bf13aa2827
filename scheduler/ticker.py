"""Running the table of jobs: APScheduler keeps the time, every job has a thread of its own.

Due work lies in PostgreSQL, so a tick carries no meaning: one that is missed, doubled or comes from
another process does no harm.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.blocking import BlockingScheduler
from sqlalchemy.exc import InterfaceError, OperationalError

from scheduler.context import Context
from segmind import clock
from segmind.db.engine import Store

log = logging.getLogger("segmind.scheduler")

#: Asked to stop, the process ends within this time; what still runs then is rolled back.
STOP_SECONDS = 4.5
#: A job that has had its share of the time rests for so many seconds at most.
LONGEST_REST = 1.5
#: Ticks of the short jobs are this far apart at the start, so that they do not all begin at once.
STAGGER_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Job:
    """One line of the table: a sentence, how often (seconds), and what to do.

    ``run`` must be harmless to repeat and to run in several processes at once. ``share``: of the
    time that it runs at most; after a run that took long it lets ticks pass, for LONGEST_REST
    seconds at most, so that what looks at every new event leaves room for those who bring them.
    """

    name: str
    sentence: str
    every: float
    run: Callable[[Store, Context], object]
    share: float = 1.0

    def rest(self, took: float) -> float:
        """Seconds to rest after a run that took so many."""
        return min(LONGEST_REST, took * (1 / self.share - 1))


class Ticker:
    """Runs ``jobs`` until it is asked to stop."""

    def __init__(
        self,
        store: Store,
        context: Context,
        jobs: Sequence[Job],
        on_database_down: Callable[[], None] = lambda: None,
    ) -> None:
        self._store = store
        self._context = context
        self._jobs = jobs
        self._on_database_down = on_database_down
        self._resting: dict[str, float] = {}  # by job: until when (monotonic)
        self._scheduler = BlockingScheduler(
            # A thread for each: a long job keeps no short one waiting.
            executors={"default": ThreadPoolExecutor(max(1, len(jobs)))},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
            timezone="UTC",
        )

    def run(self) -> None:
        """Tick until :meth:`stop`; returns when no job runs any more, or after STOP_SECONDS."""
        # A tick that finds its job still running is what max_instances is for, not a warning.
        logging.getLogger("apscheduler").setLevel(logging.ERROR)
        start = clock.wall()
        for place, job in enumerate(self._jobs):
            self._add(job, start + timedelta(seconds=place * STAGGER_SECONDS))
        if not self._context.stopping.is_set():
            self._scheduler.start()
        self._finish()

    def stop(self) -> None:
        """Ask the ticker to stop; safe in a signal handler and more than once."""
        if not self._context.stopping.is_set():
            self._context.stopping.set()
            # Not from the handler itself: the main thread may hold the scheduler's lock.
            threading.Thread(target=self._shut_down, daemon=True).start()

    def _add(self, job: Job, first: datetime) -> None:
        self._context.pulse.expect(job.name, job.every, len(self._jobs) * STAGGER_SECONDS)
        self._scheduler.add_job(
            self._once,
            "interval",
            args=[job],
            seconds=job.every,
            id=job.name,
            name=job.sentence,
            next_run_time=first,
        )

    def _shut_down(self) -> None:
        self._context.senders.ask_to_stop()
        while not self._scheduler.running:
            time.sleep(0.01)
        self._scheduler.shutdown(wait=False)

    def _once(self, job: Job) -> None:
        """One run. What it raises is noted, never passed on: the next tick tries again."""
        if self._context.stopping.is_set():
            return
        pulse = self._context.pulse
        if time.monotonic() < self._resting.get(job.name, 0.0):
            return
        pulse.started(job.name)
        try:
            job.run(self._store, self._context)
        except (OperationalError, InterfaceError) as error:
            if pulse.finished(job.name, error):
                log.warning("%s: the database does not answer; trying again.", job.name)
            self._on_database_down()
        except Exception as error:
            # The class and the place, not the text: it may quote a row with personal data.
            if pulse.finished(job.name, error):
                log.error("%s failed: %s; trying again.", job.name, _where(error))
        else:
            if pulse.finished(job.name):
                log.info("%s works.", job.name)
        if rest := job.rest(pulse.took(job.name)):
            self._resting[job.name] = time.monotonic() + rest
            pulse.rests(job.name, rest)

    def _finish(self) -> None:
        deadline = time.monotonic() + STOP_SECONDS
        while time.monotonic() < deadline:
            if all(state["running"] is None for state in self._context.pulse.report().values()):
                return
            time.sleep(0.02)
        log.warning("Some jobs did not end in time; their transactions are rolled back.")
        logging.shutdown()
        os._exit(0)


def _where(error: BaseException) -> str:
    """``KeyError in dispatch.py:120``: enough to find it, nothing that a customer wrote."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return type(error).__name__
    file = os.path.basename(trace.tb_frame.f_code.co_filename)  # noqa: PTH119
    return f"{type(error).__name__} in {file}:{trace.tb_lineno}"
