"""The HTTP API: requests in, calls, statuses out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from anyio import CapacityLimiter
from fastapi import APIRouter, FastAPI

from segmind import __version__
from segmind.api import (
    analytics,
    automation_runs,
    automations,
    backtests,
    campaigns,
    customers,
    earned,
    health,
    index,
    ingest,
    insights,
    interpreter,
    lift,
    messages,
    problems,
    read_ahead,
    replies,
    segment_preview,
    segment_sets,
    segment_time,
    segments,
    sendgrid_like,
    suppressions,
    twilio_like,
    variants,
    webhooks,
)
from segmind.api.caller import Doors
from segmind.api.intake import Intake
from segmind.api.problems import Problem
from segmind.api.stores import Stores
from segmind.api.stores import of_process as store_of_process
from segmind.db.engine import Store

#: What belongs to the API, in the order of its documentation.
ROUTERS: tuple[APIRouter, ...] = (
    index.router,
    health.router,
    ingest.router,
    customers.router,
    suppressions.router,
    replies.router,
    segment_time.router,  # its fixed paths come before /segments/{segment_id}
    segment_sets.router,
    segment_preview.router,
    segments.router,
    messages.router,
    twilio_like.router,
    sendgrid_like.router,
    campaigns.router,
    variants.router,
    automations.router,
    automation_runs.router,
    backtests.router,
    analytics.router,
    earned.router,
    lift.router,
    insights.router,
    webhooks.router,
)

_DESCRIPTION = """
Decide whom to talk to, talk to them, see what it earned.

- **Keys**: `Authorization: Bearer sgm_live_...`, or the key as the user name of Basic
  authentication. Keys have scopes. A new workspace on its own machine is open until it has its
  first key or its first member.
- **Money** is in minor units (cents) with its currency; **instants** are ISO 8601 in UTC.
- **Errors** are problems (RFC 9457, `application/problem+json`) with a stable `code`, the wrong
  fields in `errors`, and the `request_id` to ask for help with.
"""

_PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem, "description": words}
    for status, words in {
        401: "No key, or a wrong one.",
        403: "The key lacks the scope.",
        422: "Something in the request is not valid; `errors` says what.",
        429: "Too many requests.",
        503: "The database does not answer.",
    }.items()
}


def build(opened: Callable[[], Store], *, reads_ahead: bool = False) -> FastAPI:
    """The API over the store that ``opened`` gives; opened on the first request, not before.

    ``reads_ahead``: opened when serving begins, to have the log's columns in memory by then.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        interpreter.settle()
        if reads_ahead:
            read_ahead.begin(app.state.stores)
        yield
        app.state.stores.close()

    built = FastAPI(
        title="Segmind",
        version=__version__,
        description=_DESCRIPTION,
        docs_url=None,  # FastAPI's page loads its scripts from elsewhere
        redoc_url=None,
        lifespan=lifespan,
        responses=_PROBLEMS,
        redirect_slashes=False,
    )
    open_on(built, opened)
    problems.install(built)
    built.add_middleware(Intake)
    for router in ROUTERS:
        built.include_router(router)
    return built


def open_on(built: FastAPI, opened: Callable[[], Store]) -> None:
    """Let the API serve another store; what it knew of its callers is forgotten."""
    built.state.stores = Stores(opened)
    built.state.doors = Doors()
    built.state.batches = CapacityLimiter(ingest.BATCHES_AT_ONCE)
    built.state.takings = ingest.takings()
    built.state.carriers = webhooks.Carriers()


#: The API of this process, on the store that the environment names.
api = build(store_of_process, reads_ahead=True)
