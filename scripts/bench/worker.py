"""One engine in a process of its own.

Reads its task as a line of JSON on stdin and then the names of questions, a line each; answers each
with a line of JSON on stdout. When there are no more, it tells its memory and ends.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import Any, Final

from scripts.bench.engines.engine import Answer, Engine, Inputs, own_bytes
from scripts.bench.plan import Outcome, Plan
from scripts.bench.questions import QUESTIONS
from scripts.bench.questions.question import Question

#: Engines that need none of what the benchmark loads before them: it is not counted as theirs.
_GUESTS: Final = frozenset({"duckdb", "clickhouse"})


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


def outcome(engine: Engine, question: Question, plan: Plan, zone: str) -> Outcome:
    """Ask one question as often as the plan says."""
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
        return Outcome(question.name, 0.0, (), (), _sentence(error))
    return Outcome(question.name, seconds[0], tuple(seconds[1:]), tuple(answers))


def main() -> int:
    task = json.loads(sys.stdin.readline())
    plan, inputs = Plan(**task["plan"]), Inputs(**task["inputs"])
    by_name = {question.name: question for question in QUESTIONS}
    not_its_own = own_bytes() if task["engine"] in _GUESTS else 0
    engine = made(task["engine"], inputs)
    try:
        _tell("ready", asdict(engine.prepare()))
        for line in sys.stdin:
            _tell("outcome", asdict(outcome(engine, by_name[line.strip()], plan, inputs.zone)))
        _tell("end", {"peak_bytes": engine.peak_bytes() - not_its_own})
    except Exception as error:
        _tell("error", {"error": _sentence(error)})
        return 1
    finally:
        engine.close()
    return 0


def _sentence(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:500]


def _tell(what: str, values: dict[str, Any]) -> None:
    print(json.dumps({"what": what, **values}), flush=True)


if __name__ == "__main__":
    sys.exit(main())
