"""More processes that send, while there is much to send.

A dispatching process is bound by its one interpreter: however many lanes it has, an e-mail costs
some hundred microseconds of it. So a scheduler whose outbox is long starts processes of its own
that only send (``scheduler.sender``). They come and go; nothing is lost or doubled by either, since
any number of processes may send (``segmind.messages.micro_batches``).
"""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress

from segmind.db.engine import Store
from segmind.messages import sources
from segmind.settings import ROOT

log = logging.getLogger("segmind.scheduler")

#: So many messages of one source are worth another process, which takes two seconds to start.
MUCH = 10_000
#: After one has ended, of itself or not, none is started for so many seconds.
REST_SECONDS = 20.0


class Senders:
    """The sending processes of this scheduler. Safe between threads."""

    def __init__(self, command: Sequence[str] = (sys.executable, "-m", "scheduler.sender")) -> None:
        self._command = list(command)
        self._running: list[subprocess.Popen[bytes]] = []
        self._lock = threading.Lock()
        self._rest_until = 0.0
        self._is_stopped = False

    @property
    def pids(self) -> list[int]:
        """Of those that run."""
        with self._lock:
            return [process.pid for process in self._running]

    def tend(self, store: Store) -> None:
        """Bury those that ended; start another, up to ``SEGMIND_SENDERS``, if there is much to
        send."""
        with self._lock:
            self._bury()
            missing = store.settings.senders - len(self._running)
            resting = time.monotonic() < self._rest_until
        if missing <= 0 or resting:
            return
        with store.engine.connect() as conn:
            is_much = sources.has_much(conn, MUCH)
        if is_much:
            self._start()

    def ask_to_stop(self) -> None:
        """Let them end after what they are sending just now; no more are started."""
        with self._lock:
            self._is_stopped = True
            for process in self._running:
                _close_input(process)

    def wait(self, seconds: float) -> None:
        """Wait until all have ended, at most so long: they end by themselves."""
        until = time.monotonic() + seconds
        for process in list(self._running):
            with suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, until - time.monotonic()))

    def _bury(self) -> None:
        for process in [each for each in self._running if each.poll() is not None]:
            self._running.remove(process)
            _close_input(process)
            self._rest_until = time.monotonic() + REST_SECONDS
            if process.returncode:
                log.warning("A sending process ended with %d.", process.returncode)

    def _start(self) -> None:
        with self._lock:
            if self._is_stopped:
                return
            process = subprocess.Popen(  # noqa: S603 - our own program, no shell
                self._command, cwd=ROOT, stdin=subprocess.PIPE
            )
            self._running.append(process)
        log.info("Another process helps to send (%d).", process.pid)


def _close_input(process: subprocess.Popen[bytes]) -> None:
    if process.stdin is not None:
        with suppress(OSError):
            process.stdin.close()
