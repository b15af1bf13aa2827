"""What every engine of the benchmark does."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from scripts.bench.questions.dialect import Asked
from scripts.bench.questions.question import Question

T = TypeVar("T")
#: Rows of figures. Of a rule: one row of how many members, the sum of their ids, and their xor.
Answer = list[list[Any]]


@dataclass(frozen=True, slots=True)
class Inputs:
    """The files that every engine reads, and where a database may be made."""

    events: tuple[str, ...]
    customers: str
    products: str
    zone: str
    threads: int
    database_url: str


@dataclass(frozen=True, slots=True)
class Ready:
    """What came before the first question: seconds, and bytes that it put on disk."""

    seconds: float
    version: str
    bytes_on_disk: int = 0


class Engine(Protocol):
    """One engine. ``close`` takes away whatever it made."""

    def prepare(self) -> Ready: ...

    def ask(self, question: Question, asked: Asked) -> tuple[Answer, float]:
        """The answer, and how many seconds it took."""
        ...

    def peak_bytes(self) -> int:
        """The most memory that the engine held so far."""
        ...

    def close(self) -> None: ...


def timed(act: Callable[[], T]) -> tuple[T, float]:
    """What ``act`` gives, and how many seconds it took."""
    began = time.perf_counter()
    result = act()
    return result, time.perf_counter() - began


def told(question: Question, rows: Sequence[Sequence[Any]]) -> Answer:
    """What an SQL engine's rows say to a question."""
    if question.rule is None:
        return canonical(rows)
    return [[_plain(value) for value in row] for row in rows]


def canonical(rows: Sequence[Sequence[Any]]) -> Answer:
    """Figures as every engine tells them: days as text, numbers whole, in order.

    Rows of nothing but zeros beside their first column are left out: some engines fill days
    without anything, some do not.
    """
    plain = [[_plain(value) for value in row] for row in rows]
    return sorted((row for row in plain if len(row) == 1 or any(row[1:])), key=str)


def own_peak_bytes() -> int:
    """The most memory that this process ever held."""
    return _of_status("VmHWM")


def own_bytes() -> int:
    """The memory that this process holds."""
    return _of_status("VmRSS")


def _of_status(word: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(word))


def _plain(value: Any) -> Any:
    if value is None:
        return 0
    if hasattr(value, "isoformat"):
        return value.isoformat()[:10]
    return value if isinstance(value, str) else int(value)
