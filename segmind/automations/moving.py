"""Moving people in flight to an automation's present version; without it they finish theirs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from segmind.automations import counts, heeding, passes
from segmind.automations.automation import get
from segmind.automations.counts import ENTERED
from segmind.automations.definition import InvalidDefinition
from segmind.automations.lifecycle import State
from segmind.errors import Conflict
from segmind.workspace import audit


@dataclass(frozen=True, slots=True)
class Place:
    """Waiting runs of an older version at one step. ``leads_to``: the present version's step of
    the same id, None if it has none."""

    step: str
    waiting: int
    leads_to: str | None


def places(conn: Connection, automation_id: int) -> list[Place]:
    """Where the people are who follow an older version, by step.

    Raises:
        UnknownAutomation.
    """
    automation = get(conn, automation_id)
    known = {step.id for step in automation.definition.steps}
    rows = conn.execute(
        text(
            "SELECT step, count(*) AS n FROM automation_run WHERE automation_id = :id"
            " AND state = 'waiting' AND version <> :version GROUP BY step ORDER BY step"
        ),
        {"id": automation_id, "version": automation.version},
    )
    return [Place(row.step, row.n, row.step if row.step in known else None) for row in rows]


def move_people(
    conn: Connection, automation_id: int, to: Mapping[str, str], now: datetime, actor: str
) -> int:
    """Let everybody in flight follow the present version; returns how many moved.

    They stay at the step of the same id, which asks anew how long they have to wait; ``to`` sends
    those of a step elsewhere. A step whose message somebody has got sends them no second one.

    Raises:
        UnknownAutomation. InvalidDefinition: a step leads nowhere; ``field`` names it.
    """
    passes.keep_out(conn, automation_id, heeding.COLUMN)
    automation = get(conn, automation_id, lock=True)
    known = {step.id for step in automation.definition.steps}
    here = places(conn, automation_id)
    for origin, target in to.items():
        if target not in known:
            raise InvalidDefinition(
                f"The present version has no step {target}.",
                hint="Name one of its steps.",
                field=f"to.{origin}",
            )
    for place in here:
        if place.leads_to is None and place.step not in to:
            raise InvalidDefinition(
                f"{place.waiting:,} people wait at {place.step}, which the present version does"
                " not have.",
                hint="Say at which step they go on.",
                field=f"to.{place.step}",
            )
    targets = {place.step: to.get(place.step, place.step) for place in here}
    moved = conn.execute(
        text(
            "UPDATE automation_run r SET version = :version, step = g.target, due_at = :now,"
            "  arrived_at = CASE WHEN g.target = r.step THEN r.arrived_at ELSE :now END"
            " FROM unnest(CAST(:steps AS text[]), CAST(:targets AS text[])) AS g (step, target)"
            " WHERE r.automation_id = :id AND r.state = 'waiting' AND r.version <> :version"
            "  AND r.step = g.step"
        ),
        {
            "id": automation_id,
            "version": automation.version,
            "now": now,
            "steps": list(targets),
            "targets": list(targets.values()),
        },
    ).rowcount
    counts.add(
        conn,
        automation_id,
        {
            (targets[place.step], ENTERED): place.waiting
            for place in here
            if targets[place.step] != place.step
        },
    )
    audit.record(
        conn,
        actor,
        "automation.move_people",
        f"automation {automation_id}",
        {"version": automation.version, "moved": moved, "to": dict(to)},
    )
    return int(moved)


def try_again(
    conn: Connection,
    automation_id: int,
    now: datetime,
    actor: str,
    *,
    run_id: int | None = None,
) -> int:
    """Let runs that failed (all of them, or one) go on from the step at which they did, once what
    was wrong has been put right; returns how many.

    Raises:
        UnknownAutomation; Conflict: the automation was stopped for good.
    """
    passes.keep_out(conn, automation_id, heeding.COLUMN)
    automation = get(conn, automation_id, lock=True)
    if automation.state is State.STOPPED:
        raise Conflict(
            "The automation was stopped: nobody moves in it any more.",
            hint="Begin a new one from a copy of its steps.",
        )
    tried = conn.execute(
        text(
            "UPDATE automation_run SET state = 'waiting', due_at = :now, exit_reason = NULL,"
            "  exited_at = NULL WHERE automation_id = :id AND state = 'failed'"
            "  AND (CAST(:run AS bigint) IS NULL OR id = :run)"
        ),
        {"now": now, "id": automation_id, "run": run_id},
    ).rowcount
    audit.record(
        conn, actor, "automation.try_again", f"automation {automation_id}", {"runs": tried}
    )
    return int(tried)
