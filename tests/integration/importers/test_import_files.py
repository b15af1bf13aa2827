"""Files go in completely: accepted, repeated and rejected add up, and twice changes nothing."""

from __future__ import annotations

import csv
import gzip
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from sqlalchemy import text

from segmind.customers.facts import Facts, read_facts
from segmind.customers.imports import Resolver, import_file
from segmind.db import jobs
from segmind.db.engine import Store
from segmind.events.importers import importing
from segmind.events.importers.csv_mapped import BadMapping, CsvMapped
from segmind.events.importers.format import Format, WrongColumns
from segmind.events.importers.importing import FileNotThere, ImportReport
from segmind.events.importers.online_retail import OnlineRetail
from segmind.events.importers.rees46 import COLUMNS, Rees46
from segmind.events.public_names import ReservedName
from segmind.events.schema import Kind

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
FORMS: list[Format] = [
    Rees46(),
    OnlineRetail(),
    CsvMapped({"time": "t", "event": "e", "customer": "c"}, {}),
]
SESSION = "72d76fde-8bb3-4e00-8c23-a032dfed738c"


def rees46(folder: Path, *rows: dict[str, str], name: str = "f.csv") -> Path:
    """A file in REES46's form: each row is a good view with ``rows`` put over it."""
    good = {
        "event_time": "2019-10-01 00:00:00 UTC",
        "event_type": "view",
        "product_id": "44600062",
        "category_id": "2103807459595387724",
        "category_code": "",
        "brand": "shiseido",
        "price": "35.79",
        "user_id": "541312140",
        "user_session": SESSION,
    }
    path = folder / name
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows({**good, **row} for row in rows)
    return path


def take(store: Store, path: Path, form: Format) -> ImportReport:
    report = import_file(store, path, form, NOW)
    assert report.rows == report.accepted + report.repeated + report.rejected
    assert sum(report.reasons.values()) == report.rejected
    with store.engine.begin() as conn:
        row = importing.recent(conn)[0]
        job = jobs.recent(conn, 1)[0]
    assert (row["rows"], row["state"]) == (report.rows, report.state)
    assert job.state == ("done" if report.state == "done" else "failed")
    return report


def rejects(report: ImportReport) -> list[list[str]]:
    assert report.rejects_path is not None
    with Path(report.rejects_path).open(newline="") as file:
        return list(csv.reader(file))[1:]


def log(facts: Facts) -> pl.DataFrame:
    return facts.log.events().sort("event_hi", "event_lo").collect()


def test_rows_become_events_of_our_names(store: Store, tmp_path: Path) -> None:
    path = rees46(
        tmp_path,
        {},
        {"event_type": "cart", "price": "0.00"},
        {"event_type": "remove_from_cart", "user_session": ""},
        {"event_type": "purchase", "category_code": "a.b", "price": "36.01"},
    )
    report = take(store, path, Rees46())
    assert (report.accepted, report.repeated, report.rejected) == (4, 0, 0)
    facts = read_facts(store)
    events = log(facts).sort("kind")
    assert events["kind"].to_list() == [
        Kind.PRODUCT_VIEWED,
        Kind.PRODUCT_ADDED,
        Kind.PRODUCT_REMOVED,
        Kind.ORDER_COMPLETED,
    ]
    assert events["value"].to_list() == [3579, 0, 3579, 3601]
    assert events["quantity"].to_list() == [None, 1, 1, 1]
    assert events["session_key"].null_count() == 1
    assert events["order_key"].null_count() == 4
    product = facts.log.products().collect().row(0, named=True)
    assert (product["external_id"], product["category"], product["price"]) == (
        "44600062",
        "a.b",
        3601,
    )
    customer = facts.customers.collect().row(0, named=True)
    assert (customer["external_id"], customer["is_anonymous"]) == ("541312140", False)


def test_bad_rows_are_rejected_with_line_reason_and_the_row_itself(
    store: Store, tmp_path: Path
) -> None:
    bad = [
        ({"event_time": "yesterday"}, "event_time"),
        ({"event_time": ""}, "event_time"),
        ({"event_time": "2019-02-30 00:00:00 UTC"}, "event_time"),
        ({"event_type": "stolen"}, "event_type"),
        ({"product_id": ""}, "product_id is missing"),
        ({"user_id": ""}, "user_id is missing"),
        ({"user_id": "bob"}, "user_id is no whole number"),
        ({"price": "-1"}, "price is negative"),
        ({"price": "cheap"}, "price is no decimal number"),
        ({"price": ""}, "price is missing"),
    ]
    path = rees46(tmp_path, {}, *(row for row, _ in bad), {"price": "1"})
    report = take(store, path, Rees46())
    assert (report.rows, report.accepted, report.rejected) == (12, 2, 10)
    lines = path.read_text().splitlines()
    for (line, reason, raw), (number, (_, expected)) in zip(
        rejects(report), enumerate(bad, start=3), strict=True
    ):
        assert int(line) == number
        assert reason.startswith(expected)
        assert raw == lines[number - 1]


def test_importing_again_changes_nothing(store: Store, tmp_path: Path) -> None:
    path = rees46(tmp_path, {}, {}, {"event_type": "cart"}, {"user_id": ""})
    first = take(store, path, Rees46())
    before = log(read_facts(store))
    second = take(store, path, Rees46())
    assert (first.accepted, first.repeated, first.rejected) == (2, 1, 1)
    assert (second.accepted, second.repeated, second.rejected) == (0, 3, 1)
    assert log(read_facts(store)).equals(before)


def test_small_blocks_give_the_same_log_as_one(store: Store, tmp_path: Path) -> None:
    days = [f"2019-10-0{1 + i % 5} 0{i % 7}:00:00 UTC" for i in range(60)]
    path = rees46(
        tmp_path,
        *({"event_time": d, "user_id": str(i % 9), "brand": f"b{i}"} for i, d in enumerate(days)),
    )
    report = importing.run(store, path, Rees46(), Resolver(store), NOW, block_bytes=400)
    whole = take(store, path, Rees46())
    assert report.accepted + report.repeated == 60
    assert (whole.accepted, whole.repeated) == (0, 60)
    assert whole.figures == report.figures
    products = read_facts(store).log.products().collect()
    assert products["brand"].to_list() == ["b59"]


def test_a_truncated_gz_goes_in_up_to_the_break_and_says_so(store: Store, tmp_path: Path) -> None:
    rows = ({"user_id": str(i), "price": f"{i * 7919 % 9973}.5"} for i in range(3000))
    whole = gzip.compress(rees46(tmp_path, *rows).read_bytes())
    path = tmp_path / "cut.csv.gz"
    path.write_bytes(whole[: len(whole) // 2])
    report = take(store, path, Rees46())
    assert report.state == "incomplete"
    assert "its end is missing" in str(report.problem)
    assert 0 < report.accepted < 3000
    assert report.reasons == {"the file breaks off in this row": 1}
    path.write_bytes(whole)
    complete = take(store, path, Rees46())
    assert complete.state == "done"
    assert complete.accepted == 3000 - report.accepted


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_wrong_columns_are_refused_before_anything_is_written(
    store: Store, tmp_path: Path, form: Format
) -> None:
    path = tmp_path / "wrong.csv"
    path.write_text("event_time,event_type\n2019-10-01 00:00:00 UTC,view\n")
    with pytest.raises(WrongColumns, match="missing"):
        import_file(store, path, form, NOW)
    with pytest.raises(FileNotThere):
        import_file(store, tmp_path / "nowhere.csv", form, NOW)
    with store.engine.begin() as conn:
        for table in ("import_run", "customer", "event_file", "job"):
            assert conn.execute(text(f"SELECT count(*) FROM {table}")).scalar() == 0


def test_a_failure_midway_leaves_no_event_and_the_run_says_so(store: Store, tmp_path: Path) -> None:
    def broken(*_: Any) -> pl.Series:
        raise RuntimeError("the database went away")

    path = rees46(tmp_path, {})
    with pytest.raises(RuntimeError):
        importing.run(store, path, Rees46(), broken, NOW)
    with store.engine.begin() as conn:
        assert importing.recent(conn)[0]["state"] == "failed"
        assert jobs.recent(conn)[0].state == "failed"
    assert log(read_facts(store)).is_empty()
    assert take(store, path, Rees46()).accepted == 1


RETAIL = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"


def test_invoices_become_orders_cancellations_refunds_and_guests_customers(
    store: Store, tmp_path: Path
) -> None:
    path = tmp_path / "retail.csv"
    path.write_text(
        RETAIL
        + "1,A,MUG ,6,2010-12-01 08:26:00,2.55,17850.0,Norway\n"
        + "1,B,CUP,1000,2010-12-01 08:26:00,0.001,17850.0,Norway\n"
        + "C2,A,MUG,-1,2010-12-02 08:26:00,2.55,17850.0,Norway\n"
        + "3,A,MUG,1,2010-12-01 09:00:00,2.55,,France\n"
        + "3,B,CUP,1,2010-12-01 09:00:00,4,,France\n"
        + "4,A,MUG,1,2010-12-01 09:00:00,2.55,,France\n"
        + "5,A,lost,-9,2010-12-01 09:00:00,0,,France\n"
        + "6,A,gift,1,2010-12-01 09:00:00,0.0,,France\n"
        + "A7,B,Adjust bad debt,1,2010-12-01 09:00:00,-9.5,,France\n"
        + "8,A,MUG,-2,2010-12-01 09:00:00,2.55,,France\n"
        + "C9,A,MUG,2,2010-12-01 09:00:00,2.55,,France\n"
        + "10,A,MUG,1.5,2010-12-01 09:00:00,2.55,,France\n"
    )
    report = take(store, path, OnlineRetail())
    assert (report.accepted, report.rejected) == (6, 6)
    facts = read_facts(store)
    found = log(facts).join(facts.customers.collect(), on="customer_id")
    by_kind = found.group_by("kind").agg(pl.col("value").sum()).sort("kind").rows()
    assert by_kind == [(Kind.ORDER_COMPLETED, 1530 + 100 + 255 + 400 + 255), (6, 255)]
    orders = facts.log.totals([Kind.ORDER]).collect()
    assert sorted(orders["value"]) == [255, 655, 1630]
    people = found.select("external_id", "is_anonymous", "country").unique().sort("external_id")
    assert people.rows() == [
        ("17850", False, "Norway"),
        ("invoice:3", True, "France"),
        ("invoice:4", True, "France"),
    ]
    figures = report.figures
    parts = [Decimal(part) for part in figures["of_which"].values()]
    assert sum(parts) == Decimal(figures["sum_of_quantity_x_price"])


def test_a_mapped_csv_says_what_its_columns_are(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_text(
        "when,what,who,cookie,sku,n,each,no\n"
        "2026-01-05T10:00:00+02:00,Order Completed,u1,c1,p1,2,9.99,o1\n"
        "2026-01-05 10:00:00,product_viewed,,c2,p1,,,\n"
        "1767605400,Quiz Finished,u1,,,,,\n"
        "1767605400000,Quiz Finished,u2,,,,,\n"
        "2026-03-29 02:30:00,product_viewed,u2,,,,,\n"
        "2026-01-05,message_opened,u1,,,,,\n"
        "2026-01-05,Order Completed,u1,,,,,\n"
        "2026-01-05,Order Completed,,,p1,1,1,\n"
        "soon,Order Completed,u1,,p1,1,1,\n"
        "2026-01-05,Order Completed,u1,,p1,1,-1,\n"
    )
    columns = {
        "time": "when",
        "event": "what",
        "customer": "who",
        "anonymous": "cookie",
        "product": "sku",
        "quantity": "n",
        "price": "each",
        "order": "no",
    }
    form = CsvMapped(columns, {"currency": "eur", "zone": "Europe/Berlin"})
    report = take(store, path, form)
    assert report.accepted == 4
    assert list(report.reasons) == [
        "time is neither ISO 8601 nor Unix time",  # twice: "soon", and an hour that never was
        f"event: {ReservedName().message}",
        "an order or refund without value or price",
        "customer is missing",
        "price is negative",
    ]
    events = log(read_facts(store)).sort("kind", "customer_id")
    assert events["ts"].dt.to_string("%H:%M").to_list() == ["09:00", "08:00", "09:30", "09:30"]
    assert events["value"].to_list() == [None, 1998, None, None]
    assert events["quantity"].to_list() == [None, 2, None, None]
    assert events["currency"].unique().to_list() == ["EUR"]
    assert take(store, path, form).repeated == 4


@pytest.mark.parametrize(
    ("columns", "constants", "field"),
    [
        ({"time": "t", "customer": "c"}, {}, "event"),
        ({"time": "t", "event": "e"}, {}, "customer"),
        ({"time": "t", "event": "e", "customer": "c", "colour": "x"}, {}, "colour"),
        ({"time": "t", "event": "e", "customer": "c"}, {"event": "x"}, "event"),
        ({"time": "t", "event": "e", "customer": "c"}, {"zone": "Mars/Base"}, "zone"),
    ],
)
def test_a_mapping_that_cannot_be_is_refused(
    columns: dict[str, str], constants: dict[str, str], field: str
) -> None:
    with pytest.raises(BadMapping) as refused:
        CsvMapped(columns, constants)
    assert refused.value.field == field


@pytest.mark.real_data
def test_the_rees46_sample_goes_in_as_published(store: Store, real_data: Path) -> None:
    path = real_data / "rees46_2019-10-01_sample.csv.gz"
    report = take(store, path, Rees46())
    assert (report.rows, report.accepted, report.repeated, report.rejected) == (17434, 17429, 5, 0)
    assert report.figures == {
        "types": {"view": 17055, "purchase": 214, "cart": 165},
        "users": 4504,
        "sessions": 5066,
        "purchase_revenue": "59442.63",
        "rows_without": {"session": 0, "category": 5746, "brand": 2477},
    }
    facts = read_facts(store)
    events = log(facts)
    assert events["customer_id"].n_unique() == 4504
    assert events["session_key"].n_unique() == 5066
    bought = events.filter(pl.col("kind") == Kind.ORDER_COMPLETED)["session_key"].unique()
    carted = events.filter(pl.col("kind") == Kind.PRODUCT_ADDED)["session_key"].unique()
    assert (len(bought), len(carted)) == (200, 118)
    assert len(set(carted) - set(bought)) == 53
    again = take(store, path, Rees46())
    assert (again.accepted, again.repeated) == (0, 17434)
    assert log(read_facts(store)).equals(events)


@pytest.mark.real_data
def test_the_online_retail_file_goes_in_as_published(store: Store, real_data: Path) -> None:
    path = real_data / "uci_online_retail.csv.gz"
    report = take(store, path, OnlineRetail())
    assert (report.rows, report.accepted, report.repeated, report.rejected) == (
        541_909,
        534_128,
        5_263,
        2_518,
    )
    figures = report.figures
    assert round(Decimal(figures["sum_of_quantity_x_price"]), 2) == Decimal("9747747.93")
    parts = [Decimal(part) for part in figures["of_which"].values()]
    assert sum(parts) == Decimal(figures["sum_of_quantity_x_price"])
    assert (figures["invoices"], figures["cancellations"], figures["customers"]) == (
        25_900,
        3_836,
        4_372,
    )
    sales = figures["sales"]
    assert round(Decimal(sales.pop("value")), 2) == Decimal("8911407.90")
    assert sales == {"rows": 397_884, "customers": 4_338, "invoices": 18_532}

    facts = read_facts(store)
    lines = log(facts)
    bought = lines.filter(pl.col("kind") == Kind.ORDER_COMPLETED)
    known = facts.customers.filter(~pl.col("is_anonymous")).collect()
    of_known = bought.join(known, on="customer_id", how="semi")
    # Pence, each line rounded: 4 lines have a third decimal.
    assert of_known["value"].sum() == 888_720_889
    assert of_known["order_key"].n_unique() == 18_532
    assert of_known.height == figures["sales_without_duplicates"]["rows"] == 392_692
    guests = facts.customers.filter(pl.col("is_anonymous")).collect()
    assert guests.height == figures["guest_invoices"]
    assert known.filter(pl.col("country") == "United Kingdom").height == 3_949

    again = take(store, path, OnlineRetail())
    assert (again.accepted, again.repeated, again.rejected) == (0, 539_391, 2_518)
    assert log(read_facts(store)).equals(lines)
