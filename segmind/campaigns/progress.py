"""How far a campaign is: its messages by state, its pace, and when it will be done."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, text

from segmind.campaigns import campaign as campaigns
from segmind.campaigns.lifecycle import Status
from segmind.events.schema import Source
from segmind.messages import portions
from segmind.messages.lifecycle import FINAL, State
from segmind.messages.under_way import STATE

#: The pace is that of the last minute.
PACE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Progress:
    """A campaign's messages. ``states`` adds up to ``enqueued``; ``enqueued`` to ``audience`` once
    the launch is through. ``rate``: messages handed over a second, of late. ``eta``: None when it
    cannot be told (nothing moves) or nothing is left.
    """

    status: Status
    audience: int
    enqueued: int
    states: dict[State, int]
    rate: float
    eta: datetime | None

    @property
    def settled(self) -> int:
        """Messages that will not change their state any more."""
        return sum(n for state, n in self.states.items() if state in FINAL)

    @property
    def in_doubt(self) -> int:
        return self.states.get(State.IN_DOUBT, 0)

    @property
    def share(self) -> float:
        """Settled / audience, between 0 and 1; of an audience of nobody 1, once it is drawn."""
        if not self.audience:
            return float(self.status is not Status.LAUNCHING)
        return min(1.0, self.settled / self.audience)


def progress(conn: Connection, campaign_id: int, now: datetime) -> Progress:
    """How far the campaign is.

    Raises:
        UnknownCampaign.
    """
    campaign = campaigns.get(conn, campaign_id)
    states = states_of(conn, campaign_id)
    enqueued = sum(states.values())
    audience = campaign.audience_size if campaign.audience_size is not None else enqueued
    rate = _rate(conn, campaign_id, now)
    left = audience - sum(n for state, n in states.items() if state in FINAL)
    moving = campaign.status in {Status.LAUNCHING, Status.SENDING}
    eta = now + timedelta(seconds=left / rate) if moving and left > 0 and rate > 0 else None
    return Progress(campaign.status, audience, enqueued, states, rate, eta)


def states_of(conn: Connection, campaign_id: int) -> dict[State, int]:
    """The campaign's messages by state, tests left out; recipients whose turn comes are READY."""
    rows = conn.execute(
        text(
            f"SELECT {STATE} AS state, count(*) FROM message m"
            " WHERE source_kind = :kind AND source_id = :id AND purpose <> 'test' GROUP BY 1"
            f" UNION ALL SELECT 0, {portions.WAITING}"
        ),
        {"kind": int(Source.CAMPAIGN), "id": campaign_id},
    )
    states = Counter[State]()
    for state, n in rows.tuples():
        states[State(state)] += n
    return {state: n for state, n in states.items() if n}


def _rate(conn: Connection, campaign_id: int, now: datetime) -> float:
    """Calls of the last minute that a provider answered, a second."""
    row = conn.execute(
        text("""
            SELECT COALESCE(sum(calls), 0), extract(epoch FROM :now - min(started_at)) FROM (
                SELECT count(*) AS calls, min(a.started_at) AS started_at
                FROM attempt a JOIN message m ON m.id = a.message_id
                WHERE m.source_kind = :kind AND m.source_id = :id AND m.purpose <> 'test'
                  AND a.finished_at > :since
                UNION ALL
                SELECT sum(accepted), min(started_at) FROM micro_batch
                WHERE source_kind = :kind AND source_id = :id AND finished_at > :since
            ) AS answered
        """),
        {
            "kind": int(Source.CAMPAIGN),
            "id": campaign_id,
            "now": now,
            "since": now - timedelta(seconds=PACE_SECONDS),
        },
    ).one()
    return float(row[0]) / max(1.0, float(row[1])) if row[0] else 0.0
