"""The retry budget: retries never bury a provider."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from segmind.messages.retry import RetryBudget


def test_retries_are_a_fifth_of_first_attempts_and_a_few_besides() -> None:
    at = 0.0
    budget = RetryBudget(now=lambda: at)
    assert budget.spend(0, 10_000) == 500  # what every process may begin with
    assert budget.spend(1_000, 10_000) == 200
    assert budget.spend(0, 10_000) == 0
    at = 5.0
    assert budget.spend(0, 10_000) == 100


@given(st.lists(st.tuples(st.integers(0, 500), st.integers(0, 500), st.floats(0, 10)), max_size=60))
def test_it_never_grants_more_than_it_has_earned(calls: list[tuple[int, int, float]]) -> None:
    at = 0.0
    budget = RetryBudget(now=lambda: at)
    granted = firsts = 0
    for first, retries, seconds in calls:
        at += seconds
        firsts += first
        given_now = budget.spend(first, retries)
        assert 0 <= given_now <= retries
        granted += given_now
    assert granted <= 500 + 0.2 * firsts + 20.0 * at + 1
