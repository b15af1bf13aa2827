"""How questions are asked, and what became of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from scripts.bench.engines.engine import Answer, Ready
from scripts.bench.questions import QUESTIONS
from scripts.bench.questions.dialect import Asked

ENGINES: Final = ("segmind", "duckdb", "clickhouse", "postgres")


@dataclass(frozen=True, slots=True)
class Plan:
    """Each question once cold and ``repeats`` times warm, each time a microsecond later.

    One that takes longer than ``patience`` seconds: at least 3 times warm.
    """

    as_of: str
    repeats: int
    patience: float

    def asked(self, turn: int, zone: str) -> Asked:
        """The moment of one repeat: no engine is asked the very same twice."""
        later = timedelta(microseconds=turn)
        return Asked(datetime.fromisoformat(self.as_of) + later, ZoneInfo(zone))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one question: seconds of the cold run and the warm ones, all answers."""

    question: str
    cold: float
    warm: tuple[float, ...]
    answers: tuple[Answer, ...]
    error: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """What became of one engine."""

    engine: str
    ready: Ready
    outcomes: dict[str, Outcome]
    peak_bytes: int
    error: str = ""


def selected(words: Sequence[str]) -> tuple[str, ...]:
    """Names of the questions whose name or group holds one of the words; all without words."""
    return tuple(
        q.name
        for q in QUESTIONS
        if not words or any(word in q.name or word == q.group for word in words)
    )
