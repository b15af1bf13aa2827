"""What customers wrote back in words of their own: read, then made a no or put aside."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel

from segmind import clock
from segmind.api.caller import Caller, StoreOf, requires
from segmind.api.shapes import Limit, PathId
from segmind.api.strict_json import StrictRoute
from segmind.consent import replies
from segmind.consent.replies import Reply
from segmind.workspace import audit
from segmind.workspace.api_keys import Scope

router = APIRouter(prefix="/replies", tags=["Replies"], route_class=StrictRoute)
READING = [Depends(requires(Scope.CUSTOMERS_READ))]
Writes = Annotated[Caller, Depends(requires(Scope.CUSTOMERS_WRITE))]


class ReplyOut(BaseModel):
    """One reply. ``decision`` None: nobody has decided yet."""

    id: int
    channel: str
    customer_id: int | None
    address: str | None
    text: str | None
    likely_opt_out: bool
    received_at: datetime
    decision: str | None


class Replies(BaseModel):
    """Likely opt-outs first, then the oldest."""

    replies: list[ReplyOut]


@router.get("", dependencies=READING)
def waiting(store: StoreOf, limit: Limit = 100) -> Replies:
    """What waits for somebody to read it."""
    with store.engine.connect() as conn:
        return Replies(replies=[_out(each) for each in replies.waiting(conn, limit)])


@router.post("/{reply_id}/opt-out")
def opt_out(store: StoreOf, caller: Writes, reply_id: PathId) -> ReplyOut:
    """It says no: nothing is sent to this address on this channel from now on."""
    with store.engine.begin() as conn:
        done = replies.treat_as_opt_out(conn, reply_id, caller.actor, clock.now())
        audit.record(conn, caller.actor, "reply.opt_out", f"reply {reply_id}")
    return _out(done)


@router.post("/{reply_id}/dismiss")
def dismiss(store: StoreOf, caller: Writes, reply_id: PathId) -> ReplyOut:
    """It says no such thing."""
    with store.engine.begin() as conn:
        done = replies.dismiss(conn, reply_id, caller.actor, clock.now())
        audit.record(conn, caller.actor, "reply.dismiss", f"reply {reply_id}")
    return _out(done)


def _out(reply: Reply) -> ReplyOut:
    return ReplyOut(
        id=reply.id,
        channel=reply.channel.label,
        customer_id=reply.customer_id,
        address=reply.address,
        text=reply.words,
        likely_opt_out=reply.likely_opt_out,
        received_at=reply.received_at,
        decision=reply.decision,
    )
