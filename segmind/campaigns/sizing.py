"""Before a launch: how small a difference this audience can show, from what it did lately."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import sqrt
from typing import Final

import numpy as np
from sqlalchemy import Connection, text

from segmind.audiences.audience import Audience
from segmind.campaigns.campaign import Campaign
from segmind.campaigns.variant_test import VariantTest
from segmind.customers.bought import bought, net_revenue, present
from segmind.customers.facts import Facts
from segmind.events.schema import Source
from segmind.events.spans import Span
from segmind.experiments import power, several
from segmind.experiments.contest import CONFIDENCE, Metric
from segmind.experiments.experiment import DAYS
from segmind.experiments.moments import Moments

#: What customers bought in so many days before sharpens what they bought after.
_DAYS_BEFORE: Final = timedelta(days=30)
#: The difference that is worth finding unless somebody says otherwise: a tenth of what there is.
WORTHWHILE: Final = 0.1
#: How people clicked is told by so many campaigns and messages of each.
_CAMPAIGNS: Final = 5
_MESSAGES: Final = 20_000


@dataclass(frozen=True, slots=True)
class HoldoutSizing:
    """What the holdout can show. ``rate``: the share of ``customers`` (recipients and held out)
    who ordered in the last ``days``. Found four times in five: a rise of ``detectable_rate`` over
    it, or ``detectable_revenue`` (minor units) more per customer; None where nothing can be found.
    ``needed``: customers in all who would show a rise of a tenth, with this holdout.
    """

    days: int
    customers: int
    held: int
    rate: float | None
    detectable_rate: float | None
    detectable_revenue: float | None
    needed: int | None


@dataclass(frozen=True, slots=True)
class ContestSizing:
    """What a test of variants can show. ``each``: customers of the smallest variant. ``base``: the
    metric per customer lately (clicks: in the latest campaigns on this channel; else of the
    audience in as many hours as the test has); None: not known. ``detectable``: the difference
    between two variants that is found four times in five; ``needed``: customers of each variant who
    would show a difference of a tenth.
    """

    metric: Metric
    each: int
    base: float | None
    detectable: float | None
    needed: int | None


@dataclass(frozen=True, slots=True)
class Sizing:
    """What can be found out by a campaign as it is planned. ``test``: None without variants."""

    holdout: HoldoutSizing
    test: ContestSizing | None


def sizing(
    conn: Connection, facts: Facts, campaign: Campaign, drawn: Audience, as_of: datetime
) -> Sizing:
    """From the audience as it was drawn ``as_of``."""
    held = drawn.holdout.len()
    everybody = np.concatenate(
        [drawn.recipients["customer_id"].to_numpy(), drawn.holdout.to_numpy()]
    )
    ids = present(facts, everybody)
    holdout = _of_holdout(facts, ids, held, as_of)
    test = campaign.variant_test
    if test is None:
        return Sizing(holdout, None)
    return Sizing(
        holdout, _of_test(conn, facts, campaign, test, ids, drawn.recipients.height, as_of)
    )


def _of_holdout(facts: Facts, ids: np.ndarray, held: int, as_of: datetime) -> HoldoutSizing:
    lately = _lately(facts, ids, timedelta(days=DAYS), as_of)
    treated = len(ids) - held
    rate = lately.rate
    share = held / len(ids) if len(ids) else 0.0
    return HoldoutSizing(
        days=DAYS,
        customers=len(ids),
        held=held,
        rate=rate,
        detectable_rate=power.detectable_rate(rate, treated, held) if rate else None,
        detectable_revenue=power.detectable_mean(lately.deviation, treated, held),
        needed=power.needed_size(rate, rate * WORTHWHILE, share) if rate else None,
    )


def _of_test(
    conn: Connection,
    facts: Facts,
    campaign: Campaign,
    test: VariantTest,
    ids: np.ndarray,
    recipients: int,
    as_of: datetime,
) -> ContestSizing:
    weights = [arm.weight for arm in test.arms]
    each = int(recipients * test.share_percent / 100 * min(weights) / sum(weights))
    pairs = len(weights) * (len(weights) - 1) // 2
    sure = several.confidence_of_each(CONFIDENCE, pairs)
    if test.metric is Metric.REVENUE:
        lately = _lately(facts, ids, timedelta(hours=test.hours), as_of)
        base, spread = lately.mean, lately.deviation
        found = power.detectable_mean(spread, each, each, confidence=sure)
        needed = power.needed_for_mean(spread, abs(base or 0) * WORTHWHILE, confidence=sure)
        return ContestSizing(test.metric, each, base, found, needed)
    if test.metric is Metric.CLICKS:
        base = _clicked_lately(conn, campaign)
    else:
        base = _lately(facts, ids, timedelta(hours=test.hours), as_of).rate
    if not base:
        return ContestSizing(test.metric, each, base, None, None)
    both = power.needed_size(base, base * WORTHWHILE, 0.5, confidence=sure)
    return ContestSizing(
        metric=test.metric,
        each=each,
        base=base,
        detectable=power.detectable_rate(base, each, each, confidence=sure),
        needed=-(-both // 2) if both is not None else None,
    )


@dataclass(frozen=True, slots=True)
class _Lately:
    """Of the audience in some time: share who ordered, mean and (after CUPED) standard deviation
    of net revenue in minor units; None where there is nobody."""

    rate: float | None
    mean: float | None
    deviation: float


def _lately(facts: Facts, ids: np.ndarray, length: timedelta, as_of: datetime) -> _Lately:
    if len(ids) < 2:
        return _Lately(None, None, 0.0)
    since = as_of - length
    done = bought(facts, Span(since, as_of))
    before = net_revenue(facts, Span(since - _DAYS_BEFORE, since))
    spent = Moments.of(done.net[ids], before[ids])
    theta = spent.products / spent.before_squares if spent.before_squares > 0 else 0.0
    rate = float(np.count_nonzero(done.orders[ids])) / len(ids)
    return _Lately(rate, spent.outcome, sqrt(spent.variance(theta)))


def _clicked_lately(conn: Connection, campaign: Campaign) -> float | None:
    """The share of messages that people clicked, of the latest campaigns on this channel. Of each
    the first messages tell: they are in the order of a hash, and so drawn by chance."""
    row = conn.execute(
        text("""
            SELECT count(*) AS n, count(*) FILTER (WHERE m.clicks > 0) AS clicked
            FROM (SELECT id FROM campaign WHERE channel = :channel AND status = 'sent'
                  AND id <> :own ORDER BY launched_at DESC LIMIT :campaigns) AS c
            CROSS JOIN LATERAL (
                SELECT clicks FROM message WHERE source_kind = :kind AND source_id = c.id
                AND purpose <> 'test' LIMIT :messages) AS m
        """),
        {
            "channel": campaign.channel.code,
            "own": campaign.id,
            "campaigns": _CAMPAIGNS,
            "kind": int(Source.CAMPAIGN),
            "messages": _MESSAGES,
        },
    ).one()
    return row.clicked / row.n if row.n else None
