"""When a campaign will be through: what is left, against what its sender may send in a second."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import Connection, text

from segmind.channels.channel import Channel
from segmind.events.schema import Source


@dataclass(frozen=True, slots=True)
class Left:
    """What has not left yet. ``units``: what limits count, parts for SMS, else messages."""

    messages: int
    units: int


@dataclass(frozen=True, slots=True)
class Eta:
    """``at``: None when it cannot be told. ``by``: what the estimate rests on: the sender's limit
    (``per_second`` units), or the pace of the last minute. ``unit``: what the limit counts."""

    at: datetime | None
    by: Literal["limit", "pace", "nothing"]
    per_second: float | None = None
    unit: str = "messages"


def left(conn: Connection, campaign_id: int, channel: Channel) -> Left:
    """Messages of the campaign that still have to leave; an SMS whose parts are not known yet
    counts with the mean of those that are."""
    row = conn.execute(
        text("""
            SELECT count(*) FILTER (WHERE state IN (0, 1, 2, 4)) AS open,
                   COALESCE(avg(segments) FILTER (WHERE segments IS NOT NULL), 1) AS parts
            FROM message WHERE source_kind = :kind AND source_id = :id AND purpose <> 'test'
        """),
        {"kind": int(Source.CAMPAIGN), "id": campaign_id},
    ).one()
    messages = int(row.open)
    parts = float(row.parts) if channel is Channel.SMS else 1.0
    return Left(messages, round(messages * parts))


def tightest(limits: Mapping[str, float], provider: str, own: float | None) -> float | None:
    """The smallest limit a second of a provider, of one of its senders alone, or of the campaign.

    ``limits``: by provider (``twilio``) or by its sender (``twilio:+15005550006``).
    """
    found = [
        each for name, each in limits.items() if name == provider or name.startswith(f"{provider}:")
    ]
    found += [own] if own else []
    return min(found) if found else None


def estimate(
    remaining: Left, limit: float | None, pace: float, channel: Channel, now: datetime
) -> Eta:
    """When the last one leaves. ``pace``: messages a second, of late.

    A limit bounds the pace from above: whichever is slower decides.
    """
    unit = "parts" if channel is Channel.SMS else "messages"
    if remaining.messages == 0:
        return Eta(None, "nothing", limit, unit)
    by_limit = remaining.units / limit if limit else 0.0
    by_pace = remaining.messages / pace if pace > 0 else 0.0
    if by_limit == 0.0 and by_pace == 0.0:
        return Eta(None, "nothing", limit, unit)
    seconds = max(by_limit, by_pace)
    by: Literal["limit", "pace"] = "limit" if by_limit >= by_pace else "pace"
    return Eta(now + timedelta(seconds=seconds), by, limit, unit)
