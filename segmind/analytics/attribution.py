"""Attribution: which message an order is credited to, as a ledger that adds up.

Each order's net revenue is credited at most once, so credited revenue never exceeds the orders'.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import polars as pl

from segmind.analytics.definition import Definition
from segmind.analytics.orders import ORDER_COLUMNS, orders
from segmind.analytics.period import Period
from segmind.customers.facts import Facts
from segmind.events.schema import UTC_INSTANT, Kind

LEDGER_COLUMNS: Final[dict[str, pl.DataType]] = {
    **ORDER_COLUMNS,
    "message_id": pl.Int64(),  # null, like the rest: nothing is credited
    "channel": pl.Int8(),
    "source_kind": pl.Int8(),
    "source_id": pl.Int64(),
    "touched_at": UTC_INSTANT,
    "credited": pl.Int64(),  # minor units of ``net``
}


@dataclass(frozen=True, slots=True)
class LastClick:
    """The last human click up to ``days`` x 24 hours before the order gets all of it."""

    days: int = 5

    @property
    def window(self) -> timedelta:
        return timedelta(days=self.days)

    def definition(self, period: Period) -> Definition:
        return Definition(
            what=f"Net revenue of orders credited to the last human click in the {self.days} days "
            "before the order. Each order is credited once or not at all.",
            window=f"{period.since.isoformat()} up to {period.until.isoformat()}, by the instant "
            f"of the order; clicks up to {self.days} x 24 h before it",
            start_point="the click; a click at the order's own instant counts",
            tie_break="the later click; of clicks at one instant the message with the larger id",
            zone=period.zone.key,
            as_of=period.until,
        )


@dataclass(frozen=True, slots=True)
class Ledger:
    """Every order of a period (LEDGER_COLUMNS) with what it is credited to."""

    entries: pl.DataFrame
    rule: LastClick
    period: Period

    def by(self, *keys: str) -> pl.DataFrame:
        """Credited orders and revenue by ``keys``: orders, revenue Int64; most revenue first."""
        credited = self.entries.filter(pl.col("message_id").is_not_null())
        return (
            credited.group_by(keys)
            .agg(
                pl.len().cast(pl.Int64).alias("orders"),
                pl.col("customer_id").n_unique().cast(pl.Int64).alias("customers"),
                pl.col("credited").sum().alias("revenue"),
            )
            .sort(["revenue", *keys], descending=[True] + [False] * len(keys))
        )

    @property
    def credited(self) -> int:
        """Minor units credited to messages."""
        return int(self.entries["credited"].sum())

    @property
    def net(self) -> int:
        """Minor units of all orders, net of their refunds."""
        return int(self.entries["net"].sum())

    @property
    def credited_orders(self) -> int:
        return int(self.entries["message_id"].is_not_null().sum())


def ledger(facts: Facts, period: Period, rule: LastClick | None = None) -> Ledger:
    """Every order of ``period`` under ``rule``, net of refunds up to the period's end."""
    rule = rule or LastClick()
    made = orders(facts, period.since, period.until, as_of=period.until)
    touches = (
        facts.log.events(
            kinds=[Kind.MESSAGE_CLICKED],
            since=period.since - rule.window,
            until=period.until,
            columns=["customer_id", "ts", "channel", "message_id", "source_kind", "source_id",
                     "machine"],
        )
        .filter(~pl.col("machine").fill_null(value=False), pl.col("message_id").is_not_null())
        .drop("machine")
        .sort("ts", "message_id")
        .with_columns(pl.col("ts").alias("touched_at"))
        .collect()
    )  # fmt: skip
    # An as-of join takes the last row at or before the order; of equal instants the last row,
    # which after the sort is the message with the larger id.
    joined = made.sort("ts").join_asof(
        touches,
        on="ts",
        by="customer_id",
        strategy="backward",
        tolerance=rule.window,
        check_sortedness=False,
    )
    is_credited = pl.col("message_id").is_not_null()
    entries = joined.with_columns(
        pl.when(is_credited).then("net").otherwise(0).alias("credited")
    ).sort("order_id")
    return Ledger(
        entries.select(pl.col(name).cast(kind) for name, kind in LEDGER_COLUMNS.items()),
        rule,
        period,
    )
