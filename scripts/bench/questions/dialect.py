"""How a question is said in each SQL: the few words that differ, and the two derived tables.

A question's SQL is a template. ``$as_of`` is the moment that is asked about, ``$ago(30 days)`` so
long before it, ``$midnight(29)`` the start of the calendar day 29 days before its own (in the
workspace's zone), ``$day(ts)`` the calendar day of an instant, ``$product_viewed`` the code of a
kind of event, ``$bucket(salt)`` the random bucket of a customer. ``$sessions`` and ``$orders`` are
what a session and an order are by definition, from the raw events of the whole log:

- a session: all events of a customer with one session key; without a key, events with no gap of
  more than 30 minutes. It is at its first event, wherever in the log the others lie.
- an order: all lines of a customer with one order id, at the first of them, worth all of them.
  (Every line of the shop has an order id; the benchmark checks that before it starts.)
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from segmind.events.schema import Kind
from segmind.events.spans import start_of

_SESSIONS: Final = """(
  SELECT customer_id, min(ts) AS ts FROM event
  WHERE session_key IS NOT NULL AND ($in_shop) AND ts <= $as_of
  GROUP BY customer_id, session_key
  UNION ALL
  SELECT customer_id, ts FROM (
    SELECT customer_id, ts, lag(ts) OVER (PARTITION BY customer_id ORDER BY ts) AS one_before
    FROM event WHERE session_key IS NULL AND ($in_shop) AND ts <= $as_of
  ) AS loose WHERE one_before IS NULL OR ts > one_before + INTERVAL '30 minutes'
)"""
_ORDERS: Final = """(
  SELECT customer_id, min(ts) AS ts, sum(value) AS value FROM event
  WHERE kind = $order_completed AND ts <= $as_of
  GROUP BY customer_id, order_key
)"""
_PIECES: Final = {
    "sessions": _SESSIONS,
    "orders": _ORDERS,
    "in_shop": "kind BETWEEN 1 AND 7 OR kind >= 100",
}
_KINDS: Final = {kind.event_name: str(int(kind)) for kind in Kind}
_WORD: Final = re.compile(r"\$(\w+)(?:\(([^()]*)\))?")


@dataclass(frozen=True, slots=True)
class Dialect:
    """An engine's way to write an instant, and the calendar day of one."""

    name: str
    instant: Callable[[datetime], str]
    day: Callable[[str, ZoneInfo], str]


def _standard(at: datetime) -> str:
    return f"TIMESTAMPTZ '{at.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}+00'"


# DuckDB and PostgreSQL cast instants in the session's time zone, which is the workspace's.
DUCKDB: Final = Dialect("duckdb", _standard, lambda ts, zone: f"CAST({ts} AS DATE)")  # noqa: ARG005
POSTGRES: Final = Dialect("postgres", _standard, lambda ts, zone: f"CAST({ts} AS DATE)")  # noqa: ARG005
CLICKHOUSE: Final = Dialect(
    "clickhouse",
    lambda at: f"toDateTime64('{at.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}', 6, 'UTC')",
    lambda ts, zone: f"toDate({ts}, '{zone.key}')",
)


@dataclass(frozen=True, slots=True)
class Asked:
    """The moment a question is asked about, and whose calendar days count."""

    as_of: datetime
    zone: ZoneInfo

    def day(self, back: int) -> date:
        """The calendar day so many days before that of the moment."""
        return self.as_of.astimezone(self.zone).date() - timedelta(days=back)


def sql_of(template: str, dialect: Dialect, asked: Asked) -> str:
    """The template in the dialect, with every ``$word`` replaced."""

    def said(match: re.Match[str]) -> str:
        word, given = match.group(1), match.group(2)
        match word:
            case "as_of":
                return dialect.instant(asked.as_of)
            case "ago":
                amount, unit = given.split()
                return dialect.instant(asked.as_of - timedelta(**{unit: int(amount)}))
            case "midnight":
                return dialect.instant(start_of(asked.day(int(given)), asked.zone))
            case "day":
                return dialect.day(given, asked.zone)
            case "bucket":
                return f"bucket(customer_id, {_seed(given)})"
            case _ if word in _KINDS:
                return _KINDS[word]
        return _WORD.sub(said, _PIECES[word])

    return _WORD.sub(said, template)


def _seed(salt: str) -> int:
    """Where a salt starts SplitMix64; written again here, so that the bucket is checked too."""
    digest = hashlib.blake2b(salt.encode(), digest_size=8).digest()
    return (int.from_bytes(digest) + 0x9E37_79B9_7F4A_7C15) % 2**64


def rule_of(template: Any, asked: Asked) -> Any:
    """A rule's JSON with every ``$date(n)`` replaced by the day n days before the moment's."""
    if isinstance(template, dict):
        return {key: rule_of(value, asked) for key, value in template.items()}
    if isinstance(template, list):
        return [rule_of(value, asked) for value in template]
    if isinstance(template, str) and template.startswith("$date("):
        return asked.day(int(template[6:-1])).isoformat()
    return template
