"""The brake: a campaign that fails for too many is paused before it fails for all."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, text

from segmind.campaigns import moves
from segmind.db.engine import Store
from segmind.events.schema import Source
from segmind.messages.lifecycle import State

#: Paused when more than this share failed for good (not rendered, or refused by the provider;
#: bounces are not among them),
FAILED_SHARE = 0.05
#: or when the provider blames the text itself for more than this share: the others have the same;
CONTENT_SHARE = 0.01
#: or when more than this share called it spam (Gmail wants less than 0.1 %, and never 0.3 %);
COMPLAINED_SHARE = 0.001
#: or when carriers filtered more than this share (going on aggravates their sanctions);
FILTERED_SHARE = 0.01
FILTERED_CODE = "30007"
#: and only once so many did: a handful says nothing.
FEWEST_FAILED = 25
FEWEST_CONTENT = 10
FEWEST_FILTERED = 5
FEWEST_COMPLAINED = 10

ACTOR = "scheduler"


def pause_failing(store: Store, now: datetime) -> list[int]:
    """Pause campaigns that go wrong, each once: who resumes one has seen why. Returns their ids."""
    paused: list[int] = []
    with store.engine.begin() as conn:
        sending = conn.execute(text("SELECT id FROM campaign WHERE status = 'sending'")).scalars()
        for campaign_id in sending.all():
            problem = _problem(conn, campaign_id)
            if problem is not None and not _was_paused(conn, campaign_id):
                moves.pause(conn, campaign_id, now, ACTOR, problem=problem)
                paused.append(campaign_id)
    return paused


def _problem(conn: Connection, campaign_id: int) -> str | None:
    failed = _failed(conn, campaign_id)
    if failed >= FEWEST_FAILED:
        taken = _accepted(conn, campaign_id, most=round(failed / FAILED_SHARE))
        if failed > FAILED_SHARE * (failed + taken):
            return f"{failed:,} of the first {failed + taken:,} messages failed for good."
    spoilt = _failed(conn, campaign_id, only="content")
    if spoilt >= FEWEST_CONTENT:
        taken = _accepted(conn, campaign_id, most=round(spoilt / CONTENT_SHARE) + 1)
        if spoilt > CONTENT_SHARE * (spoilt + taken):
            of = f"{spoilt:,} of the first {spoilt + taken:,} messages"
            return f"The provider refuses the text of {of}."
    filtered = _filtered(conn, campaign_id)
    if filtered >= FEWEST_FILTERED:
        taken = _accepted(conn, campaign_id, most=round(filtered / FILTERED_SHARE) + 1)
        if filtered > FILTERED_SHARE * taken:
            return f"Carriers filtered {filtered:,} of {taken:,} messages as unwanted."
    complained = _complained(conn, campaign_id)
    if complained >= FEWEST_COMPLAINED:
        taken = _accepted(conn, campaign_id, most=round(complained / COMPLAINED_SHARE) + 1)
        if complained > COMPLAINED_SHARE * taken:
            return f"{complained:,} of {taken:,} recipients called it spam."
    return None


def _failed(conn: Connection, campaign_id: int, only: str | None = None) -> int:
    """How many failed for good; with ``only`` those of this class."""
    return int(
        conn.execute(
            text(
                "SELECT count(*) FROM message WHERE source_kind = :kind AND source_id = :id"
                " AND state = :state"
                " AND (CAST(:only AS text) IS NULL OR error_class = CAST(:only AS text))"
            ),
            {
                "kind": int(Source.CAMPAIGN),
                "id": campaign_id,
                "state": int(State.FAILED),
                "only": only,
            },
        ).scalar_one()
    )


def _filtered(conn: Connection, campaign_id: int) -> int:
    return int(
        conn.execute(
            text(
                "SELECT count(*) FROM message WHERE source_kind = :kind AND source_id = :id"
                " AND delivery_code = :code"
            ),
            {"kind": int(Source.CAMPAIGN), "id": campaign_id, "code": FILTERED_CODE},
        ).scalar_one()
    )


def _complained(conn: Connection, campaign_id: int) -> int:
    return int(
        conn.execute(
            text(
                "SELECT count(*) FROM message WHERE source_kind = :kind AND source_id = :id"
                " AND complained_at IS NOT NULL"
            ),
            {"kind": int(Source.CAMPAIGN), "id": campaign_id},
        ).scalar_one()
    )


def _accepted(conn: Connection, campaign_id: int, *, most: int) -> int:
    """How many the provider accepted, counted no further than ``most``."""
    return int(
        conn.execute(
            text(
                "SELECT count(*) FROM (SELECT 1 FROM message WHERE source_kind = :kind"
                " AND source_id = :id AND state = :state LIMIT :most) AS taken"
            ),
            {
                "kind": int(Source.CAMPAIGN),
                "id": campaign_id,
                "state": int(State.ACCEPTED),
                "most": most,
            },
        ).scalar_one()
    )


def _was_paused(conn: Connection, campaign_id: int) -> bool:
    """Whether the brake has paused this campaign before."""
    return bool(
        conn.execute(
            text(
                "SELECT EXISTS (SELECT FROM audit WHERE actor = :actor AND subject = :subject"
                " AND action = 'campaign.paused')"
            ),
            {"actor": ACTOR, "subject": f"campaign {campaign_id}"},
        ).scalar_one()
    )
