"""What a benchmark of segments found, as tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from scripts.bench.document import megabytes, table
from scripts.bench.plan import Outcome, Run
from scripts.bench.questions import QUESTIONS
from scripts.bench.questions.question import Question
from scripts.bench.statistics import geometric_mean, median, percentile

OURS: Final = "segmind"
_NAMES: Final = {
    "segmind": "Segmind",
    "duckdb": "DuckDB",
    "clickhouse": "ClickHouse",
    "postgres": "PostgreSQL",
}
_GROUPS: Final = {"built-in": "Built-ins", "rule": "Rules", "dashboard": "Dashboards"}


def mismatches(runs: Mapping[str, Run]) -> list[str]:
    """A sentence for every question that an engine failed or answered differently.

    Answers are compared moment by moment with those of the first engine.
    """
    first, *others = runs.values()
    found = [f"{run.engine}: {run.error}" for run in runs.values() if run.error]
    for question in QUESTIONS:
        theirs = [run.outcomes.get(question.name) for run in runs.values()]
        found += [
            f"{run.engine} failed {question.name}: {outcome.error}"
            for run, outcome in zip(runs.values(), theirs, strict=True)
            if outcome is not None and outcome.error
        ]
        mine = first.outcomes.get(question.name)
        if mine is not None and not mine.error:
            found += _different(question, first.engine, mine, others)
    return found


def _different(
    question: Question, name: str, mine: Outcome, others: Iterable[Run]
) -> Iterable[str]:
    for other in others:
        its = other.outcomes.get(question.name)
        if its is None or its.error:
            continue
        for turn, (a, b) in enumerate(zip(mine.answers, its.answers, strict=False)):
            if a != b:
                yield (
                    f"{question.name} at moment {turn}: {name} says {_short(a)}, "
                    f"{other.engine} says {_short(b)}"
                )
                break


def compared(runs: Mapping[str, Run]) -> int:
    """How many answers of other engines were laid beside those of the first."""
    first, *others = runs.values()
    return sum(
        min(len(mine.answers), len(other.outcomes[name].answers))
        for name, mine in first.outcomes.items()
        for other in others
        if name in other.outcomes
    )


def times(runs: Mapping[str, Run]) -> str:
    """One row a question: for each engine median, 95th percentile and the cold run in ms."""
    head = ["question", "members", *(_NAMES[name] for name in runs)]
    asked = [q for q in QUESTIONS if any(q.name in run.outcomes for run in runs.values())]
    rows = [
        [q.title, _members(q, runs), *(_cell(run, runs, q) for run in runs.values())] for q in asked
    ]
    return table(head, rows)


def summary(runs: Mapping[str, Run]) -> str:
    """One row an engine: by group the median of medians and the ratio to ours, memory, bytes."""
    groups = [g for g in _GROUPS if any(_medians(run, g) for run in runs.values())]
    head = ["engine", *(_GROUPS[g] for g in groups), "slowest 95 %", "peak memory", "made on disk",
            "ready after"]  # fmt: skip
    rows = [
        [
            run.ready.version,
            *(_group_cell(run, runs, group) for group in groups),
            in_ms(max((_p95(o) for o in _good(run)), default=0)),
            megabytes(run.peak_bytes),
            megabytes(run.ready.bytes_on_disk),
            f"{run.ready.seconds:.1f} s",
        ]
        for run in runs.values()
    ]
    return table(head, rows)


def times_as_long(ratio: float) -> str:
    """``8.1x``, with as many digits as mean something."""
    digits = 0 if ratio >= 10 else 1 if ratio >= 1 else 2
    return f"{ratio:.{digits}f}x"


def in_ms(seconds: float) -> str:
    """Milliseconds without the unit: ``1,234``, ``0.4``."""
    return f"{seconds * 1000:,.0f}" if seconds >= 0.01 else f"{seconds * 1000:.1f}"


def _cell(run: Run, runs: Mapping[str, Run], question: Question) -> str:
    outcome = run.outcomes.get(question.name)
    if outcome is None or outcome.error:
        return "failed" if outcome else "-"
    told = f"{in_ms(median(outcome.warm))} · {in_ms(_p95(outcome))} · {in_ms(outcome.cold)}"
    ratio = _ratio(run, runs, question.name)
    return told if ratio is None else f"{told} ({times_as_long(ratio)})"


def _group_cell(run: Run, runs: Mapping[str, Run], group: str) -> str:
    medians = _medians(run, group)
    if not medians:
        return "-"
    ratios = [_ratio(run, runs, name) for name in medians]
    known = [ratio for ratio in ratios if ratio is not None]
    told = in_ms(median(list(medians.values())))
    return f"{told} ({times_as_long(geometric_mean(known))})" if known else told


def _ratio(run: Run, runs: Mapping[str, Run], name: str) -> float | None:
    """How often our time fits into the engine's; None for ourselves."""
    ours = runs[OURS].outcomes.get(name) if OURS in runs else None
    its = run.outcomes[name]
    if run.engine == OURS or ours is None or ours.error or its.error:
        return None
    return median(its.warm) / median(ours.warm)


def _medians(run: Run, group: str) -> dict[str, float]:
    names = {q.name for q in QUESTIONS if q.group == group}
    return {o.question: median(o.warm) for o in _good(run) if o.question in names}


def _good(run: Run) -> list[Outcome]:
    return [outcome for outcome in run.outcomes.values() if not outcome.error]


def _p95(outcome: Outcome) -> float:
    return percentile(outcome.warm, 0.95)


def _members(question: Question, runs: Mapping[str, Run]) -> str:
    """How many members a rule has, by the first engine that answered."""
    for run in runs.values():
        outcome = run.outcomes.get(question.name)
        if question.rule is not None and outcome is not None and outcome.answers:
            return f"{outcome.answers[0][0][0]:,}"
    return ""


def _short(answer: object) -> str:
    text = str(answer)
    return text if len(text) <= 200 else text[:200] + "..."
