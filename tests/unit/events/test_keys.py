"""Keys are the same for ever, and the column-wise ones equal the single ones."""

from __future__ import annotations

import uuid

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from segmind.events import keys

texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=40)
ids = st.one_of(st.none(), texts, st.uuids().map(str), st.uuids().map(lambda u: str(u).upper()))


def test_keys_never_change() -> None:
    assert keys.key64("cart-17") == 6332930324664389974
    assert keys.key64("6ba7b810-9dad-11d1-80b4-00c04fd430c8") == -1507658243215122151
    assert keys.event_id("cart-17") == uuid.UUID("cf464ed4-2c03-fd91-c224-0d5aca8d91d5")
    hi, lo = keys.content_ids([np.array([1, -2]), np.array([True, False])])
    assert hi.tolist() == [-9096508390744040527, -6555566362722110905]
    assert lo.tolist() == [5036715590401069155, 3187333343193716515]


@given(st.lists(ids, max_size=20))
def test_a_column_of_keys_equals_single_keys(given: list[str | None]) -> None:
    column = keys.keys64(pl.Series("s", given, dtype=pl.String))
    assert column.name == "s"
    assert column.to_list() == [None if i is None else keys.key64(i) for i in given]


@given(st.lists(ids.filter(lambda i: i is not None), max_size=20))
def test_a_column_of_event_ids_equals_single_ones(given: list[str]) -> None:
    hi, lo = keys.event_ids(pl.Series(given, dtype=pl.String))
    assert list(zip(hi, lo, strict=True)) == [keys.halves(keys.event_id(i)) for i in given]


@given(st.uuids())
def test_halves_are_put_together_again(identifier: uuid.UUID) -> None:
    assert keys.from_halves(*keys.halves(identifier)) == identifier
    assert keys.event_id(str(identifier)) == identifier


def test_content_ids_tell_rows_apart_by_every_column_and_its_place() -> None:
    left, right = np.arange(2_000) % 40, np.arange(2_000) // 40
    hi, lo = keys.content_ids([left, right])
    assert len(set(zip(hi.tolist(), lo.tolist(), strict=True))) == 2_000
    assert len(set(hi.tolist())) == 2_000
    swapped, _ = keys.content_ids([right, left])
    assert (swapped != hi)[left != right].all()
