"""Attribution: which messages an order is credited to, as a ledger that adds up.

Each order's net revenue is shared out among its qualifying touches under one rule, in whole minor
units. Under rules that add up, credited revenue never exceeds the orders'; a vendor's rule that
credits one order several times says by how much.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Final

import numpy as np
import polars as pl

from segmind.analytics import claims, touches
from segmind.analytics.customer_numbers import is_among
from segmind.analytics.distinct import count_of
from segmind.analytics.instants import as_instants, micros
from segmind.analytics.orders import ORDER_COLUMNS, numbered, unordered
from segmind.analytics.period import Period
from segmind.analytics.rule import Rule, last_click
from segmind.analytics.shares import Shares, Sharing
from segmind.analytics.touches import ACTS, TouchBook, maker_columns
from segmind.analytics.which import Which
from segmind.customers.facts import Facts
from segmind.events.derive import ORDER_KEY
from segmind.events.schema import UTC_INSTANT

#: What a credit says of its message.
CREDIT_COLUMNS: Final[dict[str, pl.DataType]] = {
    "message_id": pl.Int64(),
    "channel": pl.Int8(),
    "source_kind": pl.Int8(),
    "source_id": pl.Int64(),
    "act": pl.Int8(),  # touches.Act
    "touched_at": UTC_INSTANT,
    "credited": pl.Int64(),  # minor units of ``net``
}
LEDGER_COLUMNS: Final[dict[str, pl.DataType]] = {**ORDER_COLUMNS, **CREDIT_COLUMNS}
_KEY: Final = ["customer_id", *ORDER_KEY]


@dataclass(frozen=True)
class Ledger:
    """What the orders of a period are credited to under one rule."""

    rule: Rule
    period: Period
    #: How many orders there are, and by how many customers.
    orders: int
    buyers: int
    #: Minor units of all orders, net of their refunds.
    net: int
    _made: pl.DataFrame = field(repr=False, compare=False)
    _shares: Shares = field(repr=False, compare=False)

    @cached_property
    def credits(self) -> pl.DataFrame:
        """One row per credited message of an order: customer_id, ORDER_KEY, ts, net, order_row
        (one number per order), CREDIT_COLUMNS; in order of (order's instant, touch)."""
        its = self._shares.claims
        row = pl.Series("order_row", its.order)
        order = self._made.select(*_KEY, as_instants("ts"), "net")
        lanes = its.touch.lane
        channel = pl.Series("channel", lanes // ACTS)
        told = pl.DataFrame(
            [
                pl.Series("message_id", its.touch.message),
                channel.set(channel == 0, None),
                *maker_columns(its.touch.maker),
                pl.Series("act", lanes % ACTS),
                pl.Series("touched_at", its.touch.ts),
                pl.Series("credited", self._shares.credited),
            ]
        ).with_columns(as_instants("touched_at"))
        told = told.select(pl.col(name).cast(kind) for name, kind in CREDIT_COLUMNS.items())
        return order.select(pl.all().gather(row)).hstack([row]).hstack(told)

    @cached_property
    def entries(self) -> pl.DataFrame:
        """Every order of the period (LEDGER_COLUMNS) with what it is credited to: one row where
        that is nothing or one message, else one for each message. Uncredited: nulls and 0."""
        credit = self.credits.select(*_KEY, *CREDIT_COLUMNS)
        every = numbered(self._made).join(credit, on=_KEY, how="left", maintain_order="left_right")
        return every.with_columns(pl.col("credited").fill_null(0)).select(
            pl.col(name).cast(kind) for name, kind in LEDGER_COLUMNS.items()
        )

    def by(self, *keys: str) -> pl.DataFrame:
        """Credited orders, customers and revenue (Int64) by ``keys``; most revenue first.

        An order shared among several counts in each of them; their revenue adds up.
        """
        return summed(self.credits, keys)

    @cached_property
    def credited(self) -> int:
        """Minor units credited to messages; under a rule that does not add up, with repeats."""
        return int(self._shares.credited.sum())

    @cached_property
    def counted_twice(self) -> int:
        """By how many minor units orders are credited with more than they are worth."""
        order = self._shares.claims.order
        if not len(order):
            return 0
        firsts = np.flatnonzero(np.diff(order, prepend=-1))
        credited = np.add.reduceat(self._shares.credited, firsts)
        worth = self._made["net"].to_numpy()[order[firsts]]
        return int(np.maximum(credited - worth, 0).sum())

    @property
    def covered(self) -> int:
        """Minor units of the orders that are credited, no part of them more than once."""
        return self.credited - self.counted_twice

    @property
    def credited_orders(self) -> int:
        """How many orders are credited to anything."""
        return int(np.count_nonzero(np.diff(self._shares.claims.order, prepend=-1)))

    def only(self, which: Which) -> Ledger:
        """The same orders with the credit of these messages alone; an order that is shared with
        others keeps their part out."""
        touch = self._shares.claims.touch
        mine = np.ones(len(touch), np.bool_)
        if which.channel is not None:
            mine &= touch.lane // ACTS == int(which.channel)
        if which.source is not None:
            mine &= (touch.maker & 7) == int(which.source)
        if which.source_id is not None:
            mine &= (touch.maker >> 3) - 1 == which.source_id
        if which.customers is not None:
            buyer = self._made["customer_id"].to_numpy()[self._shares.claims.order]
            mine &= is_among(buyer, which.customers.to_numpy())
        shares = Shares(self._shares.claims.where(mine), self._shares.credited[mine])
        return replace(self, _shares=shares)


def summed(credits: pl.DataFrame, keys: Sequence[str]) -> pl.DataFrame:
    """``Ledger.by`` of any credits with these columns."""
    orders = pl.col("order_row").n_unique().cast(pl.Int64).alias("orders")
    return (
        credits.group_by(keys)
        .agg(
            orders,
            pl.col("customer_id").n_unique().cast(pl.Int64).alias("customers"),
            pl.col("credited").sum().alias("revenue"),
        )
        .sort(["revenue", *keys], descending=[True] + [False] * len(keys))
    )


def ledger(facts: Facts, period: Period, rule: Rule | None = None) -> Ledger:
    """Every order of ``period`` under ``rule``, net of refunds up to the period's end."""
    chosen = rule or last_click()
    return ledgers(facts, period, {chosen.key: chosen})[chosen.key]


def ledgers(facts: Facts, period: Period, rules: Mapping[str, Rule]) -> dict[str, Ledger]:
    """The same orders under several rules, whose touches are found once; by the rules' keys."""
    made = unordered(facts, period.since, period.until, as_of=period.until)
    return share_out(made, touches.book(facts), period, rules)


def share_out(
    made: pl.DataFrame, book: TouchBook, period: Period, rules: Mapping[str, Rule]
) -> dict[str, Ledger]:
    """The ledgers of orders (as ``orders.unordered`` gives those of ``period``) and touches."""
    made = made.sort("ts", maintain_order=True)
    windows = np.max([rule.lanes for rule in rules.values()], axis=0)
    found = claims.claims(book, made, windows, micros(period.since))
    net = made["net"].to_numpy()
    sharing = Sharing(found, net)
    buyers = count_of([made["customer_id"]])
    return {
        key: Ledger(
            rule=rule,
            period=period,
            orders=made.height,
            buyers=buyers,
            net=int(net.sum()),
            _made=made,
            _shares=sharing.under(rule),
        )
        for key, rule in rules.items()
    }
