"""How long it takes to understand customers: fitting, scoring, cohorts, groups, thresholds, hours.

Usage: SEGMIND_HOME=... customers.py [--times N] [--customers N]

First a shop of ``--customers`` buyers that is drawn from the models themselves, in memory: fitting
both models and scoring everybody. Then the reads of the page Customer insight on the store of
SEGMIND_HOME, first and warm (median), and the same with an order before each question. It writes
nothing.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, datetime
from itertools import islice
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from scripts.bench.machine import describe_machine
from scripts.bench.reads import moving
from scripts.bench.statistics import median
from segmind import clock
from segmind.analytics import forecast_check, lapse, predicting, retention, rfm_groups, send_hours
from segmind.analytics.funnel import conversion
from segmind.analytics.period import Period
from segmind.customers import purchases
from segmind.customers.facts import Facts, read_facts
from segmind.db.engine import open_store
from segmind.predictions.histories import Histories
from segmind.predictions.kept import Models
from segmind.predictions.model import Model
from segmind.segments.compile import matched
from segmind.segments.rule import parse
from segmind.settings import from_environment
from segmind.workspace import product_clock

PREDICTED = {"type": "predicted", "what": "predicted_value", "op": "at_least", "n": 5000}


def main() -> int:
    parser = argparse.ArgumentParser(description="Time what is asked about customers.")
    parser.add_argument("--times", type=int, default=5, help="how often each read is asked warm")
    parser.add_argument("--customers", type=int, default=3_700_000, help="buyers to be drawn")
    parser.add_argument("--drawn-only", action="store_true", help="leave the store out")
    options = parser.parse_args()
    print(describe_machine())
    _of_drawn(options.customers)
    if not options.drawn_only:
        _of_store(options.times)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"memory: {peak:,.0f} MB at most")
    return 0


def _of_drawn(customers: int) -> None:
    histories = drawn(customers, seed=1)
    print(f"{customers:,} buyers, {int((histories.purchases > 1).sum()):,} of whom came back")
    took, kinds = _timed(lambda: histories.kinds)
    print(f"  tell histories apart   {took:>8.2f} s   {kinds.repeats.size:,} different ones")
    now = datetime(2026, 3, 1, tzinfo=clock.now().tzinfo)
    took, model = _timed(lambda: Model.fitted(date(2026, 3, 1), now, histories))
    assert model is not None
    print(f"  fit both models        {took:>8.2f} s   {model.buying}, {model.spending}")
    took, found = _timed(lambda: model.forecast(histories))
    assert found.orders is not None
    print(f"  score everybody        {took:>8.2f} s   {found.orders.sum():,.0f} orders in 90 days")


def drawn(customers: int, seed: int, longest: int = 730) -> Histories:
    """Purchases of two years by the models' own story (r 0.6, alpha 40, a 0.9, b 2.8)."""
    chance = np.random.default_rng(seed)
    rate = chance.gamma(0.6, 1 / 40, customers)
    leaves = chance.beta(0.9, 2.8, customers)
    age = chance.integers(1, longest, customers)
    x, t_x, now = (np.zeros(customers) for _ in range(3))
    at = np.arange(customers)
    while at.size:
        now[at] += chance.exponential(1 / np.maximum(rate[at], 1e-12))
        at = at[now[at] < age[at]]
        x[at] += 1
        t_x[at] = now[at]
        at = at[chance.random(at.size) >= leaves[at]]
    purchased = x.astype(np.int64) + 1
    mean = chance.gamma(4, 1 / 1_500, customers)
    spent = np.maximum(1, np.rint(chance.gamma(5.0 * purchased, 1 / mean))).astype(np.int64)
    return Histories(purchased, np.floor(t_x).astype(np.int64), age, spent)


def _of_store(times: int) -> None:
    store = open_store(from_environment(), wait=30)
    product_clock.follow(store)
    facts = read_facts(store)
    now = clock.now()
    ids, histories = purchases.histories(facts, now)
    print(f"the store: {facts.count:,} customers, {ids.size:,} buyers")
    took, model = _timed(lambda: Model.fitted(now.date(), now, histories))
    print(f"  fit both models        {took:>8.2f} s   {model and model.buying}")
    if model is not None:
        facts = _with(facts, model)
    print(f"{'read':<40}{'first':>10}{'warm':>10}{'moving':>10}  ms")
    for name, read in _reads(now, facts):
        first, _ = _timed(lambda r=read: r(facts))
        warm = [_timed(lambda r=read: r(facts))[0] for _ in range(times)]
        stirred = [
            _timed(lambda r=read, f=moved: r(f))[0] for moved in islice(moving(facts), times)
        ]
        figures = (first, median(warm), median(stirred))
        print(f"{name:<40}" + "".join(f"{1000 * each:>10.1f}" for each in figures), flush=True)


def _reads(now: datetime, facts: Facts) -> Iterator[tuple[str, Callable[[Facts], object]]]:
    zone = facts.zone
    everybody = {"Everybody": np.flatnonzero(facts.is_customer)}
    yield "histories of all buyers", lambda f: purchases.histories(f, now)
    yield "outlook of 90 days", lambda f: predicting.outlook(f, now)
    yield "a segment by predicted value", lambda f: matched(parse(PREDICTED), f, now).ids
    yield "RFM groups beside 30 days before", lambda f: rfm_groups.rfm_groups(f, now)
    for days, by in ((30, "week"), (365, "month")):
        period = Period.last_days(days, now, zone, "day")
        yield (
            f"retention, {days} days by {by}",
            lambda f, p=period, b=by: retention.retention(f, p, now, b),
        )
    yield "thresholds of silence", lambda f: lapse.lapse(f, now)
    month = Period.last_days(30, now, zone, "day")
    yield "hours, reactions", lambda f: send_hours.send_hours(f, month, everybody, "reactions")
    yield "hours, orders", lambda f: send_hours.send_hours(f, month, everybody, "orders")
    yield "conversion, 30 days", lambda f: conversion(f, month)
    yield "forecast against fact (once a day)", lambda f: forecast_check.check(f, now)


def _with(facts: Facts, model: Model) -> Facts:
    return replace(facts, models=Models("bench", (model,)))


def _timed(do: Callable[[], object]) -> tuple[float, object]:
    began = time.perf_counter()
    made = do()
    return time.perf_counter() - began, made


if __name__ == "__main__":
    sys.exit(main())
