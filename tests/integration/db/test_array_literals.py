"""What goes to PostgreSQL as one text comes out as the values that it was made of."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from segmind.db.engine import Store
from segmind.db.literals import literal
from segmind.events.schema import Kind


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("text", []),
        ("text", [None, None]),
        ("text", ["", " ", "NULL", None, "a,b", '{"a":"\\\\"}', "größe", "{", "\n"]),
        ("text", ["\x1e", None, "\x1d", "\x1e\x1d", '"\x1e"']),
        ("text", ["\x1d", None]),
        ("bigint", [0, None, -(2**63), 2**63 - 1]),
        ("smallint", [Kind.ORDER_COMPLETED, None, 7]),
        ("boolean", [True, None, False]),
        ("date", [date(2026, 3, 1), None]),
        ("uuid", [UUID(int=0), None, UUID(int=2**128 - 1)]),
        ("timestamptz", [datetime(2026, 3, 1, 1, 2, 3, 4, tzinfo=UTC), None]),
    ],
)
def test_an_array_comes_back_as_it_was(store: Store, kind: str, values: list[Any]) -> None:
    asked = text(f"SELECT CAST(:given AS {kind}[])")
    with store.engine.connect() as conn:
        assert conn.execute(asked, {"given": literal(values)}).scalar_one() == values
