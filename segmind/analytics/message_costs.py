"""What messages cost: the price that each had when it was handed to its provider.

Prices are kept with the message, so that a price changed later changes nothing that was sent. Of
days that are over messages are added up once (``roll``), by quarter of an hour; what was sent
since, and what of a quarter a period cuts off, is asked of the messages themselves.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import polars as pl
from sqlalchemy import Connection, text

from segmind.analytics.period import Period
from segmind.messages.under_way import IS_ACCEPTED

COST_COLUMNS: Final[dict[str, pl.DataType]] = {
    "source_kind": pl.Int8(),
    "source_id": pl.Int64(),
    "channel": pl.Int8(),
    "provider": pl.String(),  # empty: not known
    "month": pl.Datetime("us"),  # start of the month of sending, naive local time
    "messages": pl.Int64(),
    "parts": pl.Int64(),  # SMS parts; messages of other channels count one each
    "micros": pl.Int64(),  # millionths of the workspace's currency unit
}
#: A message that was in doubt counts as sent when that is settled, never in the past; so long a
#: transaction that sends may stay open.
_SETTLED: Final = timedelta(days=1)
_QUARTER: Final = timedelta(minutes=15)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

_SENT: Final = f"""
    SELECT sent_at AS at, source_kind, source_id, channel, COALESCE(provider, '') AS provider,
           1 AS messages, COALESCE(segments, 1) AS parts, COALESCE(cost_micros, 0) AS micros
    FROM message m
    WHERE sent_at >= :{{since}} AND sent_at < :{{until}} AND {IS_ACCEPTED} AND purpose <> 'test'
"""
_COSTS: Final = text(f"""
    SELECT source_kind, source_id, channel, provider,
           date_trunc('month', at AT TIME ZONE :zone) AS month, sum(messages)::bigint,
           sum(parts)::bigint, sum(micros)::bigint
    FROM (
        SELECT quarter AS at, source_kind, source_id, channel, provider, messages, parts, micros
        FROM message_cost WHERE quarter >= :low AND quarter < :high
        UNION ALL {_SENT.format(since="since", until="low")}
        UNION ALL {_SENT.format(since="high", until="until")}
    ) AS known
    GROUP BY 1, 2, 3, 4, 5
""")
_ROLL: Final = text(f"""
    INSERT INTO message_cost
    SELECT date_bin('15 minutes', at, 'epoch'), source_kind, source_id, channel, provider,
           sum(messages), sum(parts), sum(micros)
    FROM ({_SENT.format(since="since", until="until")}) AS sent
    GROUP BY 1, 2, 3, 4, 5
""")


def costs(conn: Connection, period: Period) -> pl.DataFrame:
    """COST_COLUMNS of the messages that providers took in the period, tests left out."""
    rolled = conn.execute(text("SELECT until FROM message_cost_until")).scalar_one()
    low, high = _whole_quarters(period.since, min(period.until, rolled))
    asked: dict[str, Any] = {
        "since": period.since,
        "low": low,
        "high": high,
        "until": period.until,
        "zone": period.zone.key,
    }
    rows = [tuple(row) for row in conn.execute(_COSTS, asked)]
    return pl.DataFrame(rows, schema=COST_COLUMNS, orient="row")


def roll(conn: Connection, now: datetime) -> None:
    """Add up the days (UTC) that ended a day ago and are not added up yet."""
    done = text("SELECT until FROM message_cost_until FOR UPDATE")
    since = conn.execute(done).scalar_one()
    until = (now - _SETTLED).astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if until > since:
        conn.execute(_ROLL, {"since": since, "until": until})
        conn.execute(text("UPDATE message_cost_until SET until = :until"), {"until": until})


def forget(conn: Connection) -> None:
    """Have everything added up anew: messages of the past were put in beside the dispatcher."""
    conn.execute(text("DELETE FROM message_cost"))
    conn.execute(text("UPDATE message_cost_until SET until = 'epoch'"))


def _whole_quarters(since: datetime, until: datetime) -> tuple[datetime, datetime]:
    """The whole quarters of an hour in ``[since, until)``; where there is none, twice ``since``."""
    low = _EPOCH - ((_EPOCH - since) // _QUARTER) * _QUARTER
    high = _EPOCH + ((until - _EPOCH) // _QUARTER) * _QUARTER
    return (low, high) if low < high else (since, since)
