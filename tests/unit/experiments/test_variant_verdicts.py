"""A contest between variants names a winner when there is one, and seldom when there is none."""

from __future__ import annotations

import math
import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segmind.experiments.contest import Verdict, judge
from segmind.experiments.effect import Effect, NotMeasured
from segmind.experiments.moments import Moments
from segmind.experiments.power import needed_for_mean
from segmind.experiments.shares import Share
from tests.trying import examples

CONTESTS = 4_000 if os.environ.get("HYPOTHESIS_PROFILE") == "search" else 1_000
ARMS = st.dictionaries(
    st.sampled_from("ABCDE"),
    st.integers(0, 400).flatmap(
        lambda count: st.integers(0, count).map(lambda hits: Share(hits, count))
    ),
    min_size=1,
)


def drawn(rng: np.random.Generator, rates: list[float], count: int) -> Verdict:
    hits = rng.binomial(count, rates)
    return judge({name: Share(int(n), count) for name, n in zip("ABCDE", hits, strict=False)})


def test_variants_that_are_alike_have_a_winner_at_most_5_times_in_100() -> None:
    rng = np.random.default_rng(17)
    named = sum(drawn(rng, [0.05] * 4, 2_000).winner is not None for _ in range(CONTESTS))
    # What so many contests would show once in twenty times if the true share were 5 %.
    assert named / CONTESTS <= 0.05 + 1.645 * math.sqrt(0.05 * 0.95 / CONTESTS)


def test_a_variant_that_is_better_wins_and_the_worse_never_does() -> None:
    rng = np.random.default_rng(19)
    won = [drawn(rng, [0.05, 0.05, 0.08], 3_000).winner for _ in range(60)]
    assert won.count("C") > 48
    assert set(won) <= {"C", None}


def test_revenue_is_judged_by_means_and_sharpened_by_what_was_before() -> None:
    rng = np.random.default_rng(23)
    taste = {name: rng.gamma(0.5, 4.0, 2_000) for name in "AB"}
    moments = {
        name: Moments.of(rng.poisson(its) * 4_000.0 + 900.0 * (name == "B"), its * 4_000)
        for name, its in taste.items()
    }
    found = judge(moments)
    assert found.winner == "B"
    duel = found.duel("B", "A")
    assert duel is not None
    assert isinstance(duel.effect, Effect)
    assert duel.effect.variance_cut > 0.3
    assert abs(duel.effect.estimate - 900) < 600  # three standard errors


@settings(max_examples=examples(40), deadline=None)
@given(ARMS, st.booleans())
def test_every_verdict_is_finite_and_keeps_its_words(arms: dict[str, Share], over: bool) -> None:
    found = judge(arms, is_over=over)
    counted = {name: arm for name, arm in arms.items() if arm.count}
    assert (found.leader is None) == (not counted)
    if found.leader is not None:
        assert arms[found.leader].value == max(arm.value for arm in counted.values())
    assert found.winner in {None, found.leader}
    assert over or found.winner is None
    assert len(found.duels) == len(arms) * (len(arms) - 1) // 2
    for duel in found.duels:
        back = found.duel(duel.other, duel.one)
        assert back is not None
        if isinstance(duel.effect, Effect):
            assert isinstance(back.effect, Effect)
            its = duel.effect
            assert all(map(math.isfinite, (its.estimate, its.low, its.high, its.p_value)))
            assert back.effect.estimate == -its.estimate
            assert (back.effect.low, back.effect.high) == (-its.high, -its.low)
            assert duel.p_value is not None
            assert its.p_value <= duel.p_value <= 1 or duel.p_value == pytest.approx(its.p_value)
            if found.winner in {duel.one, duel.other}:
                assert duel.p_value <= 0.05
        else:
            assert isinstance(back.effect, NotMeasured)


def test_of_variants_alike_the_control_leads_and_nobody_wins() -> None:
    found = judge({"A": Share(5, 100), "B": Share(5, 100)})
    assert (found.leader, found.winner) == ("A", None)
    assert judge({"A": Share(5, 100)}).winner is None
    assert judge({"A": Share(0, 0), "B": Share(0, 0)}).leader is None
    same = Moments.of(np.zeros(9))
    assert judge({"A": same, "B": same}).winner is None


def test_the_needed_size_of_means_finds_its_difference_four_times_in_five() -> None:
    size = needed_for_mean(4_000.0, 500.0)
    assert size is not None
    rng = np.random.default_rng(29)
    found = [
        judge({name: Moments.of(rng.normal(lift, 4_000, size)) for name, lift in arms}).winner
        for arms in [(("A", 0.0), ("B", 500.0))] * 200
    ]
    assert 0.72 <= found.count("B") / 200 <= 0.88
    assert needed_for_mean(0.0, 500.0) is None
    assert needed_for_mean(4_000.0, 0.0) is None
