"""What can be found out is said before the launch, from what the audience did; never a NaN."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import polars as pl
import pytest
from sqlalchemy import Connection

from segmind.audiences.audience import Audience
from segmind.campaigns.campaign import Campaign
from segmind.campaigns.sizing import Sizing, sizing
from segmind.campaigns.variant_test import VariantTest, Written
from segmind.events.schema import Kind
from segmind.experiments.contest import Metric
from segmind.experiments.power import detectable_rate, needed_size
from tests.unit.analytics.test_lift_measured import PEOPLE, START, facts_of

AS_OF = START + timedelta(days=7)
NOBODY = cast(Connection, None)  # clicks alone ask the database
TEST = VariantTest(variants=(Written(),), share_percent=50, metric=Metric.ORDERS, hours=168)


def audience(customers: int, held: int) -> Audience:
    ids = range(1, customers + 1)
    reasons = ["holdout" if n <= held else None for n in ids]
    frame = pl.DataFrame(
        {"customer_id": list(ids), "address": ["a"] * customers, "reason": reasons},
        schema={"customer_id": pl.Int64, "address": pl.String, "reason": pl.String},
    )
    return Audience(frame)


def sized(orders: int, customers: int, held: int, **plan: Any) -> Sizing:
    lines = [(n, Kind.ORDER_COMPLETED, 24, 1_000 * n) for n in range(1, orders + 1)]
    test = TEST.model_copy(update=plan)
    campaign = cast(Campaign, SimpleNamespace(variant_test=test))
    return sizing(NOBODY, facts_of(lines), campaign, audience(customers, held), AS_OF)


def test_the_detectable_lift_rests_on_what_the_audience_did_lately() -> None:
    found = sized(orders=10, customers=40, held=8)
    its = found.holdout
    assert (its.customers, its.held, its.rate) == (40, 8, 0.25)
    assert its.detectable_rate == detectable_rate(0.25, 32, 8)
    assert its.needed == needed_size(0.25, 0.025, 0.2)
    assert its.detectable_revenue is not None
    assert its.detectable_revenue > 0
    assert found.test is not None
    assert (found.test.each, found.test.base) == (8, 0.25)
    assert found.test.needed is not None
    assert found.test.needed > found.test.each


def test_a_larger_audience_and_holdout_find_smaller_lifts() -> None:
    small, large = sized(10, 40, 4).holdout, sized(10, 40, 20).holdout
    assert small.detectable_revenue is not None
    assert large.detectable_revenue is not None
    assert large.detectable_revenue < small.detectable_revenue
    assert (small.needed or 0) > (large.needed or 0)


@pytest.mark.parametrize(
    ("orders", "customers", "held"),
    [(0, 40, 4), (10, 40, 0), (10, 40, 40), (1, 1, 0), (0, 0, 0), (PEOPLE, PEOPLE, 5)],
)
@pytest.mark.parametrize("metric", [Metric.ORDERS, Metric.REVENUE])
def test_where_nothing_can_be_told_there_is_no_figure(
    orders: int, customers: int, held: int, metric: Metric
) -> None:
    found = sized(orders, customers, held, metric=metric)
    figures = [*vars_of(found.holdout), *vars_of(found.test)]
    assert all(value is None or value == value for value in figures)  # no NaN
    if held in {0, customers} or not orders:
        assert found.holdout.detectable_rate is None
    assert replace(found, test=None).holdout == found.holdout


def vars_of(its: Any) -> list[Any]:
    return [getattr(its, name) for name in its.__slots__]
