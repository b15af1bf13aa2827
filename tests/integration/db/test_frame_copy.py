"""Frames that are copied in binary are read back as they were."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import DataError, IntegrityError

from segmind.db import frame_copy
from segmind.db.engine import Store
from tests.trying import examples

INSTANT = pl.Datetime("us", "UTC")
EPOCH, TICK = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)
texts = st.text(st.characters(exclude_characters="\x00", codec="utf-8"))
#: By name: the frame's type, the table's, and values.
COLUMNS: dict[str, tuple[Any, str, st.SearchStrategy[Any]]] = {
    "b": (pl.Int64(), "bigint", st.integers(-(2**63), 2**63 - 1)),
    "i": (pl.Int32(), "integer", st.integers(-(2**31), 2**31 - 1)),
    "s": (pl.Int16(), "smallint", st.integers(-(2**15), 2**15 - 1)),
    "t": (INSTANT, "timestamptz", st.integers(-(10**15), 10**16).map(lambda n: EPOCH + n * TICK)),
    "x": (pl.String(), "text", texts),
    "y": (pl.Binary(), "bytea", st.binary(max_size=40)),
    "u": (pl.Binary(), "uuid", st.binary(min_size=16, max_size=16)),
    "j": (pl.String(), "jsonb", st.dictionaries(st.sampled_from("abc"), texts).map(json.dumps)),
}
rows = st.fixed_dictionaries({n: st.none() | values for n, (_, _, values) in COLUMNS.items()})
SCHEMA = {name: kind for name, (kind, _, _) in COLUMNS.items()}
LISTED = ", ".join(f"{name} {sql}" for name, (_, sql, _) in COLUMNS.items())


def read(value: Any, name: str) -> Any:
    """The value as the driver reads it."""
    if value is None:
        return None
    if name == "u":
        return uuid.UUID(bytes=value)
    return json.loads(value) if name == "j" else value


@settings(max_examples=examples(30), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(rows, max_size=6), rows, st.sampled_from([2, 4_096]))
def test_any_values_come_back(
    store: Store, listed: list[dict[str, Any]], same: dict[str, Any], size: int
) -> None:
    frame = pl.DataFrame(listed, schema=SCHEMA)
    shared = pl.DataFrame([same], schema=SCHEMA).rename(lambda name: f"same_{name}")
    same_listed = ", ".join(f"same_{n} {sql}" for n, (_, sql, _) in COLUMNS.items() if n != "j")
    with store.engine.begin() as conn, pytest.MonkeyPatch.context() as patched:
        patched.setattr(frame_copy, "_SLICE", size)
        conn.execute(
            text(f"CREATE TEMP TABLE t (n serial, {LISTED}, {same_listed}) ON COMMIT DROP")
        )
        count = frame_copy.copy_frame(conn, "t", frame, shared.drop("same_j"), json="j")
        found = [row._asdict() for row in conn.execute(text("SELECT * FROM t ORDER BY n"))]
    assert count == len(found)
    assert [{n: row[n] for n in COLUMNS} for row in found] == [
        {name: read(value, name) for name, value in row.items()} for row in listed
    ]
    for row in found:
        assert all(row[f"same_{n}"] == read(same[n], n) for n in COLUMNS if n != "j")


@pytest.mark.parametrize(
    ("value", "error"), [("a\x00b", DataError), (None, IntegrityError), ("twice", IntegrityError)]
)
def test_what_postgresql_refuses_is_refused_whole(
    store: Store, value: str | None, error: type[Exception]
) -> None:
    frame = pl.DataFrame({"a": ["one", "twice", value]})
    with store.engine.begin() as conn:
        conn.execute(text("CREATE TEMP TABLE t (a text PRIMARY KEY, b bigint) ON COMMIT DROP"))
        with pytest.raises(error), conn.begin_nested():
            frame_copy.copy_frame(conn, "t", frame, pl.DataFrame({"b": [7]}))
        assert conn.execute(text("SELECT count(*) FROM t")).scalar_one() == 0
