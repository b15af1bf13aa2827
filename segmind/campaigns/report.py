"""What became of a campaign: from its messages and exclusions, each figure with its base.

Revenue is not here: analytics answers it by source (a campaign's id), and pages join the two.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl
from sqlalchemy import Connection, text

from segmind.campaigns import campaign as campaigns
from segmind.campaigns.campaign import Campaign
from segmind.campaigns.fates import Fate, fates
from segmind.campaigns.progress import Progress, progress
from segmind.events.schema import Source
from segmind.messages import portions
from segmind.messages.lifecycle import Delivery, State
from segmind.messages.under_way import IS_ACCEPTED

TIMELINE_COLUMNS = ("sent", "delivered", "opened", "clicked", "unsubscribed", "complained")


@dataclass(frozen=True, slots=True)
class Figures:
    """Messages of the campaign, each counted once in a figure; humans and machines apart.

    ``accepted``: taken by the provider. ``delivered``: confirmed and not bounced. ``opened`` and
    ``clicked``: by a human at least once; ``*_by_machine``: only by machines.
    """

    enqueued: int
    accepted: int
    delivered: int
    bounced: int
    failed: int
    skipped: int
    expired: int
    opened: int
    opened_by_machine: int
    clicked: int
    clicked_by_machine: int
    unsubscribed: int
    complained: int
    parts: int
    cost_micros: int

    def share(self, figure: str) -> float | None:
        """``figure`` / delivered (bounced: / accepted); None when there is no base."""
        base = self.accepted if figure in {"bounced", "delivered"} else self.delivered
        return float(getattr(self, figure)) / base if base else None


@dataclass(frozen=True, slots=True)
class Reason:
    """How many got no message for a reason: of the gate (skipped) or of the provider (failed)."""

    kind: str  # excluded, skipped, failed, expired
    reason: str
    count: int


@dataclass(frozen=True)
class Report:
    """A campaign looked back upon. ``as_of``: the instant of the figures.

    ``timeline``: at (Datetime UTC, start of the hour), then messages that for the first time in
    that hour were sent, delivered, opened, clicked (by humans), unsubscribed, complained.
    """

    campaign: Campaign
    as_of: datetime
    waterfall: dict[str, Any] | None
    fates: tuple[Fate, ...]
    holdout: int
    progress: Progress
    figures: Figures
    reasons: tuple[Reason, ...]
    timeline: pl.DataFrame


def report(conn: Connection, campaign_id: int, now: datetime) -> Report:
    """The report as the tables say at this moment; costs a few index scans.

    Raises:
        UnknownCampaign.
    """
    campaign = campaigns.get(conn, campaign_id)
    reasons = _reasons(conn, campaign_id)
    return Report(
        campaign=campaign,
        as_of=now,
        waterfall=campaign.waterfall,
        fates=fates(conn, campaign),
        holdout=sum(r.count for r in reasons if r.kind == "excluded" and r.reason == "holdout"),
        progress=progress(conn, campaign_id, now),
        figures=figures(conn, campaign_id),
        reasons=reasons,
        timeline=_timeline(conn, campaign_id),
    )


def figures(conn: Connection, campaign_id: int) -> Figures:
    """The campaign's figures alone."""
    row = conn.execute(text(_FIGURES), _values(campaign_id)).mappings().one()
    return Figures(**{name: int(value) for name, value in row.items()})


def _values(campaign_id: int) -> dict[str, int]:
    return {
        "kind": int(Source.CAMPAIGN),
        "id": campaign_id,
        "failed": int(State.FAILED),
        "skipped": int(State.SKIPPED),
        "expired": int(State.EXPIRED),
        "delivered": int(Delivery.DELIVERED),
        "bounced": int(Delivery.BOUNCED),
    }


_OURS = "source_kind = :kind AND source_id = :id AND purpose <> 'test'"

_FIGURES = f"""
SELECT count(*) + {portions.WAITING} AS enqueued,
       count(*) FILTER (WHERE {IS_ACCEPTED}) AS accepted,
       count(*) FILTER (WHERE delivery = :delivered) AS delivered,
       count(*) FILTER (WHERE delivery = :bounced) AS bounced,
       count(*) FILTER (WHERE state = :failed) AS failed,
       count(*) FILTER (WHERE state = :skipped) AS skipped,
       count(*) FILTER (WHERE state = :expired) AS expired,
       count(*) FILTER (WHERE opens > 0) AS opened,
       count(*) FILTER (WHERE opens = 0 AND machine_opens > 0) AS opened_by_machine,
       count(*) FILTER (WHERE clicks > 0) AS clicked,
       count(*) FILTER (WHERE clicks = 0 AND machine_clicks > 0) AS clicked_by_machine,
       count(unsubscribed_at) AS unsubscribed,
       count(complained_at) AS complained,
       COALESCE(sum(segments) FILTER (WHERE {IS_ACCEPTED}), 0) AS parts,
       COALESCE(sum(cost_micros) FILTER (WHERE {IS_ACCEPTED}), 0) AS cost_micros
FROM message m WHERE {_OURS}
"""

_REASONS = f"""
SELECT 'excluded' AS kind, reason, count(*) AS n
FROM campaign_exclusion WHERE campaign_id = :id GROUP BY reason
UNION ALL
SELECT 'skipped', COALESCE(skip_reason, 'unknown'), count(*)
FROM message WHERE {_OURS} AND state = :skipped GROUP BY 2
UNION ALL
SELECT 'failed', COALESCE(error_code, error_class, 'unknown'), count(*)
FROM message WHERE {_OURS} AND state = :failed GROUP BY 2
UNION ALL
SELECT 'expired', 'too late', count(*)
FROM message WHERE {_OURS} AND state = :expired HAVING count(*) > 0
ORDER BY 3 DESC, 1, 2
"""


def _reasons(conn: Connection, campaign_id: int) -> tuple[Reason, ...]:
    rows = conn.execute(text(_REASONS), _values(campaign_id))
    return tuple(Reason(kind, reason, n) for kind, reason, n in rows.tuples())


def _timeline(conn: Connection, campaign_id: int) -> pl.DataFrame:
    firsts = " UNION ALL ".join(
        f"SELECT '{name}' AS what, date_trunc('hour', {name}_at, 'UTC') AS at, count(*) AS n"
        f" FROM message WHERE {_OURS} AND {name}_at IS NOT NULL GROUP BY 2"
        for name in TIMELINE_COLUMNS
    )
    rows = conn.execute(text(firsts), _values(campaign_id)).tuples().all()
    schema = {"what": pl.String(), "at": pl.Datetime("us", "UTC"), "n": pl.Int64()}
    long = pl.DataFrame(rows, schema=schema, orient="row")
    hours = long.select("at").unique().sort("at")
    for name in TIMELINE_COLUMNS:
        column = long.filter(pl.col("what") == name).select("at", pl.col("n").alias(name))
        hours = hours.join(column, on="at", how="left")
    return hours.with_columns(pl.col(TIMELINE_COLUMNS).fill_null(0))
