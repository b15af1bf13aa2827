"""BG/NBD and Gamma-Gamma say what their authors published, and find what drew the customers."""

from __future__ import annotations

import csv
import math
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import gammaln
from simulated_customers import simulated

from segmind.predictions.bg_nbd import BgNbd, _log_likelihood
from segmind.predictions.gamma_gamma import GammaGamma
from segmind.predictions.histories import Histories, Kinds
from segmind.predictions.model import LEAST_RETURNED, Model
from tests.trying import examples

#: CDNOW in weeks, as published: Fader, Hardie and Lee (2005), table 2.
PUBLISHED = BgNbd(r=0.243, alpha=4.414, a=0.793, b=2.426)
#: CDNOW's repeat purchases in dollars: Fader and Hardie (2013).
PUBLISHED_SPEND = GammaGamma(p=6.25, q=3.74, gamma=15.44)
WHEN = (date(2026, 3, 1), datetime(2026, 3, 1, tzinfo=UTC))
PARAMETERS = st.builds(
    BgNbd, *(st.floats(0.05, 5), st.floats(0.5, 60), st.floats(0.1, 4), st.floats(0.2, 6))
)


def one(*numbers: float) -> list[np.ndarray]:
    return [np.array([float(n)]) for n in numbers]


def test_the_published_expectation_of_a_cdnow_customer() -> None:
    """Fader, Hardie and Lee's spreadsheet note: customer 1, two repeats, 39 weeks ahead."""
    assert PUBLISHED.expected(*one(2, 30.43, 38.86), 39)[0] == pytest.approx(1.226, abs=5e-4)


def test_a_purchase_is_worth_something_between_the_shops_mean_and_the_customers_own() -> None:
    """Fader and Hardie (2013), equation 5: a weighted average of the two."""
    assert PUBLISHED_SPEND.mean == pytest.approx(35.2, abs=0.05)
    own = PUBLISHED_SPEND.expected(*one(1, 22.35))[0]
    assert 22.35 < own < PUBLISHED_SPEND.mean
    weight = PUBLISHED_SPEND.p / (PUBLISHED_SPEND.p + PUBLISHED_SPEND.q - 1)
    assert own == pytest.approx((1 - weight) * PUBLISHED_SPEND.mean + weight * 22.35)


def likelihood_by_definition(model: BgNbd, x: int, t_x: float, age: float) -> float:
    """The individual's likelihood (equation 3) averaged over rates and chances of leaving."""

    def of_rate(rate: float, power: float, until: float) -> float:
        log = model.r * math.log(model.alpha) - gammaln(model.r)
        return math.exp(log + (model.r + power - 1) * math.log(rate) - (model.alpha + until) * rate)

    def of_leaving(stays: float, leaves: float) -> float:
        log = gammaln(model.a + leaves) + gammaln(model.b + stays)
        log -= gammaln(model.a + model.b + stays + leaves)
        return math.exp(log + gammaln(model.a + model.b) - gammaln(model.a) - gammaln(model.b))

    stayed = quad(lambda rate: of_rate(rate, x, age), 0, np.inf, limit=200)[0]
    total = stayed * of_leaving(x, 0)
    if x:
        left = quad(lambda rate: of_rate(rate, x, t_x), 0, np.inf, limit=200)[0]
        total += left * of_leaving(x - 1, 1)
    return total


@pytest.mark.parametrize(("x", "t_x", "age"), [(0, 0, 20), (1, 3, 20), (4, 18, 20), (9, 6, 30)])
def test_the_likelihood_is_the_integral_that_it_stands_for(x: int, t_x: float, age: float) -> None:
    model = BgNbd(r=1.3, alpha=6.0, a=0.8, b=2.4)
    kinds = Kinds(*one(x, t_x, age, 1), of_customer=np.zeros(1, int))
    by_definition = likelihood_by_definition(model, x, t_x, age)
    assert model.log_likelihood(kinds) == pytest.approx(math.log(by_definition), rel=1e-6)


@settings(max_examples=examples(30))
@given(PARAMETERS, st.integers(0, 400), st.floats(0, 1), st.integers(1, 2_000), st.integers(1, 730))
def test_predictions_are_always_numbers_that_make_sense(
    model: BgNbd, x: int, part: float, age: int, days: int
) -> None:
    history = one(x, round(part * age) if x else 0, age)
    alive = model.alive(*history)[0]
    soon, later = (model.expected(*history, ahead)[0] for ahead in (days, 2 * days))
    assert 0 <= alive <= 1
    assert 0 <= soon <= later * (1 + 1e-9) + 1e-12
    assert math.isfinite(later)
    # Nobody buys more than at the rate that his history suggests, were he never to leave.
    assert soon <= (model.r + x) / (model.alpha + age) * days * (1 + 1e-6)
    assert model.alive(*one(0, 0, age))[0] == 1


@settings(max_examples=examples(20))
@given(PARAMETERS, st.integers(0, 60), st.integers(1, 300), st.integers(1, 365))
def test_expectations_do_not_jump_where_the_formula_divides_by_nothing(
    model: BgNbd, x: int, age: int, days: int
) -> None:
    near = [
        BgNbd(model.r, model.alpha, a, model.b).expected(*one(x, age if x else 0, age), days)[0]
        for a in (1 - 1e-3, 1.0, 1 + 1e-3)
    ]
    assert near[1] == pytest.approx((near[0] + near[2]) / 2, rel=1e-3, abs=1e-9)


def test_the_gradient_is_that_of_the_likelihood() -> None:
    kinds = simulated(BgNbd(0.5, 12.0, 0.9, 2.5), 200, seed=3).kinds
    at, step = np.array([0.7, 9.0, 1.1, 1.9]), 1e-5
    _, gradient = _log_likelihood(at, kinds)
    for n in range(4):
        more, less = at.copy(), at.copy()
        more[n] += step
        less[n] -= step
        slope = (_log_likelihood(more, kinds)[0] - _log_likelihood(less, kinds)[0]) / (2 * step)
        assert gradient[n] == pytest.approx(slope, rel=1e-4)


def test_the_model_that_drew_the_customers_is_found_again() -> None:
    drawn, money = BgNbd(r=0.6, alpha=12.0, a=0.9, b=2.8), GammaGamma(p=5.0, q=4.0, gamma=1_500.0)
    histories = simulated(drawn, 60_000, seed=7, money=money)
    found = BgNbd.fitted(histories.kinds)
    assert found.log_likelihood(histories.kinds) >= drawn.log_likelihood(histories.kinds)
    for name, tolerance in (("r", 0.05), ("alpha", 0.05), ("a", 0.2), ("b", 0.2)):
        assert getattr(found, name) == pytest.approx(getattr(drawn, name), rel=tolerance), name
    spend = GammaGamma.fitted(histories.purchases, histories.spent)
    for name in ("p", "q", "gamma"):
        assert getattr(spend, name) == pytest.approx(getattr(money, name), rel=0.1), name


def test_equal_histories_are_counted_once_and_everybody_finds_his() -> None:
    histories = Histories(*(np.array(each) for each in ([1, 3, 1, 3], [0, 5, 0, 4], [9, 9, 9, 9],
                                                        [10, 20, 30, 40])))  # fmt: skip
    kinds = histories.kinds
    assert kinds.weight.sum() == 4
    assert kinds.repeats.size == 3
    assert kinds.repeats[kinds.of_customer].tolist() == [0, 2, 0, 2]
    assert kinds.recency[kinds.of_customer].tolist() == [0, 5, 0, 4]


def test_too_few_who_came_back_make_no_model() -> None:
    few = LEAST_RETURNED - 1
    histories = Histories(*(np.full(few, n) for n in (2, 5, 9, 100)))
    assert Model.fitted(*WHEN, histories) is None
    nobody = Histories(*(np.zeros(0, int) for _ in range(4)))
    assert Model.fitted(*WHEN, nobody) is None


def test_equal_customers_and_spending_nothing_still_give_finite_answers() -> None:
    for spent in (0, 1, 10**9):
        histories = Histories(*(np.full(500, n) for n in (2, 5, 9, spent)))
        made = Model.fitted(*WHEN, histories)
        assert made is not None
        found = made.forecast(histories, 90)
        assert np.isfinite(found.orders).all()
        assert np.isfinite(found.alive).all()
        assert (made.spending is None) == (spent == 0)


@pytest.mark.real_data
def test_cdnow_gives_the_published_parameters(real_data: Path) -> None:
    """The tenth of CDNOW's customers that the papers use (weeks and dollars), where it is there."""
    path = real_data / "cdnow_customers_summary_with_transactions.csv"
    if not path.exists():
        pytest.skip(f"{path.name} is not in {real_data}.")
    with path.open() as file:
        rows = [{k: float(v) for k, v in row.items()} for row in csv.DictReader(file)]
    x, t_x, age, mean = (
        np.array([row[name] for row in rows]) for name in ("x", "t_x", "T", "zbar")
    )
    kinds = Kinds(x, t_x, age, np.ones(x.size), np.arange(x.size))
    found = BgNbd.fitted(kinds)
    assert (found.r, found.alpha, found.a, found.b) == pytest.approx(
        (0.243, 4.414, 0.793, 2.426), abs=1e-3
    )
    assert found.log_likelihood(kinds) == pytest.approx(-9582.4, abs=0.05)
    again = x > 0
    cents = np.rint(mean[again] * x[again] * 100).astype(np.int64)
    spend = GammaGamma.fitted(x[again].astype(np.int64), cents)
    assert again.sum() == 946
    assert (spend.p, spend.q, spend.gamma / 100) == pytest.approx((6.25, 3.74, 15.44), abs=0.02)
