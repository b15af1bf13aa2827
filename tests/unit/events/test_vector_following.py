"""The first later moment of another act, told with one sorted search."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from segmind.events.vectors.following import next_after
from segmind.events.vectors.ranges import NOT_YET
from tests.trying import examples

moments = st.lists(st.tuples(st.integers(0, 5), st.integers(-4, 12)), max_size=30)
#: Apart enough that customers and instants of two acts no longer fit into one integer.
far = st.sampled_from([1, 2**58])


def _arrays(rows: list[tuple[int, int]], scale: int) -> tuple[np.ndarray, np.ndarray]:
    columns = np.array(rows, dtype=np.int64).reshape(-1, 2)
    return columns[:, 0], columns[:, 1] * scale


@given(moments, moments, far)
@settings(max_examples=examples(80))
def test_every_moment_finds_the_first_strictly_later_one_of_its_customer(
    firsts: list[tuple[int, int]], thens: list[tuple[int, int]], scale: int
) -> None:
    found = next_after(_arrays(firsts, scale), _arrays(thens, scale))
    expected = [
        (
            who,
            at * scale,
            min((t * scale for w, t in thens if w == who and t > at), default=NOT_YET),
        )
        for who, at in sorted(set(firsts))
    ]
    assert list(zip(*(column.tolist() for column in found), strict=True)) == expected
