"""Memory of a server that is a family of processes."""

from __future__ import annotations

import threading
from pathlib import Path


class FamilyMemory:
    """Watches the PostgreSQL server with data in ``folder`` and all its children.

    Memory of one's own is added up; of shared memory, the most that any of them touched counts.
    A server on another machine has none that could be seen: 0.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._peak = 0
        self._over = threading.Event()
        self._watch = threading.Thread(target=self._run, daemon=True)
        self._watch.start()

    def peak_bytes(self) -> int:
        """The most at any look so far."""
        return self._peak

    def stop(self) -> None:
        self._over.set()
        self._watch.join()

    def _run(self) -> None:
        while not self._over.wait(0.2):
            self._peak = max(self._peak, self._now())

    def _now(self) -> int:
        try:
            postmaster = int((self._folder / "postmaster.pid").read_text().split()[0])
        except OSError:
            return 0
        family = [status for status in _statuses() if postmaster in (status["Pid"], status["PPid"])]
        own = sum(status["RssAnon"] for status in family)
        return 1024 * (own + max((status["RssShmem"] for status in family), default=0))


def _statuses() -> list[dict[str, int]]:
    wanted = ("Pid", "PPid", "RssAnon", "RssShmem")
    found = []
    for path in Path("/proc").glob("[0-9]*/status"):
        try:
            lines = path.read_text().splitlines()
        except OSError:
            continue
        pairs = (line.split(":", 1) for line in lines if ":" in line)
        told = {name: int(value.split()[0]) for name, value in pairs if name in wanted}
        if len(told) == len(wanted):
            found.append(told)
    return found
