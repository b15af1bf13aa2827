"""What a benchmark runs on, and which processes had the processor."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

_TICKS: Final = os.sysconf("SC_CLK_TCK")


def describe_machine() -> str:
    """Processor, cores, memory and Python in one line."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    load = os.getloadavg()[0]
    return (
        f"{model}, {os.cpu_count()} cores, {memory:.0f} GB, Python {platform.python_version()}; "
        f"load before: {load:.1f}"
    )


class Cpu:
    """Processor time of named processes, and of a PostgreSQL server with all its children.

    ``helpers``: processes that come while it is measured, by name.
    """

    def __init__(
        self,
        processes: Mapping[str, int],
        data: Path,
        helpers: Mapping[str, Callable[[], Sequence[int]]] | None = None,
    ) -> None:
        self._processes = dict(processes)
        self._data = data
        self._helpers = dict(helpers or {})
        self._began = time.monotonic()
        self._before = self._seconds()

    def shares(self) -> dict[str, float]:
        """Cores in use by each since the start, on average (1.0: one core all the time)."""
        passed = time.monotonic() - self._began
        return {n: (s - self._before.get(n, 0)) / passed for n, s in self._seconds().items()}

    def _seconds(self) -> dict[str, float]:
        used = {name: _of_process(pid) for name, pid in self._processes.items()}
        postmaster = int((self._data / "postmaster.pid").read_text().split()[0])
        family = [postmaster, *_children(postmaster)]
        for name, pids in self._helpers.items():
            used[name] = sum(_of_process(pid) for pid in pids())
        return used | {"postgresql": sum(_of_process(pid) for pid in family)}


def _of_process(pid: int) -> float:
    """User and system seconds of a process and of its children that ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11:15])) / _TICKS


def _children(pid: int) -> list[int]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            found.append(int(stat.parent.name))
    return found
