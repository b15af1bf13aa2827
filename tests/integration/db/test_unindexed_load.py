"""Tables that are loaded without their indexes have the same ones afterwards."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from segmind.db.engine import Store
from segmind.db.unindexed import without_indexes

TABLES = ("customer", "identity", "device", "message")


def schema(conn: Connection) -> tuple[list[object], list[object]]:
    indexes = "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'"
    keys = "SELECT conrelid::regclass, conname, pg_get_constraintdef(oid) FROM pg_constraint"
    return (
        sorted(map(tuple, conn.execute(text(indexes)))),
        sorted(map(tuple, conn.execute(text(keys))), key=repr),
    )


def test_indexes_and_keys_come_back_as_they_were(store: Store) -> None:
    with store.engine.begin() as conn:
        before = schema(conn)
        with without_indexes(conn, TABLES):
            found = "SELECT count(*) FROM pg_indexes WHERE tablename = ANY(:tables)"
            assert conn.execute(text(found), {"tables": list(TABLES)}).scalar() == 0
            conn.execute(text("INSERT INTO device (token, customer_id) VALUES ('t', 9)"))
            conn.execute(text("INSERT INTO customer (id) VALUES (9)"))
        assert schema(conn) == before


def test_a_load_that_fails_leaves_everything_as_it_was(store: Store) -> None:
    with store.engine.connect() as conn:
        before = schema(conn)
    with (
        pytest.raises(ZeroDivisionError),
        store.engine.begin() as conn,
        without_indexes(conn, TABLES),
    ):
        conn.execute(text("INSERT INTO customer (id) VALUES (9)"))
        raise ZeroDivisionError
    with store.engine.connect() as conn:
        assert schema(conn) == before
        assert conn.execute(text("SELECT count(*) FROM customer")).scalar() == 0


def test_rows_that_break_a_key_are_refused(store: Store) -> None:
    with (
        pytest.raises(IntegrityError),
        store.engine.begin() as conn,
        without_indexes(conn, TABLES),
    ):
        conn.execute(text("INSERT INTO customer (id) VALUES (9), (9)"))
