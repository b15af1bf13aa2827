"""Back-tests and simulations: what an automation would have done, and what it does to one person.

Nothing is kept, and nobody is sent anything.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request

from segmind import clock
from segmind.api.automations import READING
from segmind.api.backtest_shapes import (
    MOST_SECONDS,
    BacktestDefinition,
    BacktestOut,
    BacktestVersion,
    ExpectedOut,
    SimulateDefinition,
    SimulatedOut,
    SimulateVersion,
    Stretch,
    backtest_out,
    expected_out,
    simulated_out,
)
from segmind.api.caller import Caller, StoreOf, requires
from segmind.api.patience import answered
from segmind.api.shapes import PathId, present
from segmind.api.strict_json import StrictRoute
from segmind.automations import automation as automations
from segmind.automations.backtest import asked
from segmind.automations.backtest.question import Question
from segmind.automations.definition import Definition, parse
from segmind.db.engine import Store
from segmind.workspace.api_keys import Scope

router = APIRouter(prefix="/automations", tags=["Automations"], route_class=StrictRoute)
#: A simulation shows a customer's data: the key must be allowed to see customers.
SeesCustomers = Annotated[Caller, Depends(requires(Scope.CUSTOMERS_READ))]
_USUAL: Final = timedelta(days=60)


@router.post("/backtest", dependencies=READING)
async def backtest_definition(
    request: Request, store: StoreOf, body: BacktestDefinition
) -> BacktestOut:
    """Replay a definition that is not saved over a period of the past.

    With `max_seconds`, what would take longer is refused before it begins. Going away stops it.
    """
    definitions = [parse(body.definition)]
    if body.against is not None:
        definitions.append(parse(body.against))
    return await _answered(request, store, body, definitions, None)


@router.post("/backtest/cost", dependencies=READING)
def backtest_cost(store: StoreOf, body: BacktestDefinition) -> ExpectedOut:
    """How long a back-test would take. Does not make it."""
    question = _question(parse(body.definition), body, clock.now(), None)
    return expected_out(asked.price(store, question))


@router.post("/{automation_id}/backtest", dependencies=READING)
async def backtest(
    request: Request, store: StoreOf, automation_id: PathId, body: BacktestVersion
) -> BacktestOut:
    """Replay an automation over a period of the past: who would have entered, what would have been
    sent, when, at what cost, and how many come back by themselves.
    """
    with store.engine.connect() as conn:
        present_ = automations.get(conn, automation_id)
        wanted = [body.version or present_.version]
        if body.against is not None:
            wanted.append(body.against)
        definitions = [automations.definition_of(conn, automation_id, each) for each in wanted]
    return await _answered(request, store, body, definitions, automation_id)


@router.post("/simulate", dependencies=READING)
def simulate_definition(store: StoreOf, _: SeesCustomers, body: SimulateDefinition) -> SimulatedOut:
    """What a definition that is not saved does to one customer, step by step."""
    start = present(body.start)
    return simulated_out(asked.simulated(store, parse(body.definition), body.customer_id, start))


@router.post("/{automation_id}/simulate", dependencies=READING)
def simulate(
    store: StoreOf, _: SeesCustomers, automation_id: PathId, body: SimulateVersion
) -> SimulatedOut:
    """What an automation does to one customer: each step, why each branch is taken, what would be
    sent, and when."""
    with store.engine.connect() as conn:
        version = body.version or automations.get(conn, automation_id).version
        definition = automations.definition_of(conn, automation_id, version)
    start = present(body.start)
    return simulated_out(asked.simulated(store, definition, body.customer_id, start, automation_id))


async def _answered(
    request: Request,
    store: Store,
    stretch: Stretch,
    definitions: list[Definition],
    automation_id: int | None,
) -> BacktestOut:
    now = clock.now()

    def work() -> BacktestOut:
        found = [
            asked.backtested(
                store, _question(definition, stretch, now, automation_id), stretch.max_seconds
            )
            for definition in definitions
        ]
        return backtest_out(found[0], found[1] if len(found) > 1 else None)

    return await answered(request, work, MOST_SECONDS)


def _question(
    definition: Definition, stretch: Stretch, now: datetime, automation_id: int | None
) -> Question:
    until = stretch.until or now
    since = stretch.since or min(until, now) - _USUAL
    return Question(definition, since, until, now, automation_id)
