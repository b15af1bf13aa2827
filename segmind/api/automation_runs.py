"""Runs of automations: who is where, what happened to one, moving people and trying again."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query

from segmind import clock
from segmind.api.automation_shapes import (
    Moved,
    MovePeople,
    PassageOut,
    People,
    PlaceOut,
    RunHistory,
    RunOut,
    Runs,
)
from segmind.api.caller import Caller, StoreOf, requires
from segmind.api.shapes import PathId
from segmind.api.strict_json import StrictRoute
from segmind.automations import automation as automations
from segmind.automations import moving, runs
from segmind.automations.runs import UnknownRun
from segmind.workspace.api_keys import Scope

router = APIRouter(prefix="/automations", tags=["Automations"], route_class=StrictRoute)
READING = [Depends(requires(Scope.AUTOMATIONS_READ))]
Writes = Annotated[Caller, Depends(requires(Scope.AUTOMATIONS_WRITE))]


@router.get("/{automation_id}/runs", dependencies=READING)
def list_runs(
    store: StoreOf,
    automation_id: PathId,
    state: Annotated[Literal["waiting", "exited", "failed"] | None, Query()] = None,
    step: Annotated[str | None, Query(max_length=40)] = None,
    customer_id: Annotated[int | None, Query(ge=1, le=2**62)] = None,
    before: Annotated[int | None, Query(ge=1, le=2**62)] = None,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
) -> Runs:
    """Runs, newest first."""
    with store.engine.connect() as conn:
        automations.get(conn, automation_id)
        found = runs.list_runs(
            conn,
            automation_id,
            state=state,
            step=step,
            customer_id=customer_id,
            limit=limit + 1,
            before=before,
        )
    shown = found[:limit]
    return Runs(
        runs=[RunOut.model_validate(run) for run in shown],
        next_before=shown[-1].id if len(found) > limit else None,
    )


@router.get("/{automation_id}/runs/{run_id}", dependencies=READING)
def get_run(store: StoreOf, automation_id: PathId, run_id: PathId) -> RunHistory:
    """One run with everything that happened to it."""
    with store.engine.connect() as conn:
        run, passages = runs.history(conn, run_id)
    if run.automation_id != automation_id:
        raise UnknownRun(key=run_id)
    return RunHistory(
        **RunOut.model_validate(run).model_dump(),
        history=[PassageOut.model_validate(each) for each in passages],
    )


@router.post("/{automation_id}/runs/{run_id}/retry")
def try_again(store: StoreOf, caller: Writes, automation_id: PathId, run_id: PathId) -> Moved:
    """Let a run that failed go on from its step."""
    with store.engine.begin() as conn:
        moved = moving.try_again(conn, automation_id, clock.now(), caller.actor, run_id=run_id)
    return Moved(moved=moved)


@router.get("/{automation_id}/people", dependencies=READING)
def people(store: StoreOf, automation_id: PathId) -> People:
    """Who follows an older version of the definition, by step."""
    with store.engine.connect() as conn:
        found = moving.places(conn, automation_id)
    return People(places=[PlaceOut.model_validate(each) for each in found])


@router.post("/{automation_id}/people/move")
def move_people(store: StoreOf, caller: Writes, automation_id: PathId, body: MovePeople) -> Moved:
    """Let everybody in flight follow the present version."""
    with store.engine.begin() as conn:
        moved = moving.move_people(conn, automation_id, body.to, clock.now(), caller.actor)
    return Moved(moved=moved)
