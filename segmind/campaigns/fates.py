"""From the segment to the last message delivered: what became of everybody, adding up exactly.

Before the launch the audience's waterfall says who is left out and why; afterwards the messages
say what became of the rest. Every person is counted once, at the first thing that stopped them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, Literal

from sqlalchemy import Connection, text

from segmind.campaigns.campaign import Campaign
from segmind.events.schema import Source
from segmind.messages import portions
from segmind.messages.explained import reason_label
from segmind.messages.lifecycle import Delivery, State
from segmind.messages.under_way import STATE

Stage = Literal["before", "not queued", "not sent", "under way", "not delivered", "end"]


@dataclass(frozen=True, slots=True)
class Fate:
    """One step: how many it removed and how many remain after it. ``key`` is stable
    (``skipped:suppressed``), ``label`` is for people."""

    stage: Stage
    key: str
    label: str
    removed: int
    remaining: int


@dataclass(frozen=True, slots=True)
class Counted:
    """Messages of a campaign that are alike: where they are and, if they stopped, why."""

    state: State
    delivery: Delivery
    why: str | None
    count: int


#: What still moves, in the order in which it happens.
_UNDER_WAY: Final = {
    State.READY: "Waiting for their turn",
    State.RETRY: "Waiting for their time",
    State.CLAIMED: "Being prepared",
    State.DISPATCHING: "Being handed to the provider",
    State.IN_DOUBT: "In doubt",
}
_ENDED: Final = {State.SKIPPED: "Not sent", State.EXPIRED: "Too late", State.FAILED: "Refused"}
_UNDELIVERED: Final = {
    Delivery.BOUNCED: "Bounced",
    Delivery.FAILED: "The provider gave up",
    Delivery.SENT: "Left the provider, not confirmed",
    Delivery.SENDING: "On its way",
    Delivery.QUEUED: "Queued at the provider",
    Delivery.NONE: "Accepted, nothing reported yet",
}


def fates(conn: Connection, campaign: Campaign) -> tuple[Fate, ...]:
    """The steps of a campaign as its audience and its messages say at this moment."""
    rows = conn.execute(
        text(f"""
            SELECT {STATE} AS state, delivery,
                   CASE WHEN state = 7 THEN COALESCE(skip_reason, 'unknown')
                        WHEN state = 6 THEN COALESCE(error_code, error_class, 'unknown') END AS why,
                   count(*) AS n, false AS is_undecided
            FROM message m
            WHERE source_kind = :kind AND source_id = :id AND purpose <> 'test'
            GROUP BY 1, 2, 3
            UNION ALL SELECT 0, 0, NULL, {portions.WAITING}, false
            UNION ALL SELECT 0, 0, NULL, {portions.UNDECIDED}, true
        """),
        {"kind": int(Source.CAMPAIGN), "id": campaign.id},
    )
    counted, waiting = [], 0
    for state, delivery, why, n, is_undecided in rows:
        if is_undecided:
            waiting = n
        elif n:
            counted.append(Counted(State(state), Delivery(delivery), why, n))
    return add_up(
        campaign.waterfall,
        campaign.audience_size,
        counted,
        campaign.status == "cancelled",
        waiting,
    )


def add_up(
    waterfall: dict[str, Any] | None,
    audience: int | None,
    counted: Iterable[Counted],
    stopped: bool,
    waiting: int = 0,
) -> tuple[Fate, ...]:
    """The steps; each one's remaining is the one's before less its removed, and what remains at the
    end is what was delivered.

    ``waterfall`` is that of the audience (None: it begins with the audience), ``audience`` how many
    it holds (None: as many as there are messages), ``stopped``: what did not leave never will;
    ``waiting``: how many wait for the winner of a test.
    """
    messages = list(counted)
    total = sum(each.count for each in messages)
    steps = _before(waterfall)
    held = steps[-1].remaining if steps else (audience if audience is not None else total)
    if not steps:
        steps.append(Fate("before", "audience", "In the audience", 0, held))

    def take(stage: Stage, key: str, label: str, count: int) -> None:
        if count:
            steps.append(Fate(stage, key, label, count, steps[-1].remaining - count))

    never = "Not queued before it was stopped" if stopped else "Not queued yet"
    waits = 0 if stopped else waiting
    take("not queued", "waits_for_winner", "Waiting for the winner of the test", waits)
    take("not queued", "not_queued", never, held - total - waits)
    for state, said in _ENDED.items():
        reasons: dict[str | None, int] = {}
        for each in messages:
            if each.state is state:
                reasons[each.why] = reasons.get(each.why, 0) + each.count
        for why, count in sorted(reasons.items(), key=lambda item: (-item[1], item[0] or "")):
            label = f"{said}: {reason_label(why)}" if why else said
            take("not sent", f"{state.name.lower()}:{why or ''}", label, count)
    for state, said in _UNDER_WAY.items():
        count = sum(each.count for each in messages if each.state is state)
        ended = stopped and state in {State.READY, State.RETRY}
        label = "Stopped before they left" if ended else said
        take("under way", state.name.lower(), label, count)
    for delivery, said in _UNDELIVERED.items():
        count = sum(
            each.count
            for each in messages
            if each.state is State.ACCEPTED and each.delivery is delivery
        )
        take("not delivered", delivery.name.lower(), said, count)
    steps.append(Fate("end", "delivered", "Delivered", 0, steps[-1].remaining))
    return tuple(steps)


def _before(waterfall: dict[str, Any] | None) -> list[Fate]:
    return [
        Fate("before", row["reason"], row["label"], row["removed"], row["remaining"])
        for row in (waterfall or {}).get("steps", [])
    ]
