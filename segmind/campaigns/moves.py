"""Moving a campaign on: schedule, pause, resume, cancel. Each move is legal, recorded, and at once.

The launch itself, which takes longer, is in :mod:`segmind.campaigns.launch`.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, select, text

from segmind.campaigns import campaign as campaigns
from segmind.campaigns.campaign import Campaign, InvalidCampaign
from segmind.campaigns.content import version_for
from segmind.campaigns.lifecycle import Status, require
from segmind.campaigns.review import require_launchable
from segmind.campaigns.tables import campaign as table
from segmind.events.schema import Source
from segmind.messages import portions, sources
from segmind.messages.sources import SourceKey
from segmind.workspace import audit, product_settings

#: A message that could not leave for so long after the launch is never sent. Quiet hours hold an
#: SMS back for half a day at most.
VALID_FOR = timedelta(hours=24)
#: A start so far ahead is taken for a slip of the hand.
FARTHEST_SCHEDULE = timedelta(days=366)


def schedule(
    conn: Connection, campaign_id: int, at: datetime, now: datetime, actor: str
) -> Campaign:
    """Let the campaign start at ``at`` (aware); ``at`` just past: as soon as a scheduler sees it.
    Also confirms a missed one, and moves one that is scheduled already.

    Raises:
        UnknownCampaign, IllegalMove; InvalidCampaign for an instant that is not aware, more than a
        year ahead, or past by more than the setting ``late_schedule_hours``; NotLaunchable when
        something blocks it.
    """
    if at.tzinfo is None:
        raise InvalidCampaign("Say in which time zone.", field="scheduled_at")
    if at - now > FARTHEST_SCHEDULE:
        raise InvalidCampaign("That is more than a year ahead.", field="scheduled_at")
    settings = product_settings.load(conn)
    if now - at > timedelta(hours=settings.late_schedule_hours):
        raise InvalidCampaign(
            "That moment is past.",
            hint="Give a later one, or none to start at once.",
            field="scheduled_at",
        )
    campaign = campaigns.get(conn, campaign_id, lock=True)
    require(campaign.status, Status.SCHEDULED)
    version = version_for(conn, campaign)
    require_launchable(conn, campaign, settings)
    return _move(
        conn,
        campaign,
        Status.SCHEDULED,
        now,
        actor,
        # What was due a moment ago is not late: it starts now.
        scheduled_at=max(at, now),
        template_version_id=version,
        problem=None,
    )


def send_now(conn: Connection, campaign_id: int, now: datetime, actor: str) -> Campaign:
    """Let the campaign start as soon as a scheduler sees it, within a second or two."""
    return schedule(conn, campaign_id, now, now, actor)


def back_to_draft(conn: Connection, campaign_id: int, now: datetime, actor: str) -> Campaign:
    """Take a scheduled or missed campaign back, to edit it."""
    campaign = campaigns.get(conn, campaign_id, lock=True)
    return _move(conn, campaign, Status.DRAFT, now, actor, scheduled_at=None, problem=None)


def pause(
    conn: Connection, campaign_id: int, now: datetime, actor: str, *, problem: str | None = None
) -> Campaign:
    """Stop handing messages over; those that a provider has already cannot be called back.

    ``problem``: why, when no person asked for it.
    """
    campaign = campaigns.get(conn, campaign_id, lock=True)
    moved = _move(conn, campaign, Status.PAUSED, now, actor, problem=problem)
    sources.set_state(conn, Source.CAMPAIGN, campaign_id, "paused", problem or f"by {actor}", now)
    return moved


def resume(conn: Connection, campaign_id: int, now: datetime, actor: str) -> Campaign:
    """Go on where it was paused: with the launch while the audience is not complete in the outbox,
    else with the sending."""
    campaign = campaigns.get(conn, campaign_id, lock=True)
    if campaign.frozen_at is None:
        return _move(conn, campaign, Status.LAUNCHING, now, actor, problem=None)
    moved = _move(conn, campaign, Status.SENDING, now, actor, problem=None)
    _give_time(conn, campaign_id, now)
    sources.set_state(conn, Source.CAMPAIGN, campaign_id, "open", f"resumed by {actor}", now)
    return moved


def _give_time(conn: Connection, campaign_id: int, now: datetime) -> None:
    """After a pause, what is unsent has as long as after a launch: who resumes wants it sent."""
    until = now + VALID_FOR
    portions.give_time(conn, SourceKey(Source.CAMPAIGN, campaign_id), until)
    conn.execute(
        text(
            "UPDATE message SET expires_at = :until WHERE source_kind = :kind AND source_id = :id"
            " AND state IN (0, 4) AND expires_at < :soon"
        ),
        {
            "until": until,
            "soon": until - VALID_FOR / 2,
            "kind": int(Source.CAMPAIGN),
            "id": campaign_id,
        },
    )


def cancel(conn: Connection, campaign_id: int, now: datetime, actor: str) -> Campaign:
    """Send nothing more, for good. What was not handed over stays unsent."""
    campaign = campaigns.get(conn, campaign_id, lock=True)
    moved = _move(conn, campaign, Status.CANCELLED, now, actor, finished_at=now)
    sources.set_state(conn, Source.CAMPAIGN, campaign_id, "cancelled", f"by {actor}", now)
    portions.withdraw(conn, SourceKey(Source.CAMPAIGN, campaign_id))
    return moved


def mark_missed(conn: Connection, campaign_id: int, now: datetime, problem: str) -> Campaign:
    """Note that the campaign did not start by itself, and why; a person has to confirm it."""
    campaign = campaigns.get(conn, campaign_id, lock=True)
    return _move(conn, campaign, Status.MISSED, now, "scheduler", problem=problem)


def due(conn: Connection, now: datetime) -> list[int]:
    """Scheduled campaigns whose time has come, and launches to be carried on; the oldest first."""
    starts = (table.c.status == Status.SCHEDULED.value) & (table.c.scheduled_at <= now)
    rows = conn.execute(
        select(table.c.id)
        .where(starts | (table.c.status == Status.LAUNCHING.value))
        .order_by(table.c.scheduled_at.nulls_first(), table.c.id)
    )
    return list(rows.scalars())


def _move(
    conn: Connection,
    campaign: Campaign,
    to: Status,
    now: datetime,
    actor: str,
    **changes: Any,
) -> Campaign:
    """Move the campaign, whose row is locked."""
    require(campaign.status, to)
    conn.execute(
        table.update()
        .where(table.c.id == campaign.id)
        .values(status=to.value, updated_at=now, **changes)
    )
    audit.record(
        conn,
        actor,
        f"campaign.{to.value}",
        f"campaign {campaign.id}",
        {"before": campaign.status.value},
    )
    return campaigns.get(conn, campaign.id)
