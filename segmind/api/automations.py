"""Automations: cart recovery in one call; lists, numbers, starting, pausing and stopping."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Connection, select

from segmind import clock
from segmind.api.caller import Caller, StoreOf, requires
from segmind.api.messages import Key, chosen_key
from segmind.api.shapes import Body, ChannelName, PathId
from segmind.api.strict_json import StrictRoute
from segmind.automations import automation as automations
from segmind.automations import recipes, runs
from segmind.automations.automation import Automation
from segmind.automations.lifecycle import State
from segmind.automations.tables import automation as table
from segmind.db.engine import Store
from segmind.db.locks import lock
from segmind.templates.template import parse_draft, to_json
from segmind.workspace.api_keys import Scope

router = APIRouter(prefix="/automations", tags=["Automations"], route_class=StrictRoute)
READING = [Depends(requires(Scope.AUTOMATIONS_READ))]
Writes = Annotated[Caller, Depends(requires(Scope.AUTOMATIONS_WRITE))]


class CartRecovery(Body):
    """Remind customers of the cart that they left; an order ends it at every step."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "name": "Cart recovery",
                "wait_minutes": 60,
                "channels": ["email", "sms"],
                "contents": {"sms": {"body": "Your cart ({{ cart.total }}) is still waiting."}},
                "idempotency_key": "cart-recovery-1",
            }
        },
    )

    name: str = "Cart recovery"
    wait_minutes: int = Field(
        default=60, ge=1, le=43_200, description="After the last change of the cart."
    )
    channels: list[ChannelName] = Field(default=["email"], min_length=1, max_length=3)
    contents: dict[ChannelName, dict[str, Any]] = Field(
        default={}, description="What is written, by channel; without one, a proven text."
    )
    next_after_minutes: int = Field(
        default=1320, ge=1, le=43_200, description="From one channel's message to the next one's."
    )
    cooldown_hours: int | None = Field(
        default=None, ge=1, le=8_784, description="No second run of a customer within that time."
    )
    start: bool = Field(default=True, description="False: save it as a draft.")
    idempotency_key: str | None = Field(default=None, min_length=1, max_length=200)


class AutomationOut(BaseModel):
    """An automation. ``state``: draft, live, paused or stopped."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    name: str
    state: str
    version: int
    live_since: datetime | None = Field(description="Earlier triggers start no run.")
    created_by: str
    created_at: datetime
    updated_at: datetime


class Started(AutomationOut):
    """``created`` is false where the idempotency key had been used before."""

    created: bool


class Automations(BaseModel):
    """Automations, newest first."""

    automations: list[AutomationOut]


class TotalsOut(BaseModel):
    """All runs: ``entered`` = ``waiting`` + ``exited`` + ``failed``."""

    entered: int
    waiting: int
    exited: int
    converted: int
    failed: int
    messages: int


class StepOut(BaseModel):
    """Runs at one step."""

    step: str
    entered: int
    waiting: int
    passed: int
    sent: int
    skipped: int
    yes: int
    no: int
    exited: int
    converted: int
    failed: int


class AutomationReport(AutomationOut):
    """An automation with its definition and its numbers."""

    definition: dict[str, Any]
    totals: TotalsOut
    steps: list[StepOut]


@router.post("/cart-recovery", status_code=HTTPStatus.CREATED)
def cart_recovery(
    store: StoreOf, caller: Writes, body: CartRecovery, response: Response, key: Key = None
) -> Started:
    """Create a cart recovery and switch it on. Only carts left from now on start runs."""
    now = clock.now()
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
    )
    with store.engine.begin() as conn:
        if chosen is not None:
            lock(conn, f"automation.key:{chosen}")  # two at once: one creates, the other is told
        known = _made_before(conn, chosen)
        made = automations.create(
            conn, body.name, definition, now, caller.actor, idempotency_key=chosen
        )
        created = made.id != known
        if created and body.start:
            made = automations.set_state(conn, made.id, State.LIVE, now, caller.actor)
    if not created:
        response.status_code = HTTPStatus.OK
    response.headers["Location"] = f"/automations/{made.id}"
    return Started(created=created, **_out(made).model_dump())


@router.get("", dependencies=READING)
def list_automations(store: StoreOf, state: Annotated[State | None, Query()] = None) -> Automations:
    """Every automation, newest first."""
    with store.engine.connect() as conn:
        found = automations.list_automations(conn, state=state)
    return Automations(automations=[_out(each) for each in found])


@router.get("/{automation_id}", dependencies=READING)
def get(store: StoreOf, automation_id: PathId) -> AutomationReport:
    """One automation: what it does, and how many came how far."""
    with store.engine.connect() as conn:
        found = automations.get(conn, automation_id)
        totals = runs.totals(conn, automation_id)
        steps = runs.by_step(conn, automation_id)
    return AutomationReport(
        **_out(found).model_dump(),
        definition=found.definition.as_json(),
        totals=TotalsOut(**asdict(totals)),
        steps=[StepOut(**asdict(step)) for step in steps],
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
    """Every run leaves, for good."""
    return _move(store, caller, automation_id, State.STOPPED)


def _move(store: Store, caller: Caller, automation_id: int, state: State) -> AutomationOut:
    with store.engine.begin() as conn:
        return _out(automations.set_state(conn, automation_id, state, clock.now(), caller.actor))


def _made_before(conn: Connection, key: str | None) -> int | None:
    """The automation that was made with this idempotency key."""
    if key is None:
        return None
    query = select(table.c.id).where(table.c.idempotency_key == key)
    found: int | None = conn.execute(query).scalar()
    return found


def _out(automation: Automation) -> AutomationOut:
    return AutomationOut.model_validate(automation)
