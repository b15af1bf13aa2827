"""What a rule would match, and what it costs to ask."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Final

from fastapi import APIRouter, Depends, Request
from sqlalchemy import Connection

from segmind.api.caller import StoreOf, requires
from segmind.api.patience import answered
from segmind.api.segment_shapes import Answer, CostOut, WhatIf
from segmind.api.shapes import present
from segmind.api.strict_json import StrictRoute
from segmind.customers.facts import Facts, read_facts
from segmind.db.engine import Store
from segmind.segments import known, segment
from segmind.segments.cost import Cost, TooCostly
from segmind.segments.cost import cost as cost_of
from segmind.segments.describe import describe
from segmind.segments.fault import Fault, InvalidRule
from segmind.segments.naming import words_of
from segmind.segments.preview import preview
from segmind.segments.rule import Rule, parse
from segmind.workspace.api_keys import Scope

router = APIRouter(prefix="/segments", tags=["Segments"], route_class=StrictRoute)
READING: Final = [Depends(requires(Scope.SEGMENTS_READ))]
#: Longer than any sensible rule takes at full size; it protects the others.
MOST_SECONDS: Final = 60.0


@router.post("/preview", dependencies=READING)
async def what_if(request: Request, store: StoreOf, body: WhatIf) -> Answer:
    """How many customers a rule matches, without saving it.

    With `max_seconds`, a rule that would take longer is refused before it runs: `cost` in the
    problem says how many events it would read. Going away stops the work.
    """
    limit = min(body.max_seconds or MOST_SECONDS, MOST_SECONDS)
    return await answered(request, lambda: _answer(store, body), limit)


@router.post("/cost", dependencies=READING)
def cost(store: StoreOf, body: WhatIf) -> CostOut:
    """How many events a rule would read, and about how long that takes. Does not ask it."""
    with in_rule(), store.engine.connect() as conn:
        rule, facts = parse(body.rule), read_facts(store)
        return _cost(cost_of(rule, facts, present(body.as_of), segment.resolver(conn)))


def _answer(store: Store, body: WhatIf) -> Answer:
    as_of = present(body.as_of)
    with in_rule(), store.engine.connect() as conn:
        rule, facts = parse(body.rule), read_facts(store)
        price = _allowed(rule, facts, as_of, conn, body.max_seconds)
        known.check(rule, facts)
        found = preview(rule, facts, as_of, segment.resolver(conn))
        return Answer(
            count=found.count,
            share=found.share_of_base,
            base=found.base,
            sentence=describe(rule, words_of(conn)),
            sample=found.sample,
            reach=found.reach,
            as_of=as_of,
            took_ms=round(found.took_ms, 1),
            incomplete=list(found.incomplete),
            notice=found.notice,
            cost=_cost(price),
        )


def _allowed(
    rule: Rule, facts: Facts, as_of: datetime, conn: Connection, seconds: float | None
) -> Cost:
    """What the rule costs. Raises TooCostly if that is more than ``seconds``."""
    price = cost_of(rule, facts, as_of, segment.resolver(conn))
    if seconds is not None and price.seconds > seconds:
        raise TooCostly(price, seconds)
    return price


def _cost(found: Cost) -> CostOut:
    return CostOut(events=found.events, seconds=round(found.seconds, 6), sentence=str(found))


@contextmanager
def in_rule() -> Iterator[None]:
    """Paths in the rule become paths in the body."""
    try:
        yield
    except InvalidRule as error:
        faults = [
            Fault(f"rule.{fault.path}".rstrip("."), fault.message, fault.hint)
            for fault in error.faults
        ]
        raise InvalidRule(faults) from None
