"""Sums of money: the quick reading of a number gives what the careful one gives, or nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segmind.customers import amounts

currencies = st.sampled_from(["USD", "JPY", "KWD"])


@given(st.one_of(st.integers(0, 10**12), st.floats(0, 1e12, allow_nan=False)), currencies)
def test_a_plain_amount_is_what_reading_it_with_care_gives(value: float, currency: str) -> None:
    plain = amounts.plain_minor(value, currency)
    exact = amounts.amount(value, "price")
    assert plain is None or plain == amounts.minor(exact, currency)
    assert plain is None or amounts.minor(exact * 3, currency) == plain * 3


@given(st.integers(0, 10**10), currencies)
def test_whole_minor_units_are_always_plain(units: int, currency: str) -> None:
    scale = amounts.minor(amounts.amount(1, "price"), currency)
    assert amounts.plain_minor(units / scale, currency) == units


@pytest.mark.parametrize("value", [-1.0, -0.005, 0.005, 1e300])
def test_what_is_not_plainly_an_amount_takes_a_closer_look(value: float) -> None:
    assert amounts.plain_minor(value, "USD") is None
