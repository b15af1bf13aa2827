"""An automation in numbers: how many are where, and what became of them, step by step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection, text

from segmind.automations import counts
from segmind.automations.automation import get
from segmind.automations.counts import CONVERTED, ENTERED, WHOLE, Counts

#: Outcomes with which a run goes on to the next step.
_PASSED = (
    "passed",
    "yes",
    "no",
    "done",
    "timed_out",
    "no_rhythm",
    "sent",
    "skipped",
    "set",
    "called",
)
_BRANCH = "branch:"


@dataclass(frozen=True, slots=True)
class StepCounts:
    """Runs at one step. ``entered`` came to it; ``waiting`` are there now; ``passed`` went on;
    ``sent`` and ``skipped`` are of send steps; ``exited`` left here (``converted``: for the goal);
    ``ways``: how many took each way of a step that has several, by its label.
    """

    step: str
    entered: int = 0
    waiting: int = 0
    passed: int = 0
    sent: int = 0
    skipped: int = 0
    yes: int = 0
    no: int = 0
    exited: int = 0
    converted: int = 0
    failed: int = 0
    ways: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Totals:
    """All runs of an automation. ``entered`` = ``waiting`` + ``exited`` + ``failed``;
    ``converted`` are those of the exited who reached the goal; ``messages`` were queued."""

    entered: int
    waiting: int
    exited: int
    converted: int
    failed: int
    messages: int


def totals(conn: Connection, automation_id: int) -> Totals:
    """The automation's runs and messages in numbers.

    Raises:
        UnknownAutomation.
    """
    get(conn, automation_id)
    kept = counts.of(conn, automation_id)
    here = _here(conn, automation_id)
    waiting = sum(n for (state, _), n in here.items() if state == "waiting")
    failed = sum(n for (state, _), n in here.items() if state == "failed")
    entered = kept[WHOLE, ENTERED]
    return Totals(
        entered=entered,
        waiting=waiting,
        exited=entered - waiting - failed,
        converted=_sum(kept, CONVERTED),
        failed=failed,
        messages=_sum(kept, "sent"),
    )


def by_step(conn: Connection, automation_id: int) -> list[StepCounts]:
    """Counts for every step of the present version, in its order; runs of all versions count.

    Raises:
        UnknownAutomation.
    """
    definition = get(conn, automation_id).definition
    kept = counts.of(conn, automation_id)
    here = _here(conn, automation_id)
    return [_of_step(step.id, kept, here) for step in definition.steps]


def _of_step(step: str, kept: Counts, here: Mapping[tuple[str, str], int]) -> StepCounts:
    found = {outcome: n for (where, outcome), n in kept.items() if where == step}
    branches = {
        outcome.removeprefix(_BRANCH): n for outcome, n in found.items() if _is_branch(outcome)
    }
    named = {
        label: found[outcome]
        for outcome, label in (
            ("done", "done"),
            ("timed_out", "timed out"),
            ("no_rhythm", "no rhythm"),
            ("yes", "yes"),
            ("no", "no"),
        )
        if outcome in found
    }
    return StepCounts(
        step=step,
        entered=found.get(ENTERED, 0),
        waiting=here.get(("waiting", step), 0),
        passed=sum(found.get(outcome, 0) for outcome in _PASSED) + sum(branches.values()),
        sent=found.get("sent", 0),
        skipped=found.get("skipped", 0),
        yes=found.get("yes", 0),
        no=found.get("no", 0),
        exited=found.get("exited", 0),
        converted=found.get(CONVERTED, 0),
        failed=here.get(("failed", step), 0),
        ways={**named, **branches},
    )


def _is_branch(outcome: str) -> bool:
    return outcome.startswith(_BRANCH)


def _sum(kept: Counts, outcome: str) -> int:
    return sum(n for (_, each), n in kept.items() if each == outcome)


def _here(conn: Connection, automation_id: int) -> dict[tuple[str, str], int]:
    """How many runs wait at each step, and how many failed there: (state, step) -> n."""
    rows = conn.execute(
        text(
            "SELECT state, step, count(*) AS n FROM automation_run"
            " WHERE automation_id = :id AND state IN ('waiting', 'failed') GROUP BY state, step"
        ),
        {"id": automation_id},
    )
    return {(row.state, row.step or ""): row.n for row in rows}
