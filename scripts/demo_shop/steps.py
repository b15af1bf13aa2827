"""What making the demo shop takes: seconds by step and memory at most."""

from __future__ import annotations

import itertools
import os
import resource
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

_PAGE: Final = os.sysconf("SC_PAGE_SIZE")


def held_at_most() -> int:
    """The bytes that this process has held at most until now."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


@dataclass(frozen=True, slots=True)
class Took:
    """What a step took: seconds, and in this process seconds of a processor; and the bytes that
    this process has held at most until then."""

    step: str
    seconds: float
    work: float
    held: int


@dataclass
class Steps:
    """The steps so far, each with the moment at which it began and the work done until then."""

    begun: list[tuple[str, float, float, int]] = field(default_factory=list)

    def begin(self, name: str) -> None:
        self.begun.append((name, time.perf_counter(), time.process_time(), held_at_most()))

    def ended(self) -> list[Took]:
        """Every step, the last of which ends now."""
        self.begin("")
        return [
            Took(name, until - since, done - before, held)
            for (name, since, before, _), (_, until, done, held) in itertools.pairwise(self.begun)
        ]


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes at most: resident in this process; of the database's own processes together (None
    where they are not on this machine), its shared memory counted once."""

    process: int
    database: int | None

    def __str__(self) -> str:
        told = f"Memory at most: {self.process / 1e9:.2f} GB in this process"
        return told + (f", {self.database / 1e9:.2f} GB in PostgreSQL." if self.database else ".")


class MemoryWatch:
    """Looks twice a second what the processes of the embedded server hold, until ``stop``."""

    def __init__(self, data: Path | None) -> None:
        self._pid_file = data / "postmaster.pid" if data else None
        self._most = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="memory watch", daemon=True)
        self._thread.start()

    def stop(self) -> Memory:
        """The most that there was."""
        self._over.set()
        self._thread.join()
        return Memory(held_at_most(), self._most or None)

    def _watch(self) -> None:
        while not self._over.wait(0.5):
            self._most = max(self._most, self._held())

    def _held(self) -> int:
        try:
            assert self._pid_file is not None
            parent = int(self._pid_file.read_text().split("\n", 1)[0])
            children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        except (AssertionError, OSError, ValueError):
            return 0
        held = [_pages(pid) for pid in [str(parent), *children]]
        return _PAGE * (sum(own for own, _ in held) + max(shared for _, shared in held))


def _pages(pid: str) -> tuple[int, int]:
    """Pages of a process that are its own, and those that it shares."""
    try:
        _, resident, shared, *_ = Path(f"/proc/{pid}/statm").read_text().split()
    except (OSError, ValueError):
        return 0, 0
    return int(resident) - int(shared), int(shared)
