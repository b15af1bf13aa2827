"""Runs of neighbouring rows add up to the rows."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segmind.events import runs as module
from segmind.events.runs import DAY_KEY, RUN_KEY, merged, runs
from segmind.events.schema import UTC_INSTANT
from tests.trying import examples

SCHEMA = {
    "day": pl.Date,
    "customer_id": pl.Int64,
    "kind": pl.Int16,
    "session_key": pl.Int64,
    "ts": UTC_INSTANT,
    "value": pl.Int64,
    "quantity": pl.Int32,
}
START = datetime(2026, 3, 1, tzinfo=UTC)
number = st.none() | st.integers(-3, 3)
row = st.tuples(
    st.sampled_from([date(2026, 3, 1), date(2026, 3, 2)]),
    st.integers(1, 2),
    st.integers(1, 2),
    st.sampled_from([None, 0, 1]),
    st.integers(0, 9).map(lambda n: START + timedelta(hours=n)),
    number,
    number,
)


def summed(frame: pl.DataFrame, n: pl.Expr, first: str, last: str) -> list[tuple[object, ...]]:
    whole = frame.group_by(RUN_KEY).agg(
        n.alias("count"),
        pl.col("value", "quantity").cast(pl.Int64).sum(),
        pl.col(first).min().alias("first"),
        pl.col(last).max().alias("last"),
    )
    return sorted(whole.rows(), key=repr)


@settings(max_examples=examples(40))
@given(st.lists(row, max_size=30))
def test_runs_add_up_to_the_rows_and_no_two_neighbours_are_of_one_run(rows: list[tuple]) -> None:  # type: ignore[type-arg]
    frame = pl.DataFrame(rows, schema=SCHEMA, orient="row")
    made = runs(frame)
    assert summed(made, pl.col("n").sum(), "first_ts", "last_ts") == summed(
        frame, pl.len().cast(pl.Int64), "ts", "ts"
    )
    keys = made.select(RUN_KEY).rows()
    assert all(one != other for one, other in itertools.pairwise(keys))


@pytest.mark.parametrize("largest", [2**63 - 1, 0])
@settings(max_examples=examples(30))
@given(rows=st.lists(row, max_size=30))
def test_runs_of_a_day_are_merged_in_order_also_where_no_integer_holds_the_key(
    rows: list[tuple],  # type: ignore[type-arg]
    largest: int,
) -> None:
    frame = pl.DataFrame(rows, schema=SCHEMA, orient="row")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(module, "_LARGEST", largest)
        made = merged(runs(frame))
    whole = frame.group_by(DAY_KEY).agg(
        pl.len().cast(pl.Int64).alias("n"),
        pl.col("value", "quantity").cast(pl.Int64).sum(),
        pl.col("ts").min().alias("first_ts"),
        pl.col("ts").max().alias("last_ts"),
    )
    assert made.equals(whole.sort(DAY_KEY))


def test_a_visits_neighbouring_rows_become_one() -> None:
    day, hour = date(2026, 3, 1), timedelta(hours=1)
    rows = [(day, 1, 1, 7, START + i * hour, 5, None) for i in range(4)]
    made = runs(pl.DataFrame(rows, schema=SCHEMA, orient="row"))
    assert made.rows() == [(day, 1, 1, 7, 4, 20, 0, START, START + 3 * hour)]
