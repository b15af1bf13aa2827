"""Members as files: one row each, nothing personal unless asked, nothing that runs."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from sqlalchemy import text

from segmind.customers import erasure
from segmind.db.engine import Store
from segmind.errors import NotFound
from segmind.segments import export, membership, segment
from segmind.workspace import audit

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
EVERYBODY = {"type": "all", "conditions": []}
NAMES = ["=1+1", "+SUM(A1)", "-2", "@x", "\tx", 'Ann "the", O\'Hara', "Ünal", "", None, "x=1"]


@pytest.fixture
def shop(store: Store) -> tuple[Store, list[int], int]:
    """Ten customers with names that spreadsheets would run, in one segment."""
    with store.engine.begin() as conn:
        ids = [
            conn.execute(
                text(
                    "INSERT INTO customer (external_id, first_name, email, phone) "
                    "VALUES (:x, :name, :mail, '+15005550006') RETURNING id"
                ),
                {"x": f"u-{n}", "name": name, "mail": f"p{n}@shop.example"},
            ).scalar_one()
            for n, name in enumerate(NAMES)
        ]
        made = segment.create(conn, "Everybody", EVERYBODY, now=NOW)
    return store, ids, made.id


def taken(
    store: Store, number: int, form: export.Form, **options: object
) -> tuple[bytes, export.Export]:
    given = {"personal": False, "as_of": None, "actor": "mara", "now": NOW, **options}
    found = export.export(store, number, form, **given)
    return b"".join(found.chunks), found


def test_a_csv_holds_the_ids_of_every_member_and_nothing_personal(shop) -> None:
    store, ids, everybody = shop
    body, found = taken(store, everybody, "csv")
    rows = list(csv.reader(io.StringIO(body.decode(), newline="")))
    assert rows == [
        ["customer_id", "external_id"],
        *([str(i), f"u-{n}"] for n, i in enumerate(ids)),
    ]
    assert (found.total, found.as_of) == (10, NOW)
    assert found.file_name == f"segment-{everybody}-2026-03-02.csv"
    assert b"shop.example" not in body


def test_no_text_of_a_csv_is_a_formula_and_telephone_numbers_stay_numbers(shop) -> None:
    store, _, everybody = shop
    body, _ = taken(store, everybody, "csv", personal=True)
    rows = list(csv.DictReader(io.StringIO(body.decode(), newline="")))
    assert [row["first_name"] for row in rows] == [
        *("'=1+1", "'+SUM(A1)", "'-2", "'@x", "'\tx", 'Ann "the", O\'Hara', "Ünal", "", "", "x=1")
    ]
    assert {row["phone"] for row in rows} == {"+15005550006"}


def test_parquet_holds_the_same_rows_with_types(shop) -> None:
    store, ids, everybody = shop
    body, _ = taken(store, everybody, "parquet", personal=True)
    frame = pl.read_parquet(io.BytesIO(body))
    assert frame.columns == [*export.IDS, *export.PERSONAL]
    assert frame["customer_id"].to_list() == ids
    assert frame["first_name"].to_list() == NAMES
    assert frame["birthday"].dtype == pl.Date


def test_rows_are_as_many_as_the_size_shown_however_small_the_portions(
    shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, ids, everybody = shop
    monkeypatch.setattr(export, "PORTION", 3)
    membership.refresh_all(store, NOW)
    with store.engine.begin() as conn:
        erasure.erase(conn, ids[4], NOW)
        shown = segment.get(conn, everybody).size
    for form in ("csv", "parquet"):
        body, found = taken(store, everybody, form, personal=True)
        read = pl.read_csv(body) if form == "csv" else pl.read_parquet(io.BytesIO(body))
        assert shown is not None
        assert read.height == found.total == shown.size
        gone = read.filter(pl.col("customer_id") == ids[4]).drop("customer_id")
        assert gone.null_count().sum_horizontal().item() == len(gone.columns)


def test_an_empty_segment_is_a_header_without_rows(shop) -> None:
    store, _, _ = shop
    with store.engine.begin() as conn:
        nobody = segment.create(conn, "Nobody", {"type": "did", "event": "order"}, now=NOW)
    assert taken(store, nobody.id, "csv")[0] == b"customer_id,external_id\r\n"
    assert pl.read_parquet(io.BytesIO(taken(store, nobody.id, "parquet")[0])).shape == (0, 2)


def test_a_past_moment_is_computed(shop) -> None:
    store, _, everybody = shop
    at = NOW - timedelta(days=30)
    _, found = taken(store, everybody, "csv", as_of=at)
    assert (found.as_of, found.total) == (at, 10)


def test_every_export_is_audited_with_what_it_held(shop) -> None:
    store, _, everybody = shop
    taken(store, everybody, "parquet", personal=True)
    with store.engine.connect() as conn:
        newest = audit.recent(conn, 1)[0]
    assert (newest.actor, newest.action, newest.subject) == (
        "mara",
        "segment.export",
        str(everybody),
    )
    assert newest.detail is not None
    assert newest.detail["personal_data"] is True
    assert newest.detail["customers"] == 10
    assert newest.detail["format"] == "parquet"


def test_a_segment_that_is_none_cannot_be_exported(store: Store) -> None:
    with pytest.raises(NotFound):
        taken(store, 404, "csv")
