"""Return on messages: what they earned by rule and by experiment, beside what they cost.

Attributed revenue is credit by a rule: it says who was there, not what would have happened without.
Incremental revenue comes from holdouts; where there is none, it is None and so is its return.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from math import sqrt
from typing import Final, Literal

import polars as pl

from segmind.analytics.attribution import Ledger
from segmind.analytics.definition import Definition
from segmind.analytics.discounts import with_discounts
from segmind.analytics.period import Period
from segmind.customers.facts import Facts
from segmind.events.schema import Source

By = Literal["source", "channel", "month"]
KEYS: Final[dict[By, list[str]]] = {
    "source": ["source_kind", "source_id"],
    "channel": ["channel"],
    "month": ["month"],
}
Key = tuple[object, ...]
#: Millionths of the currency unit in one unit.
_UNIT: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Incremental:
    """Revenue that messages caused, by experiment: the estimate and its 95 % interval, minor
    units; it may be negative."""

    revenue: int
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Return:
    """One line. Money in minor units but ``message_cost_micros``. ``key``: as KEYS names it.

    ``roi``: (attributed - costs) / costs; None where nothing was spent. ``incremental_roi`` and
    its ends: the same of incremental revenue; None without a holdout or without costs.
    """

    key: Key
    messages: int
    parts: int
    message_cost_micros: int
    discount: int
    orders: int
    attributed: int
    incremental: Incremental | None
    decimals: int

    @property
    def cost_micros(self) -> int:
        """Messages and discounts, in millionths of the currency unit."""
        return self.message_cost_micros + self._micros(self.discount)

    @property
    def profit_micros(self) -> int:
        """Attributed revenue less costs, in millionths."""
        return self._micros(self.attributed) - self.cost_micros

    @property
    def roi(self) -> float | None:
        return self._return(self.attributed)

    @property
    def incremental_roi(self) -> tuple[float, float, float] | None:
        """Estimate, low and high end."""
        if self.incremental is None or not self.cost_micros:
            return None
        its = self.incremental
        low, middle, high = (self._return(each) for each in (its.low, its.revenue, its.high))
        assert low is not None and middle is not None and high is not None
        return middle, low, high

    def _return(self, revenue: int) -> float | None:
        cost = self.cost_micros
        return (self._micros(revenue) - cost) / cost if cost else None

    def _micros(self, minor: int) -> int:
        return minor * _UNIT // int(10**self.decimals)


def returns(
    facts: Facts,
    ledger: Ledger,
    costs: pl.DataFrame,
    by: By,
    decimals: int,
    incremental: Mapping[Key, Incremental] | None = None,
) -> list[Return]:
    """What each campaign or automation, channel or month cost and earned; most revenue first
    (months: in order of time).

    ``costs``: ``message_costs.COST_COLUMNS`` of the ledger's period; ``decimals``: the currency's;
    ``incremental``: by key, from experiments. Credit counts in the month of the order, cost in the
    month of sending.
    """
    keys, period = KEYS[by], ledger.period
    credits = with_discounts(facts, ledger, decimals)
    if by == "month":
        credits = credits.with_columns(month=_month(period, pl.col("ts")))
    earned = credits.group_by(keys).agg(
        pl.col("order_row").n_unique().cast(pl.Int64).alias("orders"),
        pl.col("credited").sum(),
        pl.col("discount").sum(),
    )
    spent = costs.group_by(keys).agg(pl.col("messages", "parts", "micros").sum())
    both = earned.join(spent, on=keys, how="full", coalesce=True, nulls_equal=True)
    filled = both.with_columns(pl.exclude(keys).fill_null(0))
    falling = ["credited", "micros"]
    order = ["month"] if by == "month" else [*falling, *keys]
    ordered = filled.sort(order, descending=[name in falling for name in order])
    known = incremental or {}
    found = []
    for row in ordered.iter_rows(named=True):
        key = tuple(row[name] for name in keys)
        found.append(
            Return(
                key=key,
                messages=row["messages"],
                parts=row["parts"],
                message_cost_micros=row["micros"],
                discount=row["discount"],
                orders=row["orders"],
                attributed=row["credited"],
                incremental=known.get(key),
                decimals=decimals,
            )
        )
    return found


def together(
    by: By,
    period: Period,
    costs: pl.DataFrame,
    caused: Callable[[Period], Mapping[Key, Incremental]],
) -> dict[Key, Incremental]:
    """What was caused by ``KEYS[by]``; ``caused`` says it by source, of those measured in a period.

    By channel or month all that was sent in it has to be measured (what a campaign or automation
    sends on several channels is not told apart), else it has no line; single messages are taken to
    cause nothing. Estimates add up; the squares of the intervals' halves do, as those of
    experiments that are independent of each other.
    """
    whole = caused(period) if by != "month" else {}
    if by == "source":
        return dict(whole)
    sources = costs.filter(
        pl.col("source_kind") != int(Source.SINGLE), pl.col("messages") > 0
    ).select("source_kind", "source_id", *KEYS[by])
    found: dict[Key, Incremental] = {}
    for (key,), group in sources.unique().group_by(KEYS[by], maintain_order=True):
        measured = caused(_within(period, key)) if isinstance(key, datetime) else whole
        names = list(group.select("source_kind", "source_id").iter_rows())
        apart = by == "channel" and _on_several(sources, names)
        parts = [measured[name] for name in names if name in measured]
        if parts and len(parts) == len(names) and not apart:
            found[(key,)] = _sum(parts)
    return found


def _on_several(sources: pl.DataFrame, names: Sequence[Key]) -> bool:
    counts = sources.group_by("source_kind", "source_id").agg(pl.col("channel").n_unique())
    several = counts.filter(pl.col("channel") > 1).select("source_kind", "source_id")
    return not set(several.iter_rows()).isdisjoint(names)


def _sum(parts: Sequence[Incremental]) -> Incremental:
    revenue = sum(its.revenue for its in parts)
    half = round(sqrt(sum(((its.high - its.low) / 2) ** 2 for its in parts)))
    return Incremental(revenue, revenue - half, revenue + half)


def _within(period: Period, month: datetime) -> Period:
    """The part of the period in a month, given by its start in local time."""
    following = (month + timedelta(days=32)).replace(day=1)
    first, last = (at.replace(tzinfo=period.zone).astimezone(UTC) for at in (month, following))
    return replace(period, since=max(period.since, first), until=min(period.until, last))


def definition(ledger: Ledger) -> Definition:
    """What cost and return mean."""
    period = ledger.period
    return Definition(
        what="ROI: (revenue - message cost - discounts) / (message cost + discounts). Attributed "
        f"revenue by the rule {ledger.rule.name}, net of refunds; incremental revenue from "
        "holdouts only. Message cost: the price when each message was handed to its provider, by "
        "SMS part, provider and country. Discounts: the property discount of credited orders, "
        "shared as their credit is.",
        window=f"{period.since.isoformat()} up to {period.until.isoformat()}: orders by their "
        "first line, messages by when their provider took them",
        start_point="the instant of the order; of the hand-over to the provider",
        tie_break="as the rule's",
        zone=period.zone.key,
        as_of=period.until,
    )


def _month(period: Period, instant: pl.Expr) -> pl.Expr:
    local = instant.dt.convert_time_zone(period.zone.key).dt.replace_time_zone(None)
    return local.dt.truncate("1mo")
