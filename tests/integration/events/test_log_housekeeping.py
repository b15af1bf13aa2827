"""Sealing, bulk appends, compaction, damage and sweeping, one claim at a time."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from sqlalchemy import func, select, text, update

from segmind.db.engine import Store
from segmind.db.locks import lock
from segmind.errors import InvalidInput
from segmind.events import (
    bulk,
    catalogue,
    compact,
    files,
    ingest,
    keys,
    log,
    maintenance,
    quality,
    rollup,
    seal,
    sweep,
)
from segmind.events.bulk import LogDamaged
from segmind.events.ingest import NewEvent
from segmind.events.log import LogSnapshot
from segmind.events.schema import Kind
from segmind.events.swap import SEAL_LOCK
from segmind.events.tables import event_file_retired, event_recent, event_seen
from tests.conftest import NOW

ZONE = ZoneInfo("UTC")
DAY = timedelta(days=1)


def snapshot(store: Store) -> LogSnapshot:
    engine = store.engine.execution_options(isolation_level="REPEATABLE READ")
    with engine.begin() as conn:
        return log.read(conn, store, ZONE)


def append(store: Store, numbers: range, ts: datetime = NOW, **values: object) -> None:
    with store.engine.begin() as conn:
        events = [
            NewEvent(f"e{n}", "product_viewed", ts, customer_id=n % 7, **values)  # type: ignore[arg-type]
            for n in numbers
        ]
        ingest.append(conn, events, NOW)


def frame(numbers: range, ts: datetime = NOW) -> pl.DataFrame:
    hi, lo = keys.event_ids(pl.Series([f"b{n}" for n in numbers]))
    return pl.DataFrame({"event_hi": hi, "event_lo": lo}).with_columns(
        ts=pl.lit(ts), customer_id=pl.int_range(pl.len()) % 7, kind=pl.lit(1)
    )


def ids(log: LogSnapshot) -> list[tuple[int, int]]:
    return sorted(log.events(columns=["event_hi", "event_lo"]).collect().rows())


def test_sealing_moves_rows_into_a_file_per_day_and_changes_no_answer(store: Store) -> None:
    append(store, range(5))
    append(store, range(5, 8), NOW - DAY)
    before = snapshot(store)
    assert seal.seal(store) == seal.Sealed(rows=8, files=2)
    after = snapshot(store)
    assert ids(after) == ids(before)
    assert after.rows.recent.is_empty()
    assert {f.path.parent.name for f in after.rows.files} == {"day=2026-03-01", "day=2026-03-02"}
    assert ids(before) == ids(after), "an older snapshot still answers"


def test_a_repeat_is_known_after_sealing(store: Store) -> None:
    append(store, range(3))
    seal.seal(store)
    append(store, range(4))
    assert snapshot(store).rows.recent.height == 1


def test_repeats_among_many_ids_are_told_and_the_others_stored(store: Store) -> None:
    append(store, range(150))
    with store.engine.begin() as conn:
        given = [NewEvent(f"e{n}", "product_viewed", NOW, n) for n in range(140, 300)]
        assert ingest.append(conn, given, NOW) == ingest.Appended(accepted=150, repeated=10)
    seal.seal(store)
    append(store, range(300))
    assert len(ids(snapshot(store))) == 300
    assert snapshot(store).rows.recent.is_empty()


def test_two_who_bring_the_same_many_ids_at_once_store_each_once(store: Store) -> None:
    given = [NewEvent(f"e{n}", "product_viewed", NOW, n) for n in range(200)]

    def bring(_: int) -> int:
        with store.engine.begin() as conn:
            return ingest.append(conn, given, NOW).accepted

    with store.engine.connect() as first, ThreadPoolExecutor(2) as pool:
        assert ingest.append(first, given[:150], NOW).accepted == 150
        others = [pool.submit(bring, n) for n in range(2)]
        waiting = text(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        deadline = time.monotonic() + 10
        with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as watching:
            while watching.execute(waiting).scalar_one() < 2:
                assert time.monotonic() < deadline
                time.sleep(0.01)
        first.rollback()  # whoever waited for it goes on
        assert sum(other.result(10) for other in others) == 200
    assert len(ids(snapshot(store))) == 200


def test_rows_committed_while_sealing_stay_recent(store: Store) -> None:
    append(store, range(3))
    with store.engine.connect() as slow:
        # An open transaction holds the next numbers of the sequence, and commits after the seal.
        ingest.append(slow, [NewEvent("slow", "product_viewed", NOW, 1)], NOW)
        append(store, range(3, 6))
        seal.seal(store)
        slow.commit()
    seen = snapshot(store)
    assert len(ids(seen)) == 7
    assert seen.rows.recent.height == 1
    seal.seal(store)
    assert len(ids(snapshot(store))) == 7


def test_one_sealer_runs_at_a_time(store: Store) -> None:
    append(store, range(3))
    with store.engine.begin() as conn:
        lock(conn, SEAL_LOCK)
        assert seal.seal(store).rows == 0
    assert seal.seal(store).rows == 3


def test_sealing_is_due_by_count_and_by_age(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    append(store, range(3))
    with store.engine.connect() as conn:
        assert not seal.is_due(conn, NOW)
        assert seal.is_due(conn, NOW + seal.SEAL_AT_AGE)
        monkeypatch.setattr(seal, "SEAL_AT_ROWS", 3)
        assert seal.is_due(conn, NOW)


def test_a_bulk_append_counts_each_id_once(store: Store) -> None:
    batches = [frame(range(50)), frame(range(40, 80)), frame(range(80), NOW)]
    assert bulk.append_bulk(store, batches, NOW) == bulk.Bulk(accepted=80, repeated=90)
    assert bulk.append_bulk(store, batches, NOW) == bulk.Bulk(accepted=0, repeated=170)
    assert len(ids(snapshot(store))) == 80


def test_a_bulk_append_knows_what_came_in_live(store: Store) -> None:
    append(store, range(4))
    seal.seal(store)
    append(store, range(4, 6))
    hi, lo = keys.event_ids(pl.Series([f"e{n}" for n in range(8)]))
    again = frame(range(8)).with_columns(event_hi=hi, event_lo=lo)
    assert bulk.append_bulk(store, again, NOW).accepted == 2


def test_a_bulk_append_that_fails_half_way_leaves_nothing(store: Store) -> None:
    bad = frame(range(9)).with_columns(customer_id=pl.lit(None, pl.Int64))
    with pytest.raises(InvalidInput, match="customer_id"):
        bulk.append_bulk(store, [frame(range(5)), bad], NOW)
    assert ids(snapshot(store)) == []
    assert sweep.sweep_orphans(store, timedelta(0)) == 1


def test_a_missing_file_is_named_and_the_rest_answers(store: Store) -> None:
    bulk.append_bulk(store, frame(range(5)), NOW)
    bulk.append_bulk(store, frame(range(5, 9), NOW - DAY), NOW)
    rollup.roll(store, ZONE, NOW + DAY)
    whole = snapshot(store)
    lost = whole.rows.files[0]
    hidden = lost.path.with_suffix(".away")
    lost.path.rename(hidden)
    part = snapshot(store)
    assert part.version != whole.version
    assert part.incomplete == (f"{lost.path.relative_to(store.lake)} is missing",)
    assert part.totals([Kind.PRODUCT_VIEWED]).collect()["n"].sum() == 5
    assert rollup.roll(store, ZONE, NOW + DAY) == rollup.RolledUp(0, 0)
    with pytest.raises(LogDamaged):
        bulk.append_bulk(store, frame(range(3), NOW - DAY), NOW)
    hidden.rename(lost.path)
    assert snapshot(store).totals([Kind.PRODUCT_VIEWED]).collect()["n"].sum() == 9


def test_a_damaged_file_is_found_by_its_bytes(store: Store) -> None:
    bulk.append_bulk(store, frame(range(50)), NOW)
    path = snapshot(store).rows.files[0].path
    content = bytearray(path.read_bytes())
    content[100] ^= 1
    path.write_bytes(content)
    damaged = snapshot(store)
    assert damaged.incomplete == (f"{path.relative_to(store.lake)} is damaged",)
    assert damaged.events().collect().is_empty()
    with store.engine.connect() as conn:
        (fault,) = quality.faults(conn, store, thorough=True)
    assert (fault.fault, fault.rows) == ("damaged", 50)


def test_a_damaged_rollup_is_not_used_and_made_again(store: Store) -> None:
    bulk.append_bulk(store, frame(range(50), NOW - DAY), NOW)
    assert rollup.roll(store, ZONE, NOW) == rollup.RolledUp(made=1, corrected=0)
    (path,) = snapshot(store).rolled.days.values()
    path.rollup.unlink()
    seen = snapshot(store)
    assert not seen.rolled.days
    assert seen.incomplete == ()
    assert seen.totals([Kind.PRODUCT_VIEWED]).collect()["n"].sum() == 50
    assert rollup.roll(store, ZONE, NOW).made == 1


def test_a_rollup_without_its_list_of_orders_is_made_again(store: Store) -> None:
    sold = frame(range(50), NOW - DAY).with_columns(kind=pl.lit(5), value=pl.lit(100))
    bulk.append_bulk(store, sold, NOW)
    assert rollup.roll(store, ZONE, NOW).made == 1
    with store.engine.begin() as conn:  # as it was before there were such lists
        conn.execute(text("UPDATE event_file SET detail = detail - 'orders' WHERE day IS NOT NULL"))
        conn.execute(text("DELETE FROM event_file WHERE kind = 'order_start'"))
        conn.execute(text("UPDATE event_file SET id = id + 1000 WHERE kind = 'customer_day'"))
    assert not snapshot(store).rolled.days
    assert rollup.roll(store, ZONE, NOW) == rollup.RolledUp(made=1, corrected=0)
    seen = snapshot(store)
    listed = seen.rolled.order_starts(list(seen.rolled.days)).collect()
    assert (listed.height, listed["value"].sum()) == (50, 5_000)


def test_a_late_event_corrects_its_day_and_compaction_does_not(store: Store) -> None:
    for start in range(0, 12, 2):
        bulk.append_bulk(store, frame(range(start, start + 2), NOW - 2 * DAY), NOW)
    bulk.append_bulk(store, frame(range(20, 25), NOW - DAY), NOW)
    assert rollup.roll(store, ZONE, NOW).made == 2
    assert compact.compact(store, NOW) == compact.Compacted(replaced=6, made=1)
    assert rollup.roll(store, ZONE, NOW) == rollup.RolledUp(0, 0)
    assert not snapshot(store).rolled.unseen
    append(store, range(100, 101), NOW - 2 * DAY)
    assert snapshot(store).rolled.unseen
    seal.seal(store)
    assert rollup.roll(store, ZONE, NOW) == rollup.RolledUp(made=0, corrected=1)
    assert rollup.roll(store, ZONE, NOW) == rollup.RolledUp(0, 0)


def test_rollups_of_another_zone_are_not_used(store: Store) -> None:
    bulk.append_bulk(store, frame(range(5), NOW - DAY), NOW)
    rollup.roll(store, ZoneInfo("Asia/Tokyo"), NOW)
    assert not snapshot(store).rolled.days
    assert rollup.roll(store, ZONE, NOW).made == 1
    assert list(snapshot(store).rolled.days) == [(NOW - DAY).date()]


def test_replaced_files_stay_for_a_while_and_orphans_go(store: Store) -> None:
    for start in range(0, 12, 2):
        bulk.append_bulk(store, frame(range(start, start + 2), NOW - DAY), NOW)
    old = snapshot(store)
    compact.compact(store, NOW)
    assert sweep.remove_retired(store) == 0
    assert len(ids(old)) == 12
    with store.engine.begin() as conn:
        past = func.now() - timedelta(hours=1)
        conn.execute(update(event_file_retired).values(retired_at=past))
    assert sweep.remove_retired(store) == 6
    orphan = files.write(store.lake, files.new_path("event", NOW.date()), frame(range(1)))
    (store.lake / "event" / "notes.txt").write_text("not ours")
    assert sweep.sweep_orphans(store) == 0, "it may still be in the making"
    assert sweep.sweep_orphans(store, timedelta(0)) == 1
    assert not (store.lake / orphan.path).exists()
    assert len(ids(snapshot(store))) == 12


def test_ids_are_forgotten_after_eight_days(store: Store) -> None:
    append(store, range(3))
    with store.engine.begin() as conn:
        past = func.now() - text("interval '8 days 1 minute'")
        conn.execute(
            update(event_seen)
            .where(event_seen.c.event_id == keys.event_id("e1"))
            .values(seen_at=past)
        )
    assert sweep.prune_seen(store) == 1
    append(store, range(3))
    with store.engine.connect() as conn:
        assert conn.execute(select(func.count()).select_from(event_recent)).scalar() == 4


def test_files_merge_by_size_while_a_day_grows_and_wholly_when_it_is_past() -> None:
    def entries(*rows: int) -> list[catalogue.Entry]:
        return [
            catalogue.Entry(i, str(i), "event", NOW.date(), r, 1, NOW, NOW, "", None)
            for i, r in enumerate(rows)
        ]

    def merged(*rows: int, past: bool = False) -> list[int]:
        today = NOW.date() + (DAY if past else timedelta(0))
        return [e.rows for e in compact.worth_merging(entries(*rows), NOW.date(), today)]

    assert merged(20_000, 20_000, 20_000) == []
    assert merged(900_000, 20_000, 20_000, 20_000, 20_000) == [20_000] * 4
    assert merged(20_000, 30_000, past=True) == [20_000, 30_000]
    assert merged(900_000, 10, past=True) == []
    assert merged(900_000, 10, 10, 10, past=True) == [900_000, 10, 10, 10]
    assert merged(compact.LARGE, compact.LARGE - 1, past=True) == []


def test_tending_seals_rolls_compacts_and_then_rests(store: Store) -> None:
    for day in (3, 2, 1):
        append(store, range(day * 10, day * 10 + 5), NOW - day * DAY)
    report = maintenance.tend(store, ZONE, NOW + seal.SEAL_AT_AGE)
    assert (report.sealed.rows, report.rolled.made) == (15, 3)
    assert not maintenance.tend(store, ZONE, NOW + seal.SEAL_AT_AGE).did_something


def test_quality_tells_names_repeats_and_missing_sessions(store: Store) -> None:
    with store.engine.begin() as conn:
        line = {"customer_id": 1, "product_id": 5, "session_id": "s", "value": 10}
        events = [
            NewEvent(f"line {i}", "order_completed", NOW, **line)  # type: ignore[arg-type]
            for i in range(3)
        ]
        events.append(NewEvent("bare", "wished", NOW - DAY, customer_id=1))
        ingest.append(conn, events, NOW)
    figures = quality.measure(snapshot(store))
    assert figures.by_name.rows() == [("order_completed", 3), ("wished", 1)]
    assert figures.by_day.rows() == [
        ((NOW - DAY).date(), "wished", 1),
        (NOW.date(), "order_completed", 3),
    ]
    assert (figures.repeated_lines, figures.without_session, figures.recent_rows) == (2, 1, 4)
    assert (figures.first_ts, figures.last_ts) == (NOW - DAY, NOW)


def test_a_bulk_append_tells_repeats_of_counted_ids_too(store: Store) -> None:
    def counted(numbers: range, hi: int = 7) -> pl.DataFrame:
        its = pl.DataFrame({"event_lo": numbers}, schema={"event_lo": pl.Int64})
        return its.with_columns(
            event_hi=pl.lit(hi, pl.Int64), ts=pl.lit(NOW), customer_id=pl.lit(1), kind=pl.lit(1)
        )

    twice = pl.concat([counted(range(5)), counted(range(3))])
    batches = [counted(range(50)), counted(range(40, 60)), counted(range(90, 95)), twice]
    assert bulk.append_bulk(store, batches, NOW) == bulk.Bulk(accepted=65, repeated=18)
    assert bulk.append_bulk(store, counted(range(-10, 1)), NOW).accepted == 10
    assert bulk.append_bulk(store, counted(range(50), hi=8), NOW).accepted == 50
    assert len(ids(snapshot(store))) == 125
