from __future__ import annotations

from segmind.api.rates import MOST_CALLERS, Rate, Rates


def _rates(at: list[float]) -> Rates:
    return Rates(Rate(per_second=2, burst=3), now=lambda: at[0])


def test_a_burst_passes_and_then_the_rate_holds() -> None:
    at = [0.0]
    rates = _rates(at)
    assert [rates.wait("a") for _ in range(4)] == [0, 0, 0, 0.5]
    at[0] = 0.5
    assert rates.wait("a") == 0
    assert rates.wait("a") == 0.5


def test_callers_do_not_wait_for_each_other() -> None:
    rates = _rates([0.0])
    for _ in range(3):
        rates.wait("a")
    assert rates.wait("a") > 0
    assert rates.wait("b") == 0


def test_waiting_longer_gives_no_more_than_the_burst() -> None:
    at = [0.0]
    rates = _rates(at)
    at[0] = 1_000_000.0
    assert [rates.wait("a") for _ in range(4)][-1] > 0


def test_the_silent_are_forgotten_first() -> None:
    rates = _rates([0.0])
    for n in range(MOST_CALLERS + 10):
        rates.wait(str(n))
    assert len(rates._buckets) == MOST_CALLERS
    assert "0" not in rates._buckets
