"""What comes by itself: exact where everybody was watched, never falling where some were not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.duration.survfunc import SurvfuncRight

from segmind.automations.backtest.organic import AFTER, summed
from segmind.automations.backtest.timeline import NEVER
from tests.trying import examples

SECOND = 1_000_000
LONG = 400_000 * SECOND  # longer than every delay
#: A run's time to its goal (None: never) and how long it could be watched, in seconds.
RUNS = st.lists(
    st.tuples(st.none() | st.integers(0, 300_000), st.integers(0, 300_000)), max_size=30
)


def curve(runs: list[tuple[int | None, int]], watched: int | None = None) -> list[float | None]:
    lengths = np.array([watched if watched is not None else w * SECOND for _, w in runs], np.int64)
    took = np.array([NEVER if t is None else t * SECOND for t, _ in runs], np.int64)
    took = np.where(took <= lengths, took, NEVER)  # nothing is known of what comes later
    return [each.share for each in summed(took, lengths)]


@settings(max_examples=examples(60), deadline=None)
@given(RUNS)
def test_where_everybody_was_watched_it_is_the_plain_share(
    runs: list[tuple[int | None, int]],
) -> None:
    reached = [sum(t is not None and t <= s for t, _ in runs) for s in AFTER]
    expected = [n / len(runs) if runs else None for n in reached]
    assert curve(runs, LONG) == pytest.approx(expected)


@settings(max_examples=examples(60), deadline=None)
@given(RUNS)
def test_it_never_falls_and_says_nothing_of_what_nobody_was_watched_for(
    runs: list[tuple[int | None, int]],
) -> None:
    found = curve(runs)
    told = [share for share in found if share is not None]
    assert told == sorted(told)
    assert all(0 <= share <= 1 for share in told)
    assert [share is None for share in found] == [
        not any(watched >= s for _, watched in runs) for s in AFTER
    ]


def test_many_who_have_just_come_do_not_make_it_fall() -> None:
    old = [(600, 200_000)] * 10 + [(None, 200_000)] * 90
    new = [(600, 1_000)] * 500  # of these nobody knows what comes after 1,000 seconds
    share = curve(old + new)
    assert share[0] == pytest.approx(510 / 600)
    assert share[3] == share[1] == share[0]


@settings(max_examples=examples(40), deadline=None)
@given(RUNS.filter(len))
def test_it_is_the_estimate_of_statsmodels(runs: list[tuple[int | None, int]]) -> None:
    is_there = [t is not None and t <= watched for t, watched in runs]
    ends = [t if there else watched for (t, watched), there in zip(runs, is_there, strict=True)]
    theirs = SurvfuncRight(np.array(ends), np.array(is_there, int))
    for seconds, share in zip(AFTER, curve(runs), strict=True):
        if share is not None:
            until = theirs.surv_prob[theirs.surv_times <= seconds]
            assert share == pytest.approx(1 - until[-1] if until.size else 0.0)
