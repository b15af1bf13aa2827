"""Vectors over days, kept in few bytes, say the same numbers as before."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segmind.events.vectors import ranges
from segmind.events.vectors.columns import as_flags
from segmind.events.vectors.ranges import NEVER, NOT_YET
from tests.trying import examples

#: Few do it, all do it once or often, some do it too often for a byte, and what is taken back.
numbers = st.sampled_from([0, 0, 1, 2, 255, 256, 70_000, -1, 2**40])
instants = st.integers(1_700_000_000_000_000, 1_800_000_000_000_000)


@given(st.lists(numbers | st.just(1), max_size=40), st.integers(0, 50))
@settings(max_examples=examples(80))
def test_kept_counts_are_those_that_were_counted(counted: list[int], size: int) -> None:
    _check(np.array(counted, dtype=np.int64), 0, size)


@pytest.mark.parametrize("missing", [NEVER, NOT_YET])
@given(instants=st.lists(instants | st.none(), max_size=40), size=st.integers(0, 50))
@settings(max_examples=examples(40))
def test_kept_instants_are_exact(missing: int, instants: list[int | None], size: int) -> None:
    _check(np.array([missing if i is None else i for i in instants], np.int64), missing, size)


def test_counts_of_everybody_take_a_byte_each_whatever_a_few_have() -> None:
    counted = np.ones(10_000, dtype=np.int64)
    counted[17] = 10_000_000
    assert sum(array.nbytes for array in ranges._compact(counted, 0)) < 10_100


@given(st.lists(st.booleans() | st.none(), max_size=40), st.integers(0, 9))
@settings(max_examples=examples(40))
def test_flags_by_their_bits_are_the_same(flags: list[bool | None], start: int) -> None:
    column = pl.concat([pl.Series([True], dtype=pl.Boolean), pl.Series(flags, dtype=pl.Boolean)])
    for series in (column, column.slice(start)):
        assert as_flags(series).tolist() == [bool(each) for each in series]


def _check(vector: np.ndarray, missing: int, size: int) -> None:
    kept = ranges._compact(vector, missing)
    whole = np.full(size, missing, np.int64)
    length = min(size, vector.size)
    whole[:length] = vector[:length]
    assert ranges._of(kept, missing, np.int64, size).tolist() == whole.tolist()
    asked = np.arange(0, size, 3)
    assert ranges._of(kept, missing, np.int64, asked).tolist() == whole[asked].tolist()
