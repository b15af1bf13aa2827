"""What goes in through the live door is in the next snapshot, once."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from sqlalchemy import text

from segmind.db.engine import Store
from segmind.events import ingest, log, names, products
from segmind.events.ingest import NewEvent
from segmind.events.log import LogSnapshot
from segmind.events.names import InvalidEventName
from segmind.events.products import Product
from segmind.events.schema import EVENT_COLUMNS, Kind
from tests.conftest import NOW

UTC_ZONE = ZoneInfo("UTC")


def snapshot(store: Store, zone: ZoneInfo = UTC_ZONE) -> LogSnapshot:
    with store.engine.connect().execution_options(isolation_level="REPEATABLE READ") as conn:
        return log.read(conn, store, zone)


def an_event(number: int, ts: datetime = NOW, **values: object) -> NewEvent:
    given = {"event_id": f"e{number}", "name": "product_viewed", "ts": ts, "customer_id": 1}
    return NewEvent(**(given | values))  # type: ignore[arg-type]


def test_every_column_comes_back_as_it_went_in(store: Store) -> None:
    with store.engine.begin() as conn:
        product_ids = products.ids_of(conn, [Product("p1", name="Cup", price=450)])
        event = NewEvent(
            event_id=None,
            name="cup held up",
            ts=NOW + timedelta(microseconds=7),
            customer_id=2**40,
            session_id="s1",
            order_id="o1",
            product_id=product_ids["p1"],
            quantity=-2,
            value=-900,
            currency="EUR",
            channel=1,
            message_id=5,
            source_kind=1,
            source_id=8,
            machine=True,
            properties={"note": 'a "quoted", \n new line', "empty": "", "nul": "\0", "none": "\\N"},
        )
        assert ingest.append(conn, [event], NOW).accepted == 1
    seen = snapshot(store)
    row = seen.events().collect().row(0, named=True)
    assert set(row) == set(EVENT_COLUMNS)
    assert row["ts"] == event.ts
    assert row["received_at"] == NOW
    assert row["kind"] == seen.names()["cup held up"] >= 100
    assert (row["customer_id"], row["quantity"], row["value"]) == (2**40, -2, -900)
    assert row["machine"] is True
    parsed = pl.Series([row["properties"]]).str.json_decode(
        pl.Struct({"note": pl.String, "nul": pl.String, "none": pl.String, "empty": pl.String})
    )
    assert parsed[0] == event.properties
    assert seen.products().collect().row(0, named=True)["price"] == 450


def test_a_repeated_event_changes_nothing(store: Store) -> None:
    with store.engine.begin() as conn:
        first = ingest.append(conn, [an_event(1), an_event(2), an_event(1)], NOW)
    with store.engine.begin() as conn:
        second = ingest.append(conn, [an_event(2), an_event(3)], NOW)
    assert (first.accepted, first.repeated) == (2, 1)
    assert (second.accepted, second.repeated) == (1, 1)
    assert snapshot(store).events().collect().height == 3


def test_events_without_an_id_are_told_apart_by_their_content(store: Store) -> None:
    same = [an_event(0, event_id=None, properties={"a": 1, "b": 2})] * 2
    other = an_event(0, event_id=None, properties={"a": 1, "b": 3})
    with store.engine.begin() as conn:
        assert ingest.append(conn, [*same, other], NOW).accepted == 2


def test_an_event_of_a_rolled_back_transaction_can_come_again(store: Store) -> None:
    with store.engine.connect() as conn:
        ingest.append(conn, [an_event(1, name="never seen before")], NOW)
        conn.rollback()
    with store.engine.begin() as conn:
        assert ingest.append(conn, [an_event(1, name="never seen before")], NOW).accepted == 1
    seen = snapshot(store)
    assert seen.events().collect()["kind"].to_list() == [seen.names()["never seen before"]]


def test_a_name_of_a_derived_kind_or_without_letters_is_refused(store: Store) -> None:
    with store.engine.begin() as conn:
        for bad in ("session", "order", "", "  ", "x" * 201, "a\0b"):
            with pytest.raises(InvalidEventName):
                names.code_of(conn, bad)
        assert names.code_of(conn, "product_viewed") == Kind.PRODUCT_VIEWED


def test_the_last_attribute_that_says_something_wins(store: Store) -> None:
    with store.engine.begin() as conn:
        first = products.ids_of(conn, [Product("a", name="Old", price=5), Product("a", brand="B")])
    with store.engine.begin() as conn:
        again = products.ids_of(conn, [Product("a", name="New"), "a", "b"])
    assert again["a"] == first["a"]
    row = snapshot(store).products().filter(pl.col("external_id") == "a").collect()
    assert row.select("name", "category", "brand", "price").row(0) == ("New", None, "B", 5)


def test_a_snapshot_is_the_same_object_until_something_happens(store: Store) -> None:
    first = snapshot(store)
    assert snapshot(store).rows is first.rows
    with store.engine.begin() as conn:
        ingest.append(conn, [an_event(1)], NOW)
    second = snapshot(store)
    assert second.version != first.version
    with store.engine.begin() as conn:
        products.ids_of(conn, ["p"])
    third = snapshot(store)
    assert third.version != second.version
    with store.engine.begin() as conn:
        products.ids_of(conn, ["p"])
    assert snapshot(store).version == third.version


def test_merged_customers_are_read_as_one(store: Store) -> None:
    with store.engine.begin() as conn:
        conn.execute(text("INSERT INTO customer_merge (from_id, into_id) VALUES (1, 2), (2, 3)"))
        ingest.append(conn, [an_event(i, customer_id=i, session_id="s") for i in (1, 2, 3)], NOW)
    seen = snapshot(store)
    assert seen.events().collect()["customer_id"].to_list() == [3, 3, 3]
    rows = seen.totals([Kind.SESSION, Kind.PRODUCT_VIEWED]).sort("kind").collect()
    assert rows["n"].to_list() == [1, 3]


def test_events_are_narrowed_by_kind_window_and_columns(store: Store) -> None:
    with store.engine.begin() as conn:
        ingest.append(conn, [an_event(i, NOW + timedelta(hours=i)) for i in range(5)], NOW)
        ingest.append(conn, [an_event(9, name="product_added")], NOW)
    rows = snapshot(store).events(
        kinds=[Kind.PRODUCT_VIEWED],
        since=NOW + timedelta(hours=1),
        until=NOW + timedelta(hours=3),
        columns=["ts"],
    )
    assert rows.sort("ts").collect()["ts"].to_list() == [
        NOW + timedelta(hours=1),
        NOW + timedelta(hours=2),
    ]
