"""Assignment is the same everywhere, for ever, even and independent."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segmind.experiments import assignment
from segmind.experiments.assignment import bucket
from segmind.experiments.holdouts import InvalidShare, in_holdout
from segmind.experiments.variants import InvalidVariants, Variant, variant_of

FROZEN = [1108, 2162, 3825, 4332]
IDS = pl.Series("customer_id", range(1, 100_001), dtype=pl.Int64)


def test_the_mixing_is_that_of_splitmix64() -> None:
    # The published sequence of SplitMix64 seeded with 1234567 (Vigna's reference code).
    state, found = 1234567, []
    for _ in range(5):
        state = (state + assignment._GAMMA) % 2**64
        found.append(assignment._mix(state))
    assert found == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ]


def test_buckets_never_change() -> None:
    assert [bucket(n, "spring") for n in (1, 2, 3, 10**12)] == FROZEN


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 2**63 - 1), min_size=1, max_size=20), st.text(max_size=20))
def test_python_and_columns_agree(ids: list[int], salt: str) -> None:
    series = pl.Series("customer_id", ids, dtype=pl.Int64)
    expected = [bucket(n, salt) for n in ids]
    assert bucket(series, salt).to_list() == expected
    assert series.to_frame().select(bucket(pl.col("customer_id"), salt)).to_series().to_list() == (
        expected
    )


def test_buckets_are_even() -> None:
    counts = (bucket(IDS, "evenness") // 1000).value_counts()["count"]
    # 10 classes of 10,000: chi-squared with 9 degrees of freedom stays below 27.9 (p = 0.001).
    assert sum((n - 10_000) ** 2 / 10_000 for n in counts) < 27.9


def test_salts_are_independent() -> None:
    both = in_holdout(IDS, "a", 10) & in_holdout(IDS, "b", 10)
    assert 900 < both.sum() < 1100


def test_a_growing_holdout_keeps_who_was_in_it() -> None:
    small, large = in_holdout(IDS, "x", 5), in_holdout(IDS, "x", 10)
    assert (small & ~large).sum() == 0
    assert abs(small.mean() - 0.05) < 0.005
    assert in_holdout(IDS, "x", 0).sum() == 0
    assert in_holdout(IDS, "x", 100).all()
    assert in_holdout(IDS.head(50), "x", 5).to_list() == [
        in_holdout(n, "x", 5) for n in range(1, 51)
    ]


@pytest.mark.parametrize("percent", [-1, 100.5])
def test_a_share_outside_zero_to_a_hundred_is_refused(percent: float) -> None:
    with pytest.raises(InvalidShare):
        in_holdout(1, "x", percent)


def test_variants_share_by_weight_and_apart_from_the_holdout() -> None:
    arms = [Variant("A", 2), Variant("B", 1)]
    shown = IDS.to_frame().select(
        variant_of(pl.col("customer_id"), "x", arms).alias("arm"),
        in_holdout(pl.col("customer_id"), "x", 20).alias("held"),
    )
    for held in (True, False):
        share = (shown.filter(held=held)["arm"] == "A").mean()
        assert abs(share - 2 / 3) < 0.02
    first = shown["arm"].head(50).to_list()
    assert first == [variant_of(n, "x", arms) for n in range(1, 51)]


@pytest.mark.parametrize(
    "arms", [[], [Variant("A"), Variant("A")], [Variant("A", 0)], [Variant("A", -1)]]
)
def test_variants_need_names_and_weights(arms: list[Variant]) -> None:
    with pytest.raises(InvalidVariants):
        variant_of(1, "x", arms)
