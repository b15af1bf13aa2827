"""Webhooks: providers report what became of messages. The signature is the key."""

from __future__ import annotations

import threading
import time
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from segmind import clock
from segmind.api.caller import Doors, pace, store_of
from segmind.api.problems import Refusal
from segmind.api.visits import address_of
from segmind.channels.registry import Registry
from segmind.channels.webhook import Refusal as Why
from segmind.channels.webhook import Refused, WebhookRequest
from segmind.db.engine import Store
from segmind.messages import receipts
from segmind.messages.carriers import open_registry

router = APIRouter(prefix="/webhooks", tags=["Webhooks"])

#: Changed credentials count after this long.
_SECONDS_KEPT: Final = 30.0
_STATUS: Final = {
    Why.FORGED: HTTPStatus.FORBIDDEN,
    Why.STALE: HTTPStatus.FORBIDDEN,
    Why.MALFORMED: HTTPStatus.BAD_REQUEST,
    Why.TOO_LARGE: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
}


class Taken(BaseModel):
    """``reports``: what the call reported; ``new``: how much of it was not known yet."""

    reports: int
    new: int


class Carriers:
    """The providers of this process, read anew every half minute."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._registry: Registry | None = None
        self._until = 0.0

    def of(self, store: Store) -> Registry:
        """The providers by the present credentials."""
        with self._lock:
            if self._registry is None or time.monotonic() >= self._until:
                self._registry = open_registry(store)
                self._until = time.monotonic() + _SECONDS_KEPT
            return self._registry


@router.post("/{provider}", response_model=Taken)
async def receive(
    request: Request, provider: Annotated[str, Path(pattern=r"^[a-z][a-z0-9_-]{0,30}$")]
) -> Any:
    """Take a provider's report. Answers only when it is durable; repeats change nothing."""
    body = await request.body()
    return await run_in_threadpool(_take, request, provider, body)


def _take(request: Request, provider: str, body: bytes) -> Taken | Response:
    doors: Doors = request.app.state.doors
    pace(doors.webhooks, address_of(request) or "local")
    store = store_of(request)
    registry: Registry = request.app.state.carriers.of(store)
    call = WebhookRequest.of(
        body,
        dict(request.headers),
        query=request.scope.get("query_string", b"").decode("latin-1"),
        received_at=clock.wall(),
    )
    answer = receipts.accept(store, registry, provider, call, clock.now())
    if isinstance(answer, Refused):
        raise Refusal(_STATUS[answer.reason], f"webhook_{answer.reason}", answer.detail)
    xml = registry.named(provider).capabilities.xml_answer
    if xml is not None:
        return Response(xml, media_type="application/xml")
    return Taken(reports=answer.reports, new=answer.new)
