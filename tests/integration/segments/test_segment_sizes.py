"""Sizes over time: every refresh for a week, then by the hour, and nothing is lost in the sums."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection, insert

from segmind.db.engine import Store
from segmind.segments import segment, sizes
from segmind.segments.tables import segment_size

NOW = datetime(2026, 3, 20, 12, 30, tzinfo=UTC)
OLD = datetime(2026, 3, 2, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def conn(store: Store):
    with store.engine.begin() as conn:
        yield conn


@pytest.fixture
def counted(conn: Connection) -> int:
    rule = {"type": "did", "event": "order", "n": 2}
    return segment.create(conn, "Buyers", rule, now=OLD).id


def count(conn: Connection, of: int, start: datetime, moves: list[tuple[int, int]], rule="r"):
    """One refresh a minute from ``start``: who entered, who left."""
    size, rows = 100, []
    for n, (entered, left) in enumerate(moves):
        size += entered - left
        row = {"segment_id": of, "as_of": start + n * MINUTE, "size": size, "rule_hash": rule}
        rows.append(row | {"entered": entered, "left": left})
    conn.execute(insert(segment_size), rows)


def told(found: list[sizes.Size]) -> list[tuple[datetime, int, int, int]]:
    return [(s.as_of, s.size, s.entered, s.left) for s in found]


def test_an_old_hour_keeps_its_last_size_and_all_who_came_and_went(conn: Connection, counted: int):
    count(conn, counted, OLD, [(5, 0), (0, 2), (1, 1)])
    assert sizes.thin(conn, NOW) == 2
    assert told(sizes.history(conn, counted)) == [(OLD + 2 * MINUTE, 103, 6, 3)]


def test_thinning_again_changes_nothing(conn: Connection, counted: int):
    count(conn, counted, OLD, [(5, 0), (0, 2), (1, 1)])
    sizes.thin(conn, NOW)
    before = told(sizes.history(conn, counted))
    assert sizes.thin(conn, NOW) == 0
    assert told(sizes.history(conn, counted)) == before


def test_the_last_eight_days_keep_every_refresh(conn: Connection, counted: int):
    edge = (NOW - sizes.EVERY_REFRESH).replace(minute=0)
    count(conn, counted, edge - 2 * MINUTE, [(1, 0)] * 5)
    assert sizes.thin(conn, NOW) == 1
    assert [s.as_of for s in sizes.history(conn, counted)] == [
        edge + n * MINUTE for n in (-1, 0, 1, 2)
    ]


def test_a_rule_changed_within_an_hour_keeps_a_row_of_each(conn: Connection, counted: int):
    count(conn, counted, OLD, [(5, 0), (1, 0)], rule="first")
    count(conn, counted, OLD + 2 * MINUTE, [(0, 0), (0, 7)], rule="second")
    assert sizes.thin(conn, NOW) == 2
    assert told(sizes.history(conn, counted)) == [
        (OLD + MINUTE, 106, 6, 0),
        (OLD + 3 * MINUTE, 93, 0, 7),
    ]


def test_thinned_or_not_the_hours_say_the_same(conn: Connection, counted: int):
    count(conn, counted, OLD + 50 * MINUTE, [(n % 4, n % 3) for n in range(150)])
    by_hour = told(sizes.hourly(conn, counted, OLD))
    sizes.thin(conn, NOW)
    assert told(sizes.hourly(conn, counted, OLD)) == by_hour
    assert told(sizes.history(conn, counted)) == by_hour
    assert [at.minute for at, *_ in by_hour] == [59, 59, 59, 19]


def test_the_first_size_of_a_period_is_the_first_at_or_after_its_start(
    conn: Connection, counted: int
):
    count(conn, counted, OLD, [(5, 0), (0, 2)])
    assert (
        sizes.first(conn, counted, OLD + timedelta(seconds=30)) == sizes.history(conn, counted)[1]
    )
    assert sizes.first(conn, counted, OLD + 2 * MINUTE) is None
