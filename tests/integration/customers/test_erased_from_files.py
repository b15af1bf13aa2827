"""An erasure reaches what is sealed: nothing said of the customer remains in any file."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
from sqlalchemy import text

from segmind.customers import columns, erasure, identity
from segmind.customers.facts import read_facts
from segmind.customers.tracking import track
from segmind.db.engine import Store
from segmind.events import forgetting, maintenance, sweep
from segmind.events.rows import scan_files
from segmind.events.schema import Kind

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
UTC_ZONE = ZoneInfo("UTC")


def fill(store: Store) -> dict[str, int]:
    """Three customers who searched and ordered on several days; everything sealed and rolled."""
    calls: list[dict[str, Any]] = []
    for day in range(4):
        for name in ("ada", "bob", "eve"):
            at = (NOW - timedelta(days=5 - day)).isoformat()
            calls.append(
                {
                    "type": "track", "userId": name, "event": "Searched", "timestamp": at,
                    "messageId": f"s{day}{name}", "properties": {"words": f"secret of {name}"},
                }
            )  # fmt: skip
            calls.append(
                {
                    "type": "track", "userId": name, "event": "Order Completed", "timestamp": at,
                    "messageId": f"o{day}{name}",
                    "properties": {
                        "order_id": f"o-{day}-{name}",
                        "products": [{"product_id": "p1", "price": 10, "quantity": 1}],
                        "note": f"for {name}",
                    },
                }
            )  # fmt: skip
    tell(store, calls)
    maintenance.catch_up(store, NOW, UTC_ZONE)
    columns.rebuild(store)
    with store.engine.connect() as conn:
        return {n: identity.find(conn, "user", n) or 0 for n in ("ada", "bob", "eve")}


def tell(store: Store, calls: list[dict[str, Any]]) -> None:
    with store.engine.begin() as conn:
        track(conn, calls, NOW)


def said(store: Store) -> str:
    """Every byte of text in the event files on disk and the recent rows."""
    files = sorted(store.lake.glob("event/**/*.parquet"))
    told = scan_files(files).select("properties").collect()["properties"].drop_nulls().to_list()
    with store.engine.connect() as conn:
        told += conn.execute(text("SELECT properties FROM event_recent")).scalars()
    return json.dumps(told)


def totals(store: Store) -> pl.DataFrame:
    return read_facts(store).log.totals([Kind.ORDER_COMPLETED, Kind.ORDER]).collect()


def erase(store: Store, *ids: int) -> None:
    for each in ids:
        with store.engine.begin() as conn:
            erasure.erase(conn, each, NOW)


def test_files_forget_the_erased_and_nobody_else_and_figures_stay(store: Store) -> None:
    ids = fill(store)
    before = totals(store).sort(pl.all())
    rolled = len(read_facts(store).log.rolled.days)
    assert "secret of ada" in said(store)
    erase(store, ids["ada"], ids["eve"])
    assert erasure.forget_in_files(store) == 2
    sweep.remove_retired(store, timedelta())
    left = said(store)
    assert "secret of bob" in left
    assert "ada" not in left
    assert "eve" not in left
    assert totals(store).sort(pl.all()).equals(before)
    assert len(read_facts(store).log.rolled.days) == rolled > 0
    for file in store.lake.glob("customer/*.parquet"):
        assert pl.read_parquet(file)["external_id"].to_list() == ["bob"]
    with store.engine.connect() as conn:
        job = conn.execute(text("SELECT state, result FROM job WHERE kind = 'erasure'")).one()
    assert job.state == "done"
    assert job.result["customers"] == 2
    assert job.result["events"] == 16


def test_a_second_look_a_day_later_finds_what_was_on_its_way(store: Store) -> None:
    ids = fill(store)
    erase(store, ids["ada"])
    assert erasure.forget_in_files(store) == 1
    assert erasure.forget_in_files(store) == 0
    with store.engine.begin() as conn:
        conn.execute(
            text("""
                INSERT INTO event_recent (event_id, ts, received_at, customer_id, kind, properties)
                VALUES (gen_random_uuid(), :now, :now, :ada, 100, '{"words":"late of ada"}')
            """),
            {"now": NOW - timedelta(days=2), "ada": ids["ada"]},
        )
        conn.execute(text("UPDATE erasure SET erased_at = erased_at - interval '25 hours'"))
    maintenance.catch_up(store, NOW, UTC_ZONE)
    asked: list[list[int]] = []
    assert erasure.forget_in_files(store, [lambda _, gone: asked.append(gone)]) == 1
    sweep.remove_retired(store, timedelta())
    assert "ada" not in said(store)
    assert asked == [[ids["ada"]]]
    assert erasure.forget_in_files(store) == 0


def test_a_damaged_file_is_left_for_later_and_the_erasure_stays_open(store: Store) -> None:
    ids = fill(store)
    erase(store, ids["ada"])
    victim = sorted(store.lake.glob("event/**/*.parquet"))[0]
    whole = victim.read_bytes()
    victim.write_bytes(whole[:-10])
    assert erasure.forget_in_files(store) == 1
    with store.engine.connect() as conn:
        assert conn.execute(text("SELECT passes FROM erasure")).scalar_one() == 0
    victim.write_bytes(whole)
    assert erasure.forget_in_files(store) == 1
    sweep.remove_retired(store, timedelta())
    assert "ada" not in said(store)


def test_old_months_go_and_answers_are_those_of_what_is_left(store: Store) -> None:
    fill(store)
    old = (NOW - timedelta(days=800)).isoformat()
    call = {
        "type": "track",
        "userId": "bob",
        "event": "Searched",
        "timestamp": old,
        "messageId": "old",
        "properties": {"words": "long ago"},
    }
    tell(store, [call])
    maintenance.catch_up(store, NOW, UTC_ZONE)
    before = totals(store).sort(pl.all())
    assert forgetting.drop_months(store, 25, NOW) == 1
    assert forgetting.drop_months(store, 25, NOW) == 0
    assert totals(store).sort(pl.all()).equals(before)
    maintenance.catch_up(store, NOW, UTC_ZONE)
    assert totals(store).sort(pl.all()).equals(before)
    sweep.remove_retired(store, timedelta())
    assert "long ago" not in said(store)


def test_history_imported_years_later_is_not_old_at_once(store: Store) -> None:
    fill(store)
    assert forgetting.drop_months(store, 25, NOW + timedelta(days=4_000)) == 0
