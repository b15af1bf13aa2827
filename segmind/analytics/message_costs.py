"""What messages cost: the price that each had when it was handed to its provider.

Prices are kept with the message, so that a price changed later changes nothing that was sent.
"""

from __future__ import annotations

from typing import Final

import polars as pl
from sqlalchemy import Connection, text

from segmind.analytics.period import Period

COST_COLUMNS: Final[dict[str, pl.DataType]] = {
    "source_kind": pl.Int8(),
    "source_id": pl.Int64(),
    "channel": pl.Int8(),
    "provider": pl.String(),
    "country": pl.String(),  # the customer's; null: not known
    "month": pl.Datetime("us"),  # start of the month of sending, naive local time
    "messages": pl.Int64(),
    "parts": pl.Int64(),  # SMS parts; messages of other channels count one each
    "micros": pl.Int64(),  # millionths of the workspace's currency unit
}

_COSTS: Final = text("""
    SELECT m.source_kind, m.source_id, m.channel, m.provider, c.country,
           date_trunc('month', m.sent_at AT TIME ZONE :zone) AS month,
           count(*) AS messages, sum(COALESCE(m.segments, 1)) AS parts,
           sum(COALESCE(m.cost_micros, 0))::bigint AS micros
    FROM message m
    LEFT JOIN customer_merge g ON g.from_id = m.customer_id
    LEFT JOIN customer c ON c.id = COALESCE(g.into_id, m.customer_id)
    WHERE m.sent_at >= :since AND m.sent_at < :until AND m.state = 3 AND m.purpose <> 'test'
    GROUP BY 1, 2, 3, 4, 5, 6
""")


def costs(conn: Connection, period: Period) -> pl.DataFrame:
    """COST_COLUMNS of the messages that providers took in the period, tests left out."""
    asked = {"since": period.since, "until": period.until, "zone": period.zone.key}
    rows = [tuple(row) for row in conn.execute(_COSTS, asked)]
    return pl.DataFrame(rows, schema=COST_COLUMNS, orient="row")
