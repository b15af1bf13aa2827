"""What the benchmark asks: each question as a rule and in every engine's SQL, side by side."""

from __future__ import annotations

from typing import Final

from scripts.bench.questions import built_ins, combining, counting, dashboard
from scripts.bench.questions.question import Question

QUESTIONS: Final[tuple[Question, ...]] = (
    *built_ins.QUESTIONS,
    *counting.QUESTIONS,
    *combining.QUESTIONS,
    *dashboard.QUESTIONS,
)
