"""One engine in a process of its own: its answers, its times, its memory.

Run as a module it reads its task as JSON on stdin and prints a line of JSON for every question.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from scripts.bench.engines.engine import Answer, Engine, Inputs, Ready, own_bytes
from scripts.bench.questions import QUESTIONS
from scripts.bench.questions.dialect import Asked
from scripts.bench.questions.question import Question
from segmind.settings import ROOT

ENGINES: Final = ("segmind", "duckdb", "clickhouse", "postgres")
#: Engines that need none of what the benchmark loads before them: it is not counted as theirs.
_GUESTS: Final = frozenset({"duckdb", "clickhouse"})


@dataclass(frozen=True, slots=True)
class Plan:
    """How questions are asked: ``repeats`` times warm after once cold, each time a microsecond
    later. Of a question that takes long, at least 3 times and for ``patience`` seconds."""

    as_of: str
    repeats: int
    patience: float
    questions: tuple[str, ...]

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


def run(engine: str, inputs: Inputs, plan: Plan, say: Callable[[str], None]) -> Run:
    """Ask one engine in a new process."""
    task = json.dumps({"engine": engine, "inputs": asdict(inputs), "plan": asdict(plan)})
    environment = os.environ | {"POLARS_MAX_THREADS": str(inputs.threads)}
    process = subprocess.Popen(
        [sys.executable, "-m", "scripts.bench.runner"],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write(task)
    process.stdin.close()
    ready, outcomes, peak, error = Ready(0.0, engine), dict[str, Outcome](), 0, ""
    for line in process.stdout:
        told = json.loads(line)
        match told.pop("what"):
            case "ready":
                ready = Ready(**told)
                say(f"{engine}: {ready.version}, ready after {ready.seconds:.1f} s")
            case "outcome":
                outcome = Outcome(**told)
                outcomes[outcome.question] = outcome
                say(_line(engine, outcome))
            case "end":
                peak, error = told["peak_bytes"], told["error"]
    if process.wait():
        error = error or f"The process ended with {process.returncode}."
    return Run(engine, ready, outcomes, peak, error)


def _line(engine: str, outcome: Outcome) -> str:
    if outcome.error:
        return f"{engine}: {outcome.question}: {outcome.error}"
    warm = sorted(outcome.warm)
    middle = warm[len(warm) // 2] if warm else outcome.cold
    return (
        f"{engine}: {outcome.question:<24}{outcome.cold * 1000:>10,.0f} ms cold"
        f"{middle * 1000:>10,.0f} ms warm"
    )


def outcomes_of(engine: Engine, plan: Plan, zone: str) -> Iterator[Outcome]:
    """Ask the plan's questions one after the other."""
    for question in QUESTIONS:
        if question.name in plan.questions:
            yield _outcome(engine, question, plan, zone)


def _outcome(engine: Engine, question: Question, plan: Plan, zone: str) -> Outcome:
    answers: list[Answer] = []
    seconds: list[float] = []
    try:
        while len(seconds) <= plan.repeats:
            answer, took = engine.ask(question, plan.asked(len(seconds), zone))
            answers.append(answer)
            seconds.append(took)
            if len(seconds) > 3 and sum(seconds) > plan.patience:
                break
    except Exception as error:
        told = " ".join(f"{type(error).__name__}: {error}".split())[:500]
        return Outcome(question.name, 0.0, (), (), told)
    return Outcome(question.name, seconds[0], tuple(seconds[1:]), tuple(answers))


def made(name: str, inputs: Inputs) -> Engine:
    """The engine of that name, not yet prepared. Imported here: each process loads its own."""
    match name:
        case "segmind":
            from scripts.bench.engines.in_segmind import InSegmind
            from scripts.bench.home import opened

            return InSegmind(opened())
        case "duckdb":
            from scripts.bench.engines.in_duckdb import InDuckdb

            return InDuckdb(inputs)
        case "clickhouse":
            from scripts.bench.engines.in_clickhouse import InClickhouse

            return InClickhouse(inputs)
        case "postgres":
            from scripts.bench.engines.in_postgres import InPostgres

            return InPostgres(inputs)
    raise ValueError(f"There is no engine {name!r}.")


def main() -> int:
    task = json.load(sys.stdin)
    plan = Plan(**task["plan"])
    plan = replace(plan, questions=tuple(plan.questions))
    inputs = Inputs(**task["inputs"])
    not_its_own = own_bytes() if task["engine"] in _GUESTS else 0
    engine = made(task["engine"], inputs)
    error = ""
    try:
        _tell("ready", asdict(engine.prepare()))
        for outcome in outcomes_of(engine, plan, inputs.zone):
            _tell("outcome", asdict(outcome))
    except Exception as failure:
        error = " ".join(f"{type(failure).__name__}: {failure}".split())[:500]
    _tell("end", {"peak_bytes": engine.peak_bytes() - not_its_own, "error": error})
    engine.close()
    return 1 if error else 0


def _tell(what: str, values: dict[str, Any]) -> None:
    print(json.dumps({"what": what, **values}), flush=True)


def selected(words: Sequence[str]) -> tuple[str, ...]:
    """Names of the questions whose name or group holds one of the words; all without words."""
    return tuple(
        q.name
        for q in QUESTIONS
        if not words or any(word in q.name or word == q.group for word in words)
    )


if __name__ == "__main__":
    sys.exit(main())
