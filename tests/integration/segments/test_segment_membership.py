"""Refreshing segments on a real store: sizes, members, who entered and left."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import DataError

from segmind.customers.facts import read_facts
from segmind.db.engine import Store
from segmind.errors import NotFound
from segmind.events import files, ingest
from segmind.events.ingest import NewEvent
from segmind.segments import history, member_files, membership, segment, sizes
from segmind.segments.compile import Compiled
from segmind.segments.matched import Matched
from segmind.segments.member_files import MembersMissing, NotRefreshed
from segmind.segments.rule import parse

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
VIEWED_TWICE = {
    "type": "did",
    "event": "product_viewed",
    "n": 2,
    "window": {"type": "last", "amount": 1, "unit": "hours"},
}


def add_customers(conn: Connection, n: int) -> list[int]:
    rows = conn.execute(
        text(
            "INSERT INTO customer (email, email_consent) "
            "SELECT 'c' || g || '@shop.example', CASE WHEN g % 2 = 0 THEN 1 END "
            "FROM generate_series(1, :n) g RETURNING id"
        ),
        {"n": n},
    )
    return list(rows.scalars())


def view(conn: Connection, customer: int, ts: datetime, times: int = 1) -> None:
    events = [
        NewEvent(f"{customer}:{ts}:{n}", "product_viewed", ts, customer) for n in range(times)
    ]
    ingest.append(conn, events, received_at=NOW)


def moves(store: Store) -> list[tuple[int, int, int]]:
    """(kind, customer, segment) of the membership events."""
    rows = read_facts(store).log.events(kinds=[20, 21]).collect()
    assert set(rows["source_kind"].to_list()) <= {4}
    return sorted(rows.select("kind", "customer_id", "source_id").rows())


@pytest.fixture
def shop(store: Store) -> tuple[Store, list[int], int]:
    """Four customers, the first two of whom viewed twice; and the segment of such."""
    with store.engine.begin() as conn:
        people = add_customers(conn, 4)
        view(conn, people[0], NOW - 10 * MINUTE, times=2)
        view(conn, people[1], NOW - 50 * MINUTE, times=2)
        made = segment.create(conn, "Viewers", VIEWED_TWICE, now=NOW)
    return store, people, made.id


def test_the_first_refresh_is_a_baseline_that_moves_nobody(shop) -> None:
    store, people, viewers = shop
    report = membership.refresh_all(store, NOW)
    assert [(r.segment_id, r.size, r.is_baseline) for r in report.refreshed] == [(viewers, 2, True)]
    assert membership.members(store, viewers).to_list() == people[:2]
    assert moves(store) == []


def test_who_entered_and_who_left_become_events_once(shop) -> None:
    store, people, viewers = shop
    membership.refresh_all(store, NOW)
    with store.engine.begin() as conn:
        view(conn, people[2], NOW + 5 * MINUTE, times=2)
    later = NOW + 20 * MINUTE  # the second customer's views are older than an hour by then
    report = membership.refresh_all(store, later)
    assert [(r.size, r.entered, r.left) for r in report.refreshed] == [(2, 1, 1)]
    expected = [(20, people[2], viewers), (21, people[1], viewers)]
    assert moves(store) == expected
    membership.refresh_all(store, later)
    membership.refresh_all(store, later)
    assert moves(store) == expected
    with store.engine.connect() as conn:
        history = sizes.history(conn, viewers)
    assert [(s.as_of, s.size, s.entered, s.left) for s in history] == [
        (NOW, 2, 0, 0),
        (later, 2, 1, 1),
    ]


def test_members_who_all_stay_keep_their_file(shop) -> None:
    store, people, viewers = shop
    membership.refresh_all(store, NOW)
    with store.engine.connect() as conn:
        first = member_files.find(conn, store.lake, viewers)
    membership.refresh_all(store, NOW + MINUTE)
    assert membership.members(store, viewers).to_list() == people[:2]
    with store.engine.begin() as conn:
        assert member_files.find(conn, store.lake, viewers) == first
        view(conn, people[2], NOW + 2 * MINUTE, times=2)
    membership.refresh_all(store, NOW + 2 * MINUTE)
    assert membership.members(store, viewers).to_list() == people[:3]
    with store.engine.connect() as conn:
        assert [s.as_of for s in sizes.history(conn, viewers)] == [
            NOW,
            NOW + MINUTE,
            NOW + 2 * MINUTE,
        ]


def test_a_runner_that_comes_late_changes_nothing(shop) -> None:
    store, _, viewers = shop
    membership.refresh_all(store, NOW)
    report = membership.refresh_all(store, NOW - MINUTE)
    assert report.skipped == (viewers,)
    assert report.refreshed == ()


def test_a_clock_set_back_begins_a_new_history(shop) -> None:
    store, people, viewers = shop
    membership.refresh_all(store, NOW)
    past = NOW - timedelta(days=300)
    membership.refresh_all(store, past)
    assert membership.members(store, viewers).to_list() == []
    with store.engine.connect() as conn:
        assert [s.as_of for s in sizes.history(conn, viewers)] == [past]
        assert segment.get(conn, viewers).size.size == 0
    assert moves(store) == []
    assert people


def test_while_the_clock_stands_still_new_facts_are_seen(shop) -> None:
    store, people, viewers = shop
    membership.refresh_all(store, NOW)
    with store.engine.begin() as conn:
        view(conn, people[3], NOW - 2 * MINUTE, times=2)
    membership.refresh_all(store, NOW)
    assert membership.members(store, viewers).to_list() == [people[0], people[1], people[3]]
    assert moves(store) == [(20, people[3], viewers)]


def test_a_changed_rule_is_a_new_baseline(shop) -> None:
    store, people, viewers = shop
    membership.refresh_all(store, NOW)
    with store.engine.begin() as conn:
        segment.update(conn, viewers, rule={"type": "all", "conditions": []}, now=NOW)
    membership.ensure(store, viewers, NOW)
    assert membership.members(store, viewers).to_list() == people
    assert moves(store) == []
    with store.engine.connect() as conn:
        (only,) = sizes.history(conn, viewers)
    assert only.rule_hash == parse({"type": "all", "conditions": []}).hash
    assert only.reach == {"email": 2, "sms": 0, "push": 0}


def test_a_merged_customer_neither_enters_nor_leaves(shop) -> None:
    store, people, viewers = shop
    membership.refresh_all(store, NOW)
    with store.engine.begin() as conn:
        conn.execute(
            text("INSERT INTO customer_merge (from_id, into_id) VALUES (:a, :b)"),
            {"a": people[0], "b": people[3]},
        )
    membership.refresh_all(store, NOW + MINUTE)
    assert membership.members(store, viewers).to_list() == [people[1], people[3]]
    assert moves(store) == []


def test_nothing_is_written_about_the_erased(shop) -> None:
    store, people, viewers = shop
    membership.refresh_all(store, NOW)
    with store.engine.begin() as conn:
        conn.execute(
            text("UPDATE customer SET erased_at = now() WHERE id = :id"), {"id": people[0]}
        )
    report = membership.refresh_all(store, NOW + MINUTE)
    assert [(r.size, r.left) for r in report.refreshed] == [(1, 1)]
    assert moves(store) == []
    assert viewers


def test_a_lost_file_of_members_is_written_anew_as_a_baseline(shop) -> None:
    store, people, viewers = shop
    membership.refresh_all(store, NOW)
    for path in (store.lake / "member").rglob("*.parquet"):
        path.unlink()
    with pytest.raises(MembersMissing):
        membership.members(store, viewers)
    report = membership.refresh_all(store, NOW + MINUTE)
    assert report.refreshed[0].is_baseline
    assert membership.members(store, viewers).to_list() == people[:2]


def test_a_segment_that_cannot_be_recorded_leaves_the_others_right(
    shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, people, viewers = shop
    with store.engine.begin() as conn:
        broken = segment.create(conn, "Broken", {"type": "all", "conditions": []}, now=NOW).id
    keep = history.keep

    def keep_others(conn: Connection, lake: Path, one: segment.Segment, *rest: Any) -> bool:
        if one.id == broken:
            conn.execute(text("SELECT 1 / 0"))
        return keep(conn, lake, one, *rest)

    monkeypatch.setattr(history, "keep", keep_others)
    with pytest.raises(DataError, match="division by zero"):
        membership.refresh_all(store, NOW)
    assert membership.members(store, viewers).to_list() == people[:2]
    with pytest.raises(NotRefreshed):
        membership.members(store, broken)
    monkeypatch.undo()
    report = membership.refresh_all(store, NOW + MINUTE)
    assert {(r.segment_id, r.size) for r in report.refreshed} == {(viewers, 2), (broken, 4)}


def test_a_segment_whose_members_cannot_be_found_leaves_the_others_right(
    shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, people, viewers = shop
    with store.engine.begin() as conn:
        rule = {"type": "did", "event": "order", "window": {"type": "ever"}}
        segment.create(conn, "Buyers", rule, now=NOW)
    monkeypatch.setattr(Compiled, "matched", _only_views(Compiled.matched))
    with pytest.raises(OSError, match="disk"):
        membership.refresh_all(store, NOW)
    assert membership.members(store, viewers).to_list() == people[:2]


def _only_views(matched: Callable[..., Matched]) -> Callable[..., Matched]:
    def found(one: Compiled, *answers: Any) -> Matched:
        if "order" in one.rule.as_json().values():
            raise OSError("The disk is gone.")
        return matched(one, *answers)

    return found


def test_two_runners_at_once_record_every_move_once(shop) -> None:
    store, people, viewers = shop
    with store.engine.begin() as conn:
        segment.create(conn, "All", {"type": "all", "conditions": []}, now=NOW)
    membership.refresh_all(store, NOW)
    with store.engine.begin() as conn:
        view(conn, people[2], NOW + MINUTE, times=2)
    moments = [NOW + (2 + n) * MINUTE for n in range(4)]
    with ThreadPoolExecutor(4) as runners:
        list(runners.map(partial(membership.refresh_all, store), moments))
    assert moves(store) == [(20, people[2], viewers)]
    assert membership.members(store, viewers).to_list() == people[:3]
    with store.engine.connect() as conn:
        assert sum(s.entered for s in sizes.history(conn, viewers)) == 1


def test_members_in_a_file_of_an_earlier_version_are_read_and_compared(shop) -> None:
    store, people, viewers = shop
    membership.refresh_all(store, NOW)
    written = files.write(
        store.lake, files.new_path("member", None), pl.DataFrame({"customer_id": people[:2]})
    )
    with store.engine.begin() as conn:
        before = member_files.find_all(conn, store.lake, [viewers]).values()
        member_files.replace(conn, {viewers: written}, before, NOW, "of then")
        view(conn, people[3], NOW + MINUTE, times=2)
    assert membership.members(store, viewers).to_list() == people[:2]
    report = membership.refresh_all(store, NOW + 2 * MINUTE)
    assert [(r.size, r.entered, r.left) for r in report.refreshed] == [(3, 1, 0)]
    assert moves(store) == [(20, people[3], viewers)]


def test_pages_cover_all_members_once(shop) -> None:
    store, people, _ = shop
    with store.engine.begin() as conn:
        everybody = segment.create(conn, "All", {"type": "all", "conditions": []}, now=NOW).id
    membership.ensure(store, everybody, NOW)
    seen: list[int] = []
    after: int | None = 0
    while after is not None:
        page = membership.page(store, everybody, after, limit=3)
        assert page.total == 4
        seen += page.customer_ids
        after = page.next_after
    assert seen == people


def test_membership_can_be_asked_for_a_past_moment(shop) -> None:
    store, people, viewers = shop
    assert membership.members(store, viewers, NOW - 20 * MINUTE).to_list() == [people[1]]
    with pytest.raises(NotRefreshed):
        membership.members(store, viewers)
    with pytest.raises(NotFound):
        membership.members(store, 999, NOW)


def test_a_segment_that_cannot_be_asked_stops_no_other(shop) -> None:
    store, _, viewers = shop
    with store.engine.begin() as conn:
        broken = segment.create(conn, "Broken", {"type": "all", "conditions": []}, now=NOW).id
        conn.execute(
            text("UPDATE segment SET rule = CAST(:rule AS jsonb) WHERE id = :id"),
            {"rule": '{"type": "did", "event": "never heard of"}', "id": broken},
        )
    report = membership.refresh_all(store, NOW)
    assert list(report.failed) == [broken]
    assert [r.segment_id for r in report.refreshed] == [viewers]
