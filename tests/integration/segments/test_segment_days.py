"""Membership by day on a real store: kept at the day's first refresh, filled, healed, pruned."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
from sqlalchemy import Connection, text

from segmind.customers.facts import read_facts
from segmind.db.engine import Store
from segmind.events import ingest
from segmind.events.ingest import NewEvent
from segmind.segments import day_files, history, membership, segment
from segmind.segments.history import DayDamaged, NotKept
from segmind.segments.rule import parse
from segmind.workspace import product_settings

NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)
DAY = timedelta(days=1)
VIEWED_LATELY = {
    "type": "did",
    "event": "product_viewed",
    "n": 1,
    "window": {"type": "last", "amount": 3, "unit": "days"},
}


def add_customers(conn: Connection, n: int) -> list[int]:
    rows = conn.execute(
        text(
            "INSERT INTO customer (email) "
            "SELECT 'c' || g FROM generate_series(1, :n) g RETURNING id"
        ),
        {"n": n},
    )
    return list(rows.scalars())


def view(conn: Connection, customer: int, ts: datetime) -> None:
    ingest.append(conn, [NewEvent(f"{customer}:{ts}", "product_viewed", ts, customer)], ts)


@pytest.fixture
def shop(store: Store) -> tuple[Store, list[int], int]:
    """Customer n viewed a product n + 1/2 days before NOW, for n from 0 to 11."""
    with store.engine.begin() as conn:
        people = add_customers(conn, 12)
        for n, customer in enumerate(people):
            view(conn, customer, NOW - n * DAY - DAY / 2)
        made = segment.create(conn, "Lately", VIEWED_LATELY, now=NOW)
    return store, people, made.id


def kept(store: Store, segment_id: int) -> list[day_files.DayFile]:
    with store.engine.connect() as conn:
        return history.days(conn, segment_id)


def test_the_first_refresh_of_a_day_keeps_its_members_and_the_second_keeps_nothing(shop) -> None:
    store, people, lately = shop
    membership.refresh_all(store, NOW)
    with store.engine.begin() as conn:
        view(conn, people[9], NOW + timedelta(minutes=1))
    membership.refresh_all(store, NOW + timedelta(minutes=5))
    (only,) = kept(store, lately)
    assert (only.day, only.size, only.as_of, only.origin) == (NOW.date(), 3, NOW, "refresh")
    assert history.members_on(store, lately, NOW.date()).to_list() == people[:3]
    assert membership.members(store, lately).len() == 4


def test_days_follow_the_workspaces_zone(shop) -> None:
    store, _, lately = shop
    with store.engine.begin() as conn:
        product_settings.save(conn, {"timezone": "Asia/Tokyo"}, "test", NOW)
    membership.refresh_all(store, datetime(2026, 3, 20, 16, tzinfo=UTC))
    assert [each.day for each in kept(store, lately)] == [date(2026, 3, 21)]


def test_every_kept_day_reads_back_what_the_refresh_found(shop) -> None:
    store, _, lately = shop
    found = {}
    for n in range(12):
        at = NOW + n * DAY
        membership.refresh_all(store, at)
        found[at.date()] = membership.members(store, lately).to_list()
    assert {each.day: each.size for each in kept(store, lately)} == {
        day: len(members) for day, members in found.items()
    }
    for day, members in found.items():
        assert history.members_on(store, lately, day).to_list() == members
    span = history.members_on_days(store, lately, NOW.date() + 2 * DAY, NOW.date() + 4 * DAY)
    assert {day: ids.to_list() for day, ids in span.items()} == {
        day: found[day] for day in sorted(found)[2:5]
    }


def test_missing_days_are_filled_with_what_the_rule_matched_then(shop) -> None:
    store, people, lately = shop
    membership.refresh_all(store, NOW)
    report = history.fill(store, NOW, back=9 * DAY)
    assert (report.days, report.left, report.failed) == (9, 0, {})
    for n in range(1, 10):
        day = (NOW - n * DAY).date()
        at = datetime(day.year, day.month, day.day, tzinfo=UTC)
        assert (
            history.members_on(store, lately, day).to_list()
            == membership.members(store, lately, at).to_list()
        )
    assert people[4] in history.members_on(store, lately, (NOW - 3 * DAY).date()).to_list()
    assert {each.origin for each in kept(store, lately)[:-1]} == {"filled"}
    assert history.fill(store, NOW, back=9 * DAY) == history.Filled(0, 0, 0, {})


def test_filling_takes_the_newest_days_first_and_says_how_many_are_left(shop) -> None:
    store, _, lately = shop
    membership.refresh_all(store, NOW)
    report = history.fill(store, NOW, back=9 * DAY, most_days=4, as_job=True)
    assert (report.days, report.left) == (4, 5)
    newest = [(NOW - n * DAY).date() for n in (4, 3, 2, 1, 0)]
    assert [each.day for each in kept(store, lately)] == newest
    with store.engine.connect() as conn:
        job = conn.execute(text("SELECT kind, state, done FROM job")).one()
    assert tuple(job) == (history.JOB, "done", 4)


def test_a_changed_rule_begins_a_new_line_and_leaves_the_old_one(shop) -> None:
    store, people, lately = shop
    membership.refresh_all(store, NOW - 2 * DAY)
    with store.engine.begin() as conn:
        wider = {**VIEWED_LATELY, "window": {"type": "last", "amount": 6, "unit": "days"}}
        segment.update(conn, lately, rule=wider, now=NOW)
    membership.refresh_all(store, NOW)
    history.fill(store, NOW)
    old, *new = kept(store, lately)
    assert old.day == (NOW - 2 * DAY).date()
    assert old.rule_hash == parse(VIEWED_LATELY).hash
    assert [each.day for each in new] == [(NOW - DAY).date(), NOW.date()]
    assert {each.rule_hash for each in new} == {parse(wider).hash}
    assert history.members_on(store, lately, old.day).to_list() == people[2:5]
    assert history.members_on(store, lately, NOW.date()).to_list() == people[:6]


def test_a_rule_changed_on_the_same_day_replaces_the_day(shop) -> None:
    store, people, lately = shop
    membership.refresh_all(store, NOW)
    with store.engine.begin() as conn:
        wider = {**VIEWED_LATELY, "window": {"type": "last", "amount": 6, "unit": "days"}}
        segment.update(conn, lately, rule=wider, now=NOW)
    membership.refresh_all(store, NOW + timedelta(minutes=1))
    assert len(kept(store, lately)) == 1
    assert history.members_on(store, lately, NOW.date()).to_list() == people[:6]


def test_a_clock_set_back_drops_the_days_that_have_not_come_yet(shop) -> None:
    store, _, lately = shop
    membership.refresh_all(store, NOW)
    membership.refresh_all(store, NOW + DAY)
    membership.refresh_all(store, NOW - 3 * DAY)
    assert [each.day for each in kept(store, lately)] == [(NOW - 3 * DAY).date()]


def test_a_merged_customer_counts_under_the_id_that_remained(shop) -> None:
    store, people, lately = shop
    membership.refresh_all(store, NOW)
    with store.engine.begin() as conn:
        conn.execute(
            text("INSERT INTO customer_merge (from_id, into_id) VALUES (:a, :b)"),
            {"a": people[0], "b": people[11]},
        )
        conn.execute(text("UPDATE customer SET city = 'x' WHERE id = :a"), {"a": people[0]})
    expected = [people[1], people[2], people[11]]
    assert history.members_on(store, lately, NOW.date()).to_list() == expected


def test_a_damaged_day_is_named_and_filling_writes_it_anew(shop) -> None:
    store, _, lately = shop
    membership.refresh_all(store, NOW)
    history.fill(store, NOW, back=4 * DAY)
    first, *_ = kept(store, lately)
    day = first.day
    was = history.members_on(store, lately, day).to_list()
    (store.lake / first.path).write_bytes(b"not a file")
    with pytest.raises(DayDamaged, match=first.path):
        history.members_on(store, lately, day)
    report = history.fill(store, NOW, back=4 * DAY)
    assert report.days >= 1
    assert history.members_on(store, lately, day).to_list() == was


def test_a_day_that_was_not_kept_is_said_to_be_so(shop) -> None:
    store, _, lately = shop
    with pytest.raises(NotKept):
        history.members_on(store, lately, NOW.date())


def test_a_segment_whose_rule_cannot_be_asked_does_not_stop_the_others(shop) -> None:
    store, _, lately = shop
    with store.engine.begin() as conn:
        broken = segment.create(conn, "Broken", VIEWED_LATELY, now=NOW)
        conn.execute(
            text(
                "UPDATE segment SET rule = jsonb_set(rule, '{event}', '\"nobody did\"') "
                "WHERE id = :id"
            ),
            {"id": broken.id},
        )
    report = history.fill(store, NOW, back=2 * DAY)
    assert report.days == 2
    assert set(report.failed) == {broken.id}
    assert len(kept(store, lately)) == 2


def test_old_days_go_but_not_those_that_younger_ones_are_written_against(shop) -> None:
    store, _, lately = shop
    for n in range(10):
        membership.refresh_all(store, NOW + n * DAY)
    now = NOW + 9 * DAY
    oldest = (now - 4 * DAY).date()
    before = {
        d.day: history.members_on(store, lately, d.day).to_list() for d in kept(store, lately)
    }
    removed = history.prune(store, now, kept=4 * DAY)
    days = kept(store, lately)
    assert removed == 10 - len(days)
    assert {d.day for d in days} >= {day for day in before if day >= oldest}
    for day in (d.day for d in days):
        assert history.members_on(store, lately, day).to_list() == before[day]
    history.prune(store, now + 30 * DAY, kept=4 * DAY)
    assert kept(store, lately) == []


def test_a_whole_file_takes_at_most_two_bytes_a_member(shop) -> None:
    store, _, lately = shop
    chance = random.Random(3)
    members = pl.Series(sorted(chance.sample(range(1, 400_000), 100_000)), dtype=pl.Int64)
    with store.engine.begin() as conn:
        found = segment.get(conn, lately)
        history.keep(conn, store.lake, found, members, NOW, read_facts(store).zone)
        moved = members.filter(members % 100 != 1)
        history.keep(conn, store.lake, found, moved, NOW + DAY, read_facts(store).zone)
    whole, changed = kept(store, lately)
    assert whole.bytes < 2 * members.len()
    assert changed.bytes < whole.bytes / 4
    assert history.members_on(store, lately, changed.day).equals(moved)
