"""Failures that mean a dead address only when they repeat: the rules as data, and their count."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from sqlalchemy import Connection, text

from segmind.consent import suppressions
from segmind.consent.reasons import SuppressionReason
from segmind.events.schema import Channel


@dataclass(frozen=True, slots=True)
class Rule:
    """Suppress after so many failures from as many different sources (campaigns, ...), all within
    ``within`` (None: ever). ``because`` is said as the suppression's origin."""

    times: int
    sources: int
    within: timedelta | None
    because: str


#: By provider and its code.
RULES: Final[Mapping[tuple[str, str], Rule]] = {
    ("twilio", "30005"): Rule(2, 1, None, "unknown handset, twice"),
    ("twilio", "30003"): Rule(
        3, 3, timedelta(days=30), "handset out of reach in 3 campaigns within 30 days"
    ),
}


class WeakBounce(NamedTuple):
    """One failure. ``source`` names what sent the message; ``dedupe_key`` the report."""

    channel: Channel
    hashed: bytes
    provider: str
    code: str
    source: str
    dedupe_key: str
    at: datetime


def is_one(provider: str, code: str | None) -> bool:
    """Whether a rule speaks of this failure."""
    return code is not None and (provider, code) in RULES


def record(conn: Connection, bounces: Iterable[WeakBounce]) -> list[tuple[Channel, bytes]]:
    """Count failures (a repeat of a report once) and suppress the addresses that reach a rule.

    The order of the reports does not matter. Returns the suppressed addresses' hashes.
    """
    reached = []
    for bounce in bounces:
        rule = RULES[bounce.provider, bounce.code]
        values = {
            **bounce._asdict(),
            "channel": int(bounce.channel),
            "code": f"{bounce.provider} {bounce.code}",
            "within": rule.within or timedelta(days=36_500),
        }
        conn.execute(
            text("""
                INSERT INTO weak_bounce (channel, address_hash, dedupe_key, code, source, at)
                VALUES (:channel, :hashed, :dedupe_key, :code, :source, :at)
                ON CONFLICT DO NOTHING
            """),
            values,
        )
        # Any window counts that this failure may end or begin: reports come in any order.
        met = conn.execute(
            text("""
                SELECT 1 FROM weak_bounce ends
                JOIN weak_bounce b USING (channel, address_hash, code)
                WHERE channel = :channel AND address_hash = :hashed AND code = :code
                  AND b.at BETWEEN ends.at - CAST(:within AS interval) AND ends.at
                GROUP BY ends.dedupe_key
                HAVING count(*) >= :times AND count(DISTINCT b.source) >= :sources LIMIT 1
            """),
            {**values, "times": rule.times, "sources": rule.sources},
        ).first()
        if met:
            origin = f"{bounce.provider}: {rule.because}"
            reason = SuppressionReason.HARD_BOUNCE
            suppressions.add_hash(conn, bounce.channel, bounce.hashed, reason, origin, bounce.at)
            reached.append((bounce.channel, bounce.hashed))
    return reached
