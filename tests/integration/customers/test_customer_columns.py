"""The column mirror misses nobody and doubles nobody, whatever runs while its file is written."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, text

from segmind.customers import columns, identity
from segmind.customers.columns import CUSTOMER_COLUMNS, Mirror
from segmind.db.engine import Store
from tests.trying import examples


def read(store: Store, before: Mirror | None = None) -> Mirror:
    with store.engine.connect().execution_options(isolation_level="REPEATABLE READ") as conn:
        return columns.read(conn, store, before)


def people(mirror: Mirror) -> dict[int, str | None]:
    frame = mirror.frame().collect()
    assert frame["customer_id"].is_unique().all()
    return dict(frame.select("customer_id", "first_name").iter_rows())


def add(conn: Connection, name: str) -> int:
    statement = text("INSERT INTO customer (first_name) VALUES (:n) RETURNING id")
    return int(conn.execute(statement, {"n": name}).scalar_one())


def rename(conn: Connection, customer: int, name: str) -> None:
    conn.execute(
        text("UPDATE customer SET first_name = :n WHERE id = :i"), {"n": name, "i": customer}
    )


def test_the_columns_are_as_promised(store: Store) -> None:
    with store.engine.begin() as conn:
        conn.execute(
            text(
                "INSERT INTO customer (first_name, birthday, traits, email_consent) "
                "VALUES ('A \"b\", ü', '1990-02-03', '{\"x\": [1, \"é\"]}', 1)"
            )
        )
    before = read(store).frame().collect()
    assert columns.rebuild(store)
    after = read(store).frame().collect()
    assert dict(before.schema) == dict(after.schema) == CUSTOMER_COLUMNS
    assert before.equals(after)
    assert before.row(0, named=True)["first_name"] == 'A "b", ü'


def test_a_file_and_what_was_touched_since_are_everybody_once(store: Store) -> None:
    with store.engine.begin() as conn:
        ada, bob = add(conn, "Ada"), add(conn, "Bob")
    assert columns.rebuild(store)
    assert read(store).touched.is_empty()
    with store.engine.begin() as conn:
        rename(conn, bob, "Robert")
        eve = add(conn, "Eve")
    mirror = read(store)
    assert mirror.touched.height == 2
    assert people(mirror) == {ada: "Ada", bob: "Robert", eve: "Eve"}


def test_a_transaction_that_was_running_during_the_rebuild_is_not_missed(store: Store) -> None:
    with store.engine.begin() as conn:
        ada = add(conn, "Ada")
    with store.engine.begin() as running:
        bob = add(running, "Bob")
        rename(running, ada, "Augusta")
        with store.engine.begin() as conn:
            add(conn, "Eve")
            add(conn, "Tom")
        assert columns.rebuild_if_due(store, at=1) is False  # two of three would stay uncertain
        assert columns.rebuild(store)
    names = people(read(store))
    assert names[ada] == "Augusta"
    assert names[bob] == "Bob"
    assert len(names) == 4


def test_a_late_commit_of_an_old_transaction_is_seen_by_a_reader_that_remembers(
    store: Store,
) -> None:
    with store.engine.begin() as conn:
        ada = add(conn, "Ada")
    old = store.engine.connect()
    transaction = old.begin()
    rename(old, ada, "Augusta")  # an early transaction ...
    with store.engine.begin() as conn:
        eve = add(conn, "Eve")  # ... a later one that commits first
    first = read(store)
    assert people(first) == {ada: "Ada", eve: "Eve"}
    transaction.commit()
    old.close()
    second = read(store, first)
    assert people(second) == {ada: "Augusta", eve: "Eve"}
    assert second.version != first.version


def test_reading_again_without_a_change_gives_the_same_object(store: Store) -> None:
    with store.engine.begin() as conn:
        add(conn, "Ada")
    first = read(store)
    with store.engine.begin() as conn:
        conn.execute(text("INSERT INTO setting (key, value) VALUES ('x', '1')"))
    assert read(store, first) is first


def test_erased_and_merged_customers_disappear(store: Store) -> None:
    with store.engine.begin() as conn:
        gone = identity.resolve(conn, anonymous_id="a")
        known = identity.resolve(conn, user_id="u")
        erased = identity.resolve(conn, user_id="e")
    assert columns.rebuild(store)
    before = read(store)
    with store.engine.begin() as conn:
        identity.resolve(conn, "u", "a")
        conn.execute(text("UPDATE customer SET erased_at = now() WHERE id = :i"), {"i": erased})
    assert set(people(before)) == {gone, known, erased}
    assert set(people(read(store, before))) == set(people(read(store))) == {known}
    assert columns.rebuild(store)
    assert set(people(read(store))) == {known}


@pytest.mark.parametrize("damage", ["missing", "cut short"])
def test_without_a_usable_file_everybody_is_read_from_the_table(store: Store, damage: str) -> None:
    with store.engine.begin() as conn:
        ada = add(conn, "Ada")
    assert columns.rebuild(store)
    path = read(store).path
    assert path is not None
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:100])
    assert people(read(store)) == {ada: "Ada"}
    assert columns.rebuild_if_due(store, at=1)
    assert read(store).touched.is_empty()
    assert people(read(store)) == {ada: "Ada"}


def test_a_replaced_file_is_retired_not_removed(store: Store) -> None:
    with store.engine.begin() as conn:
        add(conn, "Ada")
    columns.rebuild(store)
    old = read(store)
    columns.rebuild(store)
    with store.engine.begin() as conn:
        retired = conn.execute(text("SELECT path FROM event_file_retired")).scalars().all()
    assert [store.lake / path for path in retired] == [old.path]
    assert len(people(old)) == 1


def test_a_rebuild_waits_until_it_is_worth_it(store: Store) -> None:
    with store.engine.begin() as conn:
        for _ in range(3):
            add(conn, "x")
    assert columns.rebuild_if_due(store, at=4) is False
    assert columns.rebuild_if_due(store, at=3) is True
    assert columns.rebuild_if_due(store, at=3) is False


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["begin", "add", "rename", "end", "rebuild", "read"]), st.integers(0, 2)
    ),
    max_size=14,
)


@settings(
    max_examples=examples(12),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(steps=STEPS)
def test_any_interleaving_of_three_writers_reads_as_the_table_does(
    store: Store, steps: list[tuple[str, int]]
) -> None:
    open_: dict[int, Connection] = {}
    mirror: Mirror | None = None

    def check(before: Mirror | None) -> Mirror:
        with store.engine.connect().execution_options(isolation_level="REPEATABLE READ") as conn:
            now = columns.read(conn, store, before)
            truth = conn.execute(text("SELECT id, first_name FROM customer")).all()
        assert people(now) == {row[0]: row[1] for row in truth}
        return now

    mine: dict[int, list[int]] = {}
    try:
        for number, (step, writer) in enumerate(steps):
            conn: Any = open_.get(writer)
            if step == "begin" and conn is None:
                open_[writer] = store.engine.connect()
            elif step == "add" and conn is not None:
                mine.setdefault(writer, []).append(add(conn, f"n{number}"))
            elif step == "rename" and conn is not None and mine.get(writer):
                rename(conn, mine[writer][0], f"r{number}")
            elif step == "end" and conn is not None:
                conn.commit()
                open_.pop(writer).close()
            elif step == "rebuild":
                columns.rebuild(store)
            elif step == "read":
                mirror = check(mirror)
    finally:
        for conn in open_.values():
            conn.commit()
            conn.close()
    check(mirror)
    check(None)


def test_frames_stay_lazy_for_large_shops(store: Store) -> None:
    with store.engine.begin() as conn:
        conn.execute(
            text(
                "INSERT INTO customer (first_name) SELECT 'n' || g FROM generate_series(1, 5000) g"
            )
        )
    columns.rebuild(store)
    picked = read(store).frame().filter(pl.col("customer_id") == 17).select("first_name")
    assert picked.collect().item() == "n17"


def test_a_file_of_customers_just_loaded_is_that_of_the_table(store: Store) -> None:
    with store.engine.begin() as conn:
        add(conn, "Ada")
        add(conn, "Bob")
    loaded = read(store).frame().sort("customer_id").collect()
    assert columns.rebuild_from(store, loaded)
    assert read(store).touched.is_empty()
    assert read(store).frame().collect().equals(loaded)


def test_customers_are_read_after_all_if_somebody_else_touched_them(store: Store) -> None:
    with store.engine.begin() as conn:
        ada, bob = add(conn, "Ada"), add(conn, "Bob")
    loaded = read(store).frame().sort("customer_id").collect()
    with store.engine.begin() as conn:
        rename(conn, ada, "Ada Lovelace")
    assert columns.rebuild_from(store, loaded)
    assert people(read(store)) == {ada: "Ada Lovelace", bob: "Bob"}
