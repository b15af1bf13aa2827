"""COPY carries every value there and back unchanged."""

from __future__ import annotations

from datetime import UTC, date, datetime

import polars as pl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from segmind.db.copy import copy_in, copy_out
from segmind.db.engine import Store

SCHEMA: dict[str, pl.DataType] = {
    "n": pl.Int64(),
    "words": pl.String(),
    "flag": pl.Boolean(),
    "at": pl.Datetime("us", "UTC"),
    "day": pl.Date(),
}
ROW = st.fixed_dictionaries(
    {
        "n": st.none() | st.integers(-(2**63), 2**63 - 1),
        "words": st.none()
        | st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=12),
        "flag": st.none() | st.booleans(),
        "at": st.none()
        | st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
        "day": st.none() | st.dates(date(1900, 1, 1), date(2200, 1, 1)),
    }
)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(rows=st.lists(ROW, max_size=8))
def test_what_goes_in_comes_out(store: Store, rows: list[dict[str, object]]) -> None:
    frame = pl.DataFrame(rows, schema=SCHEMA, orient="row")
    with store.engine.begin() as conn:
        conn.execute(
            text(
                "CREATE TEMP TABLE t (i serial, n bigint, words text, flag boolean, "
                "at timestamptz, day date) ON COMMIT DROP"
            )
        )
        copy_in(conn, "t", frame)
        back = copy_out(conn, "SELECT n, words, flag, at, day FROM t ORDER BY i", SCHEMA)
    assert back.equals(frame)


def test_parameters_are_bound(store: Store) -> None:
    with store.engine.begin() as conn:
        frame = copy_out(conn, "SELECT %s::text AS words", {"words": pl.String()}, ("a'b",))
    assert frame["words"].to_list() == ["a'b"]
