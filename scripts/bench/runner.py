"""Engines in processes of their own, asked one question after the other, each in turn.

So every engine is asked a question at about the same time: whatever else the machine does, ratios
are of equals. While one is asked the others wait.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from scripts.bench.engines.engine import Inputs, Ready
from scripts.bench.plan import Outcome, Plan, Run
from scripts.bench.statistics import median
from segmind.settings import ROOT

Say = Callable[[str], None]


class Worker:
    """The process of one engine."""

    def __init__(self, engine: str, inputs: Inputs, plan: Plan) -> None:
        self.engine = engine
        self.ready = Ready(0.0, engine)
        self.outcomes: dict[str, Outcome] = {}
        self.peak_bytes = 0
        self.error = ""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "scripts.bench.worker"],
            cwd=ROOT,
            env=os.environ | {"POLARS_MAX_THREADS": str(inputs.threads)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        task = {"engine": engine, "inputs": asdict(inputs), "plan": asdict(plan)}
        self._exchange(json.dumps(task))

    def ask(self, question: str) -> Outcome | None:
        """What became of the question; None of an engine that is no more."""
        self._exchange(question)
        return self.outcomes.get(question)

    def end(self) -> Run:
        """Let the process end; what became of it all."""
        assert self._process.stdin is not None
        if not self.error:
            self._process.stdin.close()
            self._hear()
        if self._process.wait() and not self.error:
            self.error = f"The process ended with {self._process.returncode}."
        return Run(self.engine, self.ready, self.outcomes, self.peak_bytes, self.error)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def _exchange(self, line: str) -> None:
        assert self._process.stdin is not None
        if not self.error:
            self._process.stdin.write(f"{line}\n")
            self._process.stdin.flush()
            self._hear()

    def _hear(self) -> None:
        """Take in one line of the process."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        told: dict[str, Any] = json.loads(line or '{"what": "error", "error": "The process died."}')
        match told.pop("what"):
            case "ready":
                self.ready = Ready(**told)
            case "outcome":
                self.outcomes[told["question"]] = Outcome(**told)
            case "end":
                self.peak_bytes = told["peak_bytes"]
            case "error":
                self.error = told["error"]


def run(
    engines: Sequence[str], inputs: Inputs, plan: Plan, questions: Sequence[str], say: Say
) -> dict[str, Run]:
    """Ask every engine every question; by the engine's name."""
    workers: list[Worker] = []
    try:
        for engine in engines:
            workers.append(Worker(engine, inputs, plan))
            say(f"{engine}: {workers[-1].error or _ready(workers[-1].ready)}")
        for question in questions:
            for worker in workers:
                outcome = worker.ask(question)
                if outcome is not None:
                    say(_line(worker.engine, outcome))
        return {worker.engine: worker.end() for worker in workers}
    except BaseException:
        for worker in workers:
            worker.kill()
        raise


def _ready(ready: Ready) -> str:
    return f"{ready.version}, ready after {ready.seconds:.1f} s"


def _line(engine: str, outcome: Outcome) -> str:
    if outcome.error:
        return f"{outcome.question:<24}{engine:<12}{outcome.error}"
    return (
        f"{outcome.question:<24}{engine:<12}{outcome.cold * 1000:>10,.0f} ms cold"
        f"{median(outcome.warm) * 1000:>10,.0f} ms warm"
    )
