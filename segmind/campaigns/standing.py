"""How the variants of a campaign's test stand: what each did, and what may be said of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np
import polars as pl
from pydantic import TypeAdapter
from sqlalchemy import Connection

from segmind.campaigns.campaign import Campaign
from segmind.campaigns.drawing import variant_drawn
from segmind.campaigns.groups import NotLaunchedYet
from segmind.customers.bought import bought, net_revenue, present
from segmind.customers.facts import Facts
from segmind.db.copy import copy_out
from segmind.errors import NotFound
from segmind.events.schema import Source
from segmind.events.spans import Span
from segmind.experiments.contest import Metric, Verdict, judge
from segmind.experiments.moments import Moments
from segmind.experiments.shares import Share
from segmind.experiments.soundness import RatioCheck, ratio_check
from segmind.messages import portions

#: What customers bought in so many days before the launch sharpens what they bought after it.
DAYS_BEFORE: Final = 30


class NoTest(NotFound):
    """This campaign has no test of variants."""

    code = "no_variant_test"
    hint = "A test is set up while the campaign is a draft."


@dataclass(frozen=True, slots=True)
class Arm:
    """What the customers drawn for a variant did until the test's end, delivered or not: how many
    people ``clicked`` and ``ordered``, and their net revenue (minor units)."""

    name: str
    weight: float
    customers: int
    clicked: int
    ordered: int
    net_revenue: int

    def figure(self, metric: Metric) -> float | None:
        """The metric per customer; None where nobody was drawn."""
        if not self.customers:
            return None
        total = {
            Metric.CLICKS: self.clicked,
            Metric.ORDERS: self.ordered,
            Metric.REVENUE: self.net_revenue,
        }[metric]
        return total / self.customers


@dataclass(frozen=True, slots=True)
class Standing:
    """The test as of ``until``: its end, once ``is_over``; what came later does not count."""

    metric: Metric
    until: datetime
    is_over: bool
    arms: tuple[Arm, ...]
    verdict: Verdict
    ratio: RatioCheck

    def as_json(self) -> dict[str, Any]:
        """For ``of_json``."""
        told: dict[str, Any] = _ADAPTER.dump_python(self, mode="json")
        return told


def of_json(told: dict[str, Any]) -> Standing:
    """What ``as_json`` wrote."""
    return _ADAPTER.validate_python(told)


def standing(conn: Connection, facts: Facts, campaign: Campaign, now: datetime) -> Standing:
    """How the test stands: as it was when it was judged, else as of ``now``.

    Raises:
        NoTest: the campaign has one content only. NotLaunchedYet.
    """
    if campaign.variant_test is None:
        raise NoTest
    if campaign.standing is not None:
        return of_json(campaign.standing)
    return measured(conn, facts, campaign, now)


def measured(conn: Connection, facts: Facts, campaign: Campaign, now: datetime) -> Standing:
    """The test as the messages and the log tell it now, up to its end.

    Raises:
        NotLaunchedYet.
    """
    test, launched, ends = campaign.variant_test, campaign.launched_at, campaign.decide_at
    if test is None or launched is None or ends is None:
        raise NotLaunchedYet
    until = max(launched, min(ends, now))
    rows = _drawn(conn, campaign, until)
    done = bought(facts, Span(launched, until))
    before = net_revenue(facts, Span(launched - timedelta(days=DAYS_BEFORE), launched))
    arms: list[Arm] = []
    shares: dict[str, Share] = {}
    moments: dict[str, Moments] = {}
    for variant in test.arms:
        mine = rows.filter(pl.col("variant") == variant.name)
        ids = present(facts, mine["customer_id"].to_numpy())
        arm = Arm(
            name=variant.name,
            weight=variant.weight,
            customers=mine.height if test.metric is Metric.CLICKS else len(ids),
            clicked=int(mine["clicked"].sum()),
            ordered=int(np.count_nonzero(done.orders[ids])),
            net_revenue=int(done.net[ids].sum()),
        )
        arms.append(arm)
        hits = arm.clicked if test.metric is Metric.CLICKS else arm.ordered
        shares[arm.name] = Share(hits, arm.customers)
        moments[arm.name] = Moments.of(done.net[ids], before[ids])
    is_over = now >= ends
    verdict = (
        judge(moments, is_over=is_over)
        if test.metric is Metric.REVENUE
        else judge(shares, is_over=is_over)
    )
    drawn = {variant.name: rows.filter(pl.col("variant") == variant.name).height
             for variant in test.arms}  # fmt: skip
    ratio = ratio_check(drawn, {variant.name: variant.weight for variant in test.arms})
    return Standing(test.metric, until, is_over, tuple(arms), verdict, ratio)


def _drawn(conn: Connection, campaign: Campaign, until: datetime) -> pl.DataFrame:
    """customer_id, variant, clicked of everybody who was drawn for the test."""
    its = (int(Source.CAMPAIGN), campaign.id)
    people = copy_out(
        conn,
        "SELECT customer_id, clicks > 0 AND clicked_at <= %s FROM message"
        " WHERE source_kind = %s AND source_id = %s AND purpose <> 'test'"
        " AND customer_id IS NOT NULL"
        f" UNION ALL SELECT customer_id, false FROM ({portions.CUSTOMERS}) AS coming",
        {"customer_id": pl.Int64(), "clicked": pl.Boolean()},
        (until, *its, *its),
    )
    return people.with_columns(variant_drawn(campaign)).drop_nulls("variant")


_ADAPTER: Final = TypeAdapter(Standing)
