"""Automations: any definition, recipes, cart recovery in one call; switching, numbers, versions."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response
from sqlalchemy import Connection, select

from segmind import clock
from segmind.api.automation_shapes import (
    AutomationOut,
    AutomationReport,
    Automations,
    CartRecovery,
    Change,
    Checked,
    FromRecipe,
    NewAutomation,
    ProblemOut,
    RecipeOut,
    Recipes,
    Started,
    StepOut,
    ToCheck,
    TotalsOut,
    VersionOut,
    Versions,
    out,
)
from segmind.api.caller import Caller, StoreOf, requires
from segmind.api.messages import Key, chosen_key
from segmind.api.shapes import PathId
from segmind.api.strict_json import StrictRoute
from segmind.automations import automation as automations
from segmind.automations import numbers, recipes, validate
from segmind.automations.definition import Definition, parse
from segmind.automations.describe import Saying, lines
from segmind.automations.lifecycle import State
from segmind.automations.seen import Seen
from segmind.automations.tables import automation as table
from segmind.db.engine import Store
from segmind.db.locks import lock
from segmind.segments.naming import words_of
from segmind.templates.template import parse_draft, to_json
from segmind.workspace.api_keys import Scope

router = APIRouter(prefix="/automations", tags=["Automations"], route_class=StrictRoute)
READING = [Depends(requires(Scope.AUTOMATIONS_READ))]
Writes = Annotated[Caller, Depends(requires(Scope.AUTOMATIONS_WRITE))]


@router.post("", status_code=HTTPStatus.CREATED)
def create(
    store: StoreOf, caller: Writes, body: NewAutomation, response: Response, key: Key = None
) -> Started:
    """Create an automation from a definition; with ``start`` it is switched on."""
    definition = parse(body.definition)
    chosen = chosen_key(key, body.idempotency_key)
    with store.engine.begin() as conn:
        return _set_up(conn, caller, body.name, definition, chosen, response, start=body.start)


@router.post("/check", dependencies=READING)
def check(store: StoreOf, body: ToCheck) -> Checked:
    """Look a definition over: everything that is wrong, and what it says in words."""
    definition = parse(body.definition)
    with store.engine.connect() as conn:
        found = validate.problems(conn, definition)
        return Checked(
            problems=[ProblemOut.model_validate(each) for each in found],
            said=_said(conn, definition),
        )


@router.get("/recipes", dependencies=READING)
def list_recipes() -> Recipes:
    """Automations that are ready to be set up."""
    return Recipes(recipes=[RecipeOut.model_validate(each) for each in recipes.RECIPES])


@router.post("/recipes/{recipe}", status_code=HTTPStatus.CREATED)
def set_up_recipe(
    store: StoreOf,
    caller: Writes,
    recipe: str,
    body: FromRecipe,
    response: Response,
    key: Key = None,
) -> Started:
    """Set a recipe up; segments that it needs are found or made."""
    chosen = chosen_key(key, body.idempotency_key)
    found = recipes.recipe_by_key(recipe)
    with store.engine.begin() as conn:
        definition = recipes.definition_of(conn, found, clock.now(), caller.actor)
        name = body.name or found.name
        return _set_up(conn, caller, name, definition, chosen, response, start=body.start)


@router.post("/cart-recovery", status_code=HTTPStatus.CREATED)
def cart_recovery(
    store: StoreOf, caller: Writes, body: CartRecovery, response: Response, key: Key = None
) -> Started:
    """Create a cart recovery and switch it on. Only carts left from now on start runs."""
    chosen = chosen_key(key, body.idempotency_key)
    definition = recipes.cart_recovery(
        wait_minutes=body.wait_minutes,
        channels=body.channels,
        contents={
            channel: to_json(parse_draft({**content, "channel": channel}))
            for channel, content in body.contents.items()
        },
        next_after_minutes=body.next_after_minutes,
        cooldown_hours=body.cooldown_hours,
        holdout_percent=body.holdout_percent,
    )
    with store.engine.begin() as conn:
        return _set_up(conn, caller, body.name, definition, chosen, response, start=body.start)


@router.get("", dependencies=READING)
def list_automations(store: StoreOf, state: Annotated[State | None, Query()] = None) -> Automations:
    """Every automation, newest first."""
    with store.engine.connect() as conn:
        found = automations.list_automations(conn, state=state)
    return Automations(automations=[out(each) for each in found])


@router.get("/{automation_id}", dependencies=READING)
def get(store: StoreOf, automation_id: PathId) -> AutomationReport:
    """One automation: what it does, and how many came how far."""
    with store.engine.connect() as conn:
        found = automations.get(conn, automation_id)
        totals = numbers.totals(conn, automation_id)
        steps = numbers.by_step(conn, automation_id)
        said = _said(conn, found.definition)
    return AutomationReport(
        **out(found).model_dump(),
        definition=found.definition.as_json(),
        said=said,
        totals=TotalsOut.model_validate(totals),
        steps=[StepOut.model_validate(step) for step in steps],
    )


@router.patch("/{automation_id}")
def change(store: StoreOf, caller: Writes, automation_id: PathId, body: Change) -> AutomationOut:
    """Give it another name, or a new version of its definition: whoever enters from now on follows
    the new one, people in flight finish theirs unless they are moved."""
    definition = None if body.definition is None else parse(body.definition)
    with store.engine.begin() as conn:
        return out(
            automations.update(
                conn,
                automation_id,
                clock.now(),
                caller.actor,
                name=body.name,
                definition=definition,
                seen=Seen(body.seen_version, body.seen_name),
            )
        )


@router.get("/{automation_id}/versions", dependencies=READING)
def list_versions(store: StoreOf, automation_id: PathId) -> Versions:
    """Every version of its definition, newest first."""
    with store.engine.connect() as conn:
        automations.get(conn, automation_id)
        found = automations.versions(conn, automation_id)
    return Versions(
        versions=[
            VersionOut(
                version=each.version,
                created_at=each.created_at,
                definition=each.definition.as_json(),
            )
            for each in found
        ]
    )


@router.post("/{automation_id}/start")
def start(store: StoreOf, caller: Writes, automation_id: PathId) -> AutomationOut:
    """Switch it on, or resume it. Only triggers from now on start runs."""
    return _move(store, caller, automation_id, State.LIVE)


@router.post("/{automation_id}/pause")
def pause(store: StoreOf, caller: Writes, automation_id: PathId) -> AutomationOut:
    """Nothing moves and nothing is sent; runs stay where they are."""
    return _move(store, caller, automation_id, State.PAUSED)


@router.post("/{automation_id}/stop")
def stop(store: StoreOf, caller: Writes, automation_id: PathId) -> AutomationOut:
    """Nobody moves any more, and every run leaves, for good."""
    return _move(store, caller, automation_id, State.STOPPED)


def _set_up(
    conn: Connection,
    caller: Caller,
    name: str,
    definition: Definition,
    key: str | None,
    response: Response,
    *,
    start: bool,
) -> Started:
    now = clock.now()
    if key is not None:
        lock(conn, f"automation.key:{key}")  # two at once: one creates, the other is told
    known = _made_before(conn, key)
    made = automations.create(conn, name, definition, now, caller.actor, idempotency_key=key)
    created = made.id != known
    if created and start:
        made = automations.set_state(conn, made.id, State.LIVE, now, caller.actor)
    if not created:
        response.status_code = HTTPStatus.OK
    response.headers["Location"] = f"/automations/{made.id}"
    return Started(created=created, **out(made).model_dump())


def _move(store: Store, caller: Caller, automation_id: int, state: State) -> AutomationOut:
    with store.engine.begin() as conn:
        return out(automations.set_state(conn, automation_id, state, clock.now(), caller.actor))


def _said(conn: Connection, definition: Definition) -> list[str]:
    return [line.text for line in lines(definition, Saying(words=words_of(conn)))]


def _made_before(conn: Connection, key: str | None) -> int | None:
    """The automation that was made with this idempotency key."""
    if key is None:
        return None
    query = select(table.c.id).where(table.c.idempotency_key == key)
    found: int | None = conn.execute(query).scalar()
    return found
