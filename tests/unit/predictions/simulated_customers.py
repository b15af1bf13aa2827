"""Customers drawn from the models' own story: rates, leaving and amounts by chance."""

from __future__ import annotations

import numpy as np

from segmind.predictions.bg_nbd import BgNbd
from segmind.predictions.gamma_gamma import GammaGamma
from segmind.predictions.histories import Histories


def simulated(
    model: BgNbd, customers: int, seed: int, money: GammaGamma | None = None, longest: int = 400
) -> Histories:
    """Whoever first bought on a random one of the last ``longest`` days, in days.

    Rates are far below one a day, so that days with an order are nearly the model's purchases.
    """
    chance = np.random.default_rng(seed)
    rate = chance.gamma(model.r, 1 / model.alpha, customers)
    leaves = chance.beta(model.a, model.b, customers)
    age = chance.integers(30, longest, customers)
    x, t_x, now = (np.zeros(customers) for _ in range(3))
    alive = np.ones(customers, bool)
    while alive.any():
        now[alive] += chance.exponential(1 / rate[alive])
        alive &= now < age
        x[alive] += 1
        t_x[alive] = now[alive]
        alive &= chance.random(customers) >= leaves
    purchases = x.astype(np.int64) + 1
    spent = np.full(customers, 100 * purchases)
    if money is not None:
        mean = chance.gamma(money.q, 1 / money.gamma, customers)
        total = chance.gamma(money.p * purchases, 1 / mean)
        spent = np.maximum(1, np.rint(total)).astype(np.int64)
    return Histories(purchases, np.rint(t_x).astype(np.int64), age.astype(np.int64), spent)
