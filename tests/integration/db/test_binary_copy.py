"""What is copied in binary is read back as it was."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import DataError

from segmind.db import binary_copy
from segmind.db.binary_copy import BIGINT, BOOLEAN, INSTANT, INTEGER, SMALLINT, TEXT, UUID
from segmind.db.engine import Store
from tests.trying import examples

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TYPES = {
    "b": (BIGINT, "bigint", st.integers(-(2**63), 2**63 - 1)),
    "i": (INTEGER, "integer", st.integers(-(2**31), 2**31 - 1)),
    "s": (SMALLINT, "smallint", st.integers(-(2**15), 2**15 - 1)),
    "f": (BOOLEAN, "boolean", st.booleans()),
    "t": (INSTANT, "timestamptz", st.integers(-(10**16), 10**17)),
    "x": (TEXT, "text", st.text(st.characters(exclude_characters="\x00", codec="utf-8"))),
    "y": (TEXT, "text", st.sampled_from(["", "USD", '{"a":1}'])),
}
rows = st.tuples(
    *(st.none() | values for _, _, values in TYPES.values()), st.binary(min_size=16, max_size=16)
)


@settings(max_examples=examples(30), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(rows, min_size=1, max_size=6))
def test_any_values_come_back(store: Store, given_rows: list[tuple[Any, ...]]) -> None:
    columns = {
        name: (kind, [row[place] for row in given_rows])
        for place, (name, (kind, _, _)) in enumerate(TYPES.items())
    }
    columns["u"] = (UUID, [row[-1] for row in given_rows])
    listed = ", ".join(f"{name} {sql}" for name, (_, sql, _) in TYPES.items())
    with store.engine.begin() as conn:
        conn.execute(text(f"CREATE TEMP TABLE t (n serial, {listed}, u uuid) ON COMMIT DROP"))
        binary_copy.copy_in(conn, "t", columns)
        names = ", ".join((*TYPES, "u"))
        found = [tuple(row) for row in conn.execute(text(f"SELECT {names} FROM t ORDER BY n"))]
    assert found == [
        (*row[:4], None if row[4] is None else EPOCH + timedelta(microseconds=row[4]), *row[5:7],
         uuid.UUID(bytes=row[7]))
        for row in given_rows
    ]  # fmt: skip


def test_a_column_of_nulls_has_the_tables_default(store: Store) -> None:
    with store.engine.begin() as conn:
        conn.execute(text("CREATE TEMP TABLE t (a bigint DEFAULT 7, b bigint) ON COMMIT DROP"))
        binary_copy.copy_in(conn, "t", {"a": (BIGINT, [None, None]), "b": (BIGINT, [1, 2])})
        assert list(conn.execute(text("SELECT a, b FROM t ORDER BY b"))) == [(7, 1), (7, 2)]


@pytest.mark.parametrize(
    ("kind", "value", "error"),
    [
        (SMALLINT, 2**15, OverflowError),
        (BIGINT, 2**63, OverflowError),
        (TEXT, "a\x00b", DataError),
    ],
)
def test_what_does_not_fit_is_refused(
    store: Store, kind: binary_copy.Type, value: Any, error: type[Exception]
) -> None:
    with store.engine.begin() as conn:
        conn.execute(text("CREATE TEMP TABLE t (a text) ON COMMIT DROP"))
        with pytest.raises(error), conn.begin_nested():
            binary_copy.copy_in(conn, "t", {"a": (kind, [value])})
