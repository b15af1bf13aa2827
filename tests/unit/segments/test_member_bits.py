"""Members as bits say what sets of ids say."""

from __future__ import annotations

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from segmind.events.merges import Merges
from segmind.segments import member_bits
from tests.trying import examples

members = st.sets(st.integers(0, 70) | st.just(5_000), max_size=20)


@given(members, members)
@settings(max_examples=examples(80))
def test_who_came_and_who_went_are_differences_of_sets(before: set[int], now: set[int]) -> None:
    then, since = _bits(before), _bits(now)
    assert member_bits.ids_of(since).to_list() == sorted(now)
    assert member_bits.count(since) == len(now)
    assert member_bits.ids_of(member_bits.without(since, then)).to_list() == sorted(now - before)
    assert member_bits.ids_of(member_bits.without(then, since)).to_list() == sorted(before - now)


@given(members, st.dictionaries(st.integers(0, 90), st.integers(100, 110), max_size=8))
@settings(max_examples=examples(40))
def test_members_who_were_merged_are_there_under_the_id_that_remained(
    before: set[int], into: dict[int, int]
) -> None:
    merged = sorted(into.items())
    schema = {"from_id": pl.Int64, "into_id": pl.Int64}
    merges = Merges(pl.DataFrame(merged, schema=schema, orient="row"))
    now = member_bits.ids_of(member_bits.as_now(_bits(before), merges))
    assert now.to_list() == sorted({into.get(each, each) for each in before})


def _bits(ids: set[int]) -> member_bits.Bits:
    return member_bits.of_ids(np.array(sorted(ids), dtype=np.int64))
