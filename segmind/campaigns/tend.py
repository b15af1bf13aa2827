"""What campaigns need of a scheduler: due ones start, late ones ask, finished ones are closed."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.exc import InterfaceError, OperationalError

from segmind.campaigns import campaign as campaigns
from segmind.campaigns import moves
from segmind.campaigns.launch import launch
from segmind.campaigns.lifecycle import Status
from segmind.db.engine import Store
from segmind.errors import SegmindError
from segmind.events.schema import Source
from segmind.messages.lifecycle import FINAL, State
from segmind.workspace import audit, product_settings

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Started:
    """What became of the campaigns whose time had come."""

    launched: tuple[int, ...]
    missed: tuple[int, ...]
    failed: tuple[int, ...]


def start_due(store: Store, now: datetime) -> Started:
    """Launch what is due and carry begun launches on. One that fails stops no other: it is marked,
    with the reason as its ``problem``, and waits for a person."""
    with store.engine.connect() as conn:
        ids = moves.due(conn, now)
        late = timedelta(hours=product_settings.load(conn).late_schedule_hours)
    launched: list[int] = []
    missed: list[int] = []
    failed: list[int] = []
    for campaign_id in ids:
        try:
            if _is_too_late(store, campaign_id, now, late):
                missed.append(campaign_id)
            else:
                launch(store, campaign_id, now)
                launched.append(campaign_id)
        except (OperationalError, InterfaceError):
            raise
        except Exception as error:
            said = str(error) if isinstance(error, SegmindError) else type(error).__name__
            log.error("The launch of campaign %d failed: %s.", campaign_id, type(error).__name__)
            _mark(store, campaign_id, now, f"It could not be launched: {said}")
            failed.append(campaign_id)
    return Started(tuple(launched), tuple(missed), tuple(failed))


def _is_too_late(store: Store, campaign_id: int, now: datetime, late: timedelta) -> bool:
    """Whether the campaign was due so long ago that a person has to confirm it; notes it."""
    with store.engine.begin() as conn:
        campaign = campaigns.get(conn, campaign_id, lock=True)
        due_at = campaign.scheduled_at
        if campaign.status is not Status.SCHEDULED or due_at is None or now - due_at <= late:
            return False
        hours = (now - due_at) / timedelta(hours=1)
        moves.mark_missed(
            conn,
            campaign_id,
            now,
            f"It was due {hours:.1f} hours ago, when nothing could start it.",
        )
    return True


def _mark(store: Store, campaign_id: int, now: datetime, problem: str) -> None:
    with store.engine.begin() as conn:
        campaign = campaigns.get(conn, campaign_id, lock=True)
        if campaign.status is Status.SCHEDULED:
            moves.mark_missed(conn, campaign_id, now, problem)
        elif campaign.status is Status.LAUNCHING:
            moves.pause(conn, campaign_id, now, "scheduler", problem=problem)


def finish_done(store: Store, now: datetime) -> list[int]:
    """Close campaigns of which every message is settled, none in doubt, and nobody waits for his
    turn or for the winner of a test; returns their ids."""
    open_states = [int(state) for state in State if state not in FINAL]
    with store.engine.begin() as conn:
        done = conn.execute(
            text(
                "UPDATE campaign c SET status = 'sent', finished_at = :now, updated_at = :now"
                " WHERE c.status = 'sending' AND NOT EXISTS ("
                "  SELECT 1 FROM recipient_portion p WHERE p.source_kind = :kind"
                "  AND p.source_id = c.id) AND NOT EXISTS ("
                "  SELECT 1 FROM message m WHERE m.source_kind = :kind AND m.source_id = c.id"
                "  AND m.state = ANY(:open) AND m.purpose <> 'test') AND NOT EXISTS ("
                "  SELECT 1 FROM micro_batch b WHERE b.source_kind = :kind AND b.source_id = c.id"
                "  AND b.finished_at IS NULL) RETURNING c.id"
            ),
            {"now": now, "kind": int(Source.CAMPAIGN), "open": open_states},
        ).scalars()
        ids = sorted(done)
        for campaign_id in ids:
            audit.record(conn, "scheduler", "campaign.sent", f"campaign {campaign_id}")
    return ids
