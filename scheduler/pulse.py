"""How the jobs of this process fare: when each last ran, how late, with what outcome."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Any


@dataclass
class _Beat:
    cadence: float
    due: float  # monotonic instant of the next start
    running_since: float | None = None
    took: float = 0.0
    runs: int = 0
    failing: str | None = None  # class of the last error, None when the last run went well


class Pulse:
    """Written by the ticker's threads, read by the heartbeat."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._beats: dict[str, _Beat] = {}

    def expect(self, job: str, cadence: float, after: float = 0.0) -> None:
        """The job ought to start within ``after`` seconds, then every ``cadence`` seconds."""
        with self._lock:
            self._beats[job] = _Beat(cadence, time.monotonic() + after)

    def started(self, job: str) -> None:
        with self._lock:
            self._beats[job].running_since = time.monotonic()

    def finished(self, job: str, error: BaseException | None = None) -> bool:
        """Note the end of a run; True when the outcome differs from the last run's."""
        with self._lock:
            beat = self._beats[job]
            now = time.monotonic()
            beat.took = now - (beat.running_since or now)
            beat.running_since = None
            beat.runs += 1
            beat.due = now + beat.cadence
            before, beat.failing = beat.failing, type(error).__name__ if error else None
            return before != beat.failing

    def took(self, job: str) -> float:
        """Seconds that the job's last run took."""
        with self._lock:
            return self._beats[job].took

    def rests(self, job: str, seconds: float) -> None:
        """The job is due so many seconds later than by its cadence."""
        with self._lock:
            self._beats[job].due += seconds

    def lag(self) -> float:
        """By how many seconds the latest job that is not running is late."""
        with self._lock:
            now = time.monotonic()
            late = [now - b.due for b in self._beats.values() if b.running_since is None]
            return max(0.0, *late) if late else 0.0

    def report(self) -> dict[str, Any]:
        """By job: seconds its last run took, seconds it runs now (or None), what it fails with."""
        with self._lock:
            now = time.monotonic()
            return {
                name: {
                    "runs": beat.runs,
                    "took": round(beat.took, 3),
                    "running": round(now - beat.running_since, 1) if beat.running_since else None,
                    "failing": beat.failing,
                }
                for name, beat in self._beats.items()
            }
