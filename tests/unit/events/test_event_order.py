"""Quick ways to sort events and to find repeated ids answer as the plain ones."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segmind.events import daily_files, double_ids, event_order
from segmind.events.event_order import EVENT_ORDER, in_order
from segmind.events.schema import EVENT_COLUMNS

BASE = 1_772_000_000_000_000
SMALL = st.integers(-3, 3)
LARGE = st.sampled_from([1, 7, 2**40, 2**62])


def events(rows: list[tuple[int, ...]]) -> pl.DataFrame:
    names = ["event_hi", "event_lo", "ts", "customer_id", "kind"]
    schema = {name: EVENT_COLUMNS[name] for name in names} | {"ts": pl.Int64()}
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    return frame.with_columns(pl.col("ts").cast(EVENT_COLUMNS["ts"])).with_row_index("place")


@st.composite
def logs(draw: st.DrawFn) -> pl.DataFrame:
    unit = draw(st.sampled_from([1, 1_000, 1_000_000]))
    customers = draw(st.sampled_from([SMALL.map(abs), LARGE, SMALL]))
    times = st.integers(0, 4).map(lambda t: BASE + t * unit)
    row = st.tuples(SMALL, SMALL, times, customers, st.integers(1, 3))
    return events(draw(st.lists(row, max_size=40)))


@given(logs())
def test_events_are_sorted_by_every_column_of_the_order(given: pl.DataFrame) -> None:
    plain = given.sort(EVENT_ORDER).select(EVENT_ORDER)
    assert in_order(given).select(EVENT_ORDER).equals(plain)


def test_what_does_not_fit_into_one_integer_is_sorted_all_the_same() -> None:
    given = events([(0, 0, BASE + 1, 2**61, 3), (0, 0, BASE, 2**61, 3), (0, 0, BASE, 5, 1)])
    assert event_order._key(given) is None
    assert in_order(given)["place"].to_list() == [2, 1, 0]


@given(logs())
def test_the_first_of_each_id_stays_in_place(given: pl.DataFrame) -> None:
    plain = given.unique(subset=double_ids.ID, keep="first", maintain_order=True)
    assert double_ids.first_of_each(given).equals(plain)


@given(logs(), logs(), st.integers(1, 50))
def test_known_ids_are_left_out(given: pl.DataFrame, known: pl.DataFrame, times: int) -> None:
    fresh = given.unique(subset=double_ids.ID, keep="first", maintain_order=True)
    # Many rows of other ids, so that the few shared ones are looked for one by one.
    others = events([(9, 100 + i, BASE, 1, 1) for i in range(times * 40)])
    fresh = pl.concat([fresh, others])
    plain = fresh.join(known, on=double_ids.ID, how="anti", maintain_order="left")
    assert double_ids.new_ones(fresh, known).equals(plain)


@pytest.mark.parametrize("shuffled", [False, True])
def test_days_are_utc_days_and_keep_their_order(shuffled: bool) -> None:
    given = events([(0, i, BASE + i * 7_200_000_000, 1, 1) for i in range(40)])
    given = given.sample(fraction=1, shuffle=True, seed=3) if shuffled else given
    parts = daily_files.by_day(given)
    assert list(parts) == sorted(parts)
    assert sum(part.height for part in parts.values()) == 40
    for day, part in parts.items():
        assert set(part["ts"].dt.date()) == {day}
        plain = given.filter(pl.col("ts").dt.date() == day)
        assert part["place"].to_list() == plain["place"].to_list()
    assert daily_files.by_day(given.clear()) == {}
    before_1970 = given.head(1).with_columns(ts=pl.lit(datetime(1969, 12, 31, 23, tzinfo=UTC)))
    assert [str(day) for day in daily_files.by_day(before_1970)] == ["1969-12-31"]
