"""Attribution: which message an order is credited to, as a ledger that adds up.

Each order's net revenue is credited at most once, so credited revenue never exceeds the orders'.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from typing import Final

import polars as pl

from segmind.analytics.definition import Definition
from segmind.analytics.distinct import count_of
from segmind.analytics.instants import as_instants
from segmind.analytics.orders import ORDER_COLUMNS, numbered, unordered
from segmind.analytics.period import Period
from segmind.customers.facts import Facts
from segmind.events import held
from segmind.events.derive import ORDER_KEY
from segmind.events.held import Wanted
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
_KEY: Final = ["customer_id", *ORDER_KEY]
_TOUCH: Final = ("message_id", "channel", "source_kind", "source_id", "touched_at")


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


@dataclass(frozen=True)
class Ledger:
    """What the orders of a period are credited to.

    ``credits``: the credited orders (LEDGER_COLUMNS without order_id). ``orders``, ``buyers``: how
    many orders there are, and by how many customers.
    """

    credits: pl.DataFrame
    orders: int
    buyers: int
    #: Minor units of all orders, net of their refunds.
    net: int
    rule: LastClick
    period: Period
    _made: pl.DataFrame = field(repr=False, compare=False)

    @cached_property
    def entries(self) -> pl.DataFrame:
        """Every order of the period (LEDGER_COLUMNS) with what it is credited to."""
        touch = self.credits.select(*_KEY, *_TOUCH, "credited")
        all_of_them = numbered(self._made).join(touch, on=_KEY, how="left", maintain_order="left")
        return all_of_them.with_columns(pl.col("credited").fill_null(0)).select(
            pl.col(name).cast(kind) for name, kind in LEDGER_COLUMNS.items()
        )

    def by(self, *keys: str) -> pl.DataFrame:
        """Credited orders and revenue by ``keys``: orders, revenue Int64; most revenue first."""
        return (
            self.credits.group_by(keys)
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
        return int(self.credits["credited"].sum())

    @property
    def credited_orders(self) -> int:
        return self.credits.height


def ledger(facts: Facts, period: Period, rule: LastClick | None = None) -> Ledger:
    """Every order of ``period`` under ``rule``, net of refunds up to the period's end."""
    rule = rule or LastClick()
    made = unordered(facts, period.since, period.until, as_of=period.until)
    touches = _clicks(facts).filter(
        pl.col("ts") >= period.since - rule.window, pl.col("ts") < period.until
    )
    maybe = made.join(touches.select("customer_id").unique(), on="customer_id", how="semi")
    # An as-of join takes the last row at or before the order; of equal instants the last row,
    # which after their sort is the message with the larger id.
    joined = (
        maybe.with_columns(as_instants("ts"))
        .sort("ts")
        .join_asof(
            touches.with_columns(pl.col("ts").alias("touched_at")),
            on="ts",
            by="customer_id",
            strategy="backward",
            tolerance=rule.window,
            check_sortedness=False,
        )
        .filter(pl.col("message_id").is_not_null())
        .with_columns(pl.col("net").alias("credited"))
    )
    return Ledger(
        credits=joined,
        orders=made.height,
        buyers=count_of([made["customer_id"]]),
        net=int(made["net"].sum()),
        rule=rule,
        period=period,
        _made=made,
    )


def _clicks(facts: Facts) -> pl.DataFrame:
    """Every human click on a message, in order of (ts, message)."""
    source = held.held(facts.log.rows, _CLICKS)

    def make() -> pl.DataFrame:
        every = pl.concat([source.settled, _human(source.fresh)])
        mapped = source.merges.mapped(pl.col("customer_id"))
        return every.with_columns(mapped).sort("ts", "message_id")

    return source.derived("clicks", make)


def _human(rows: pl.DataFrame) -> pl.DataFrame:
    is_human = ~pl.col("machine").fill_null(value=False)
    return rows.filter(is_human, pl.col("message_id").is_not_null()).drop("machine")


_CLICKS: Final = Wanted(
    "clicks",
    (int(Kind.MESSAGE_CLICKED),),
    ("customer_id", "ts", "channel", "message_id", "source_kind", "source_id", "machine"),
    _human,
)
