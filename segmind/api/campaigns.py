"""Campaigns: broadcast to a segment, follow it, pause, resume and cancel it."""

from __future__ import annotations

from dataclasses import asdict
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response
from sqlalchemy import Connection, select

from segmind import clock
from segmind.api.caller import Caller, StoreOf, requires
from segmind.api.campaign_shapes import (
    Broadcast,
    CampaignOut,
    CampaignReport,
    Campaigns,
    FindingOut,
    ProgressOut,
    ReasonOut,
    ReviewOut,
    SizingOut,
    Started,
)
from segmind.api.messages import Key, chosen_key
from segmind.api.problems import Refusal
from segmind.api.shapes import Cursor, Limit, PathId
from segmind.api.strict_json import StrictRoute
from segmind.audiences.waterfall import Reason
from segmind.campaigns import campaign as campaigns
from segmind.campaigns import moves
from segmind.campaigns.campaign import Campaign
from segmind.campaigns.lifecycle import Status
from segmind.campaigns.report import report
from segmind.campaigns.review import review
from segmind.campaigns.tables import campaign as table
from segmind.campaigns.variant_test import parse
from segmind.db.locks import lock
from segmind.segments import segment
from segmind.templates.template import InvalidDraft, parse_draft, to_json
from segmind.workspace import product_settings
from segmind.workspace.api_keys import Scope

router = APIRouter(prefix="/campaigns", tags=["Campaigns"], route_class=StrictRoute)
READING = [Depends(requires(Scope.CAMPAIGNS_READ))]
Writes = Annotated[Caller, Depends(requires(Scope.CAMPAIGNS_WRITE))]


@router.post("/broadcast", status_code=HTTPStatus.CREATED)
def broadcast(
    store: StoreOf, caller: Writes, body: Broadcast, response: Response, key: Key = None
) -> Started:
    """Send to everybody of a segment who may be reached: now, at a time, or saved as a draft.

    The audience is drawn when it starts. With an idempotency key it starts once, however often the
    request is sent.
    """
    now = clock.now()
    chosen = chosen_key(key, body.idempotency_key)
    with store.engine.begin() as conn:
        if chosen is not None:
            lock(conn, f"campaign.key:{chosen}")  # two at once: one creates, the other is told
        known = _made_before(conn, chosen)
        made = campaigns.create(
            conn,
            name=body.name,
            channel=body.channel,
            now=now,
            actor=caller.actor,
            segment_id=_segment_id(conn, body),
            exclude_segment_ids=body.exclude_segment_ids,
            content=_content(body),
            template_version_id=body.template_version_id,
            holdout_percent=body.holdout_percent,
            variant_test=_variant_test(body),
            rate_per_second=body.rate_per_second,
            idempotency_key=chosen,
        )
        created = made.id != known
        if created and not body.draft:
            made = moves.schedule(conn, made.id, body.scheduled_at or now, now, caller.actor)
    if not created:
        response.status_code = HTTPStatus.OK
    response.headers["Location"] = f"/campaigns/{made.id}"
    return Started(created=created, **_out(made).model_dump())


@router.get("", dependencies=READING)
def list_campaigns(
    store: StoreOf,
    status: Annotated[Status | None, Query()] = None,
    before: Cursor = None,
    limit: Limit = 50,
) -> Campaigns:
    """Campaigns, newest first."""
    with store.engine.connect() as conn:
        found = campaigns.list_campaigns(conn, status=status, limit=limit + 1, before=before)
    page = found[:limit]
    more = len(found) > limit
    return Campaigns(campaigns=[_out(c) for c in page], next=page[-1].id if more else None)


@router.get("/{campaign_id}", dependencies=READING)
def get(store: StoreOf, campaign_id: PathId) -> CampaignReport:
    """One campaign with what became of it so far."""
    with store.engine.connect() as conn:
        found = report(conn, campaign_id, clock.now())
        currency = product_settings.load(conn).currency
    progress = found.progress
    return CampaignReport(
        **_out(found.campaign).model_dump(),
        content=found.campaign.content,
        as_of=found.as_of,
        progress=ProgressOut(
            audience=progress.audience,
            enqueued=progress.enqueued,
            settled=progress.settled,
            share=progress.share,
            states={state.name.lower(): n for state, n in sorted(progress.states.items())},
            rate_per_second=round(progress.rate, 2),
            eta=progress.eta,
        ),
        figures=asdict(found.figures),
        currency=currency,
        holdout=found.holdout,
        waterfall=found.waterfall,
        reasons=[ReasonOut(kind=r.kind, reason=r.reason, count=r.count) for r in found.reasons],
    )


@router.get("/{campaign_id}/review", dependencies=READING)
def look_over(store: StoreOf, campaign_id: PathId) -> ReviewOut:
    """Who would get it now, what it would cost, and what stops it; stores nothing."""
    found = review(store, campaign_id, clock.now())
    waterfall, cost = found.waterfall, found.cost
    return ReviewOut(
        as_of=found.as_of,
        launchable=found.launchable,
        findings=[FindingOut(**asdict(finding)) for finding in found.findings],
        recipients=waterfall.recipients if waterfall is not None else None,
        holdout=waterfall.removed(Reason.HOLDOUT) if waterfall is not None else None,
        waterfall=waterfall.as_json() if waterfall is not None else None,
        cost_micros=cost.total_micros if cost is not None else None,
        currency=cost.currency if cost is not None else None,
        sizing=SizingOut.model_validate(asdict(found.sizing)) if found.sizing else None,
    )


@router.post("/{campaign_id}/pause")
def pause(store: StoreOf, caller: Writes, campaign_id: PathId) -> CampaignOut:
    """Hand nothing more over until it is resumed."""
    with store.engine.begin() as conn:
        return _out(moves.pause(conn, campaign_id, clock.now(), caller.actor))


@router.post("/{campaign_id}/resume")
def resume(store: StoreOf, caller: Writes, campaign_id: PathId) -> CampaignOut:
    """Go on where it was paused."""
    with store.engine.begin() as conn:
        return _out(moves.resume(conn, campaign_id, clock.now(), caller.actor))


@router.post("/{campaign_id}/cancel")
def cancel(store: StoreOf, caller: Writes, campaign_id: PathId) -> CampaignOut:
    """Send nothing more, for good."""
    with store.engine.begin() as conn:
        return _out(moves.cancel(conn, campaign_id, clock.now(), caller.actor))


def _made_before(conn: Connection, key: str | None) -> int | None:
    """The campaign that was made with this idempotency key."""
    if key is None:
        return None
    query = select(table.c.id).where(table.c.idempotency_key == key)
    found: int | None = conn.execute(query).scalar()
    return found


def _segment_id(conn: Connection, body: Broadcast) -> int | None:
    if (body.segment_id is None) == (body.segment is None):
        raise _refuse("Say to whom: exactly one of segment_id and segment.", "segment_id")
    if body.segment is None:
        return body.segment_id
    segment.ensure_built_ins(conn, "api", clock.now())
    return segment.by_key(conn, body.segment.replace("\0", "")).id


def _content(body: Broadcast) -> dict[str, Any] | None:
    if (body.content is None) == (body.template_version_id is None):
        if body.content is None and body.draft:
            return None
        raise _refuse("Say what: exactly one of content and template_version_id.", "content")
    if body.content is None:
        return None
    return to_json(parse_draft({**body.content, "channel": body.channel}))


def _variant_test(body: Broadcast) -> dict[str, Any] | None:
    """The plan with its contents in full, each for the campaign's channel."""
    if body.variant_test is None:
        return None
    plan = parse(body.variant_test)
    variants = []
    for n, each in enumerate(plan.variants):
        content = {**each.content, "channel": body.channel}
        try:
            drafted = to_json(parse_draft(content))
        except InvalidDraft as error:
            error.field = f"variant_test.variants.{n}.content" + (
                f".{error.field}" if error.field else ""
            )
            raise
        variants.append(each.model_copy(update={"content": drafted}))
    return plan.model_copy(update={"variants": tuple(variants)}).as_json()


def _refuse(message: str, field: str) -> Refusal:
    return Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_input", message, field=field)


def _out(campaign: Campaign) -> CampaignOut:
    return CampaignOut.of(campaign)
