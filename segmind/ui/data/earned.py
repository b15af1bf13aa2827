"""What messages are credited with by each rule, and what they cost and brought."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import polars as pl
import streamlit as st

from segmind.analytics import credit_by, currencies, message_costs, roi, side_by_side
from segmind.analytics.attribution import Ledger, ledger, ledgers
from segmind.analytics.credit_by import Dimension
from segmind.analytics.rule import Rule
from segmind.analytics.rules import Windows, rule_of, rules, windows_of
from segmind.channels.channel import Channel
from segmind.ui.data import facts, group_names, lift, segment_members, workspace
from segmind.ui.data.periods import Asked, period_of
from segmind.ui.data.sources import channel_name, source_name
from segmind.ui.store import store
from segmind.workspace.currency import decimals


def choices() -> dict[str, Rule]:
    """Every rule by key, with the windows of the workspace."""
    return rules(_windows())


def click_window() -> str:
    """How long a click counts, in words: ``5 days``, ``5 days (SMS 2)``."""
    settings = workspace.settings()
    own = [f"{Channel(name).label} {days}" for name, days in settings.attribution_windows.items()]
    said = f"{settings.attribution_window_days} days"
    return f"{said} ({', '.join(own)})" if own else said


def no_sum(asked: Asked) -> str:
    """Why the period's orders have no common sum; empty where they have one."""
    return _no_sum(asked, workspace.settings().currency, facts.version())


@st.cache_data(ttl=60, max_entries=24, show_spinner=False)
def _no_sum(asked: Asked, currency: str, version: str) -> str:
    del version
    others = currencies.foreign(facts.facts(), period_of(asked), currency)
    return currencies.reason(others, currency) if others else ""


@dataclass(frozen=True)
class Sides:
    """The rules side by side: ``table`` is ``side_by_side.SIDE_COLUMNS``, ``words`` what each rule
    counts and shares, by key; ``orders`` those that most messages claim (order_row, customer_id,
    ts, net, messages)."""

    table: pl.DataFrame
    words: dict[str, tuple[str, str, str, str]]
    orders: pl.DataFrame
    total: int
    net: int
    definition: str


def sides(asked: Asked) -> Sides:
    """Every rule over the period's orders."""
    return _sides(asked, _windows(), facts.version())


@st.cache_data(ttl=120, max_entries=6, show_spinner=False)
def _sides(asked: Asked, windows: Windows, version: str) -> Sides:
    books = _books(asked, windows, version)
    one = next(iter(books.values()))
    return Sides(
        table=side_by_side.table(books),
        words={
            key: (its.rule.touches, its.rule.sharing, its.rule.note, its.rule.source)
            for key, its in books.items()
        },
        orders=side_by_side.contested(books),
        total=one.orders,
        net=one.net,
        definition=side_by_side.definition(one.period).what,
    )


def of_order(asked: Asked, order_row: int) -> pl.DataFrame:
    """Who gets what of one order of ``Sides.orders``: rule (key), message, act, at, credited."""
    long = side_by_side.of_order(_books(asked, _windows(), facts.version()), order_row)
    names = [
        f"{source_name(kind, number)} ({channel_name(channel)})"
        for kind, number, channel in long.select("source_kind", "source_id", "channel").iter_rows()
    ]
    return long.select(
        "rule",
        "message_id",
        pl.Series("message", names, pl.String),
        "act",
        pl.col("touched_at").alias("at"),
        "credited",
    )


@st.cache_resource(ttl=120, max_entries=1, show_spinner=False)
def _books(asked: Asked, windows: Windows, version: str) -> dict[str, Ledger]:
    """Kept as they are: arrays that nobody changes, too large to be copied for every reader."""
    del version
    return ledgers(facts.facts(), period_of(asked), rules(windows))


def credit(asked: Asked, rule: str, by: Dimension) -> pl.DataFrame:
    """What each thing of a dimension is credited with: name, channel, orders, customers, revenue,
    open (address of its page; null: it has none)."""
    return _credit(asked, rule, by, _windows(), facts.version())


@st.cache_data(ttl=60, max_entries=24, show_spinner=False)
def _credit(asked: Asked, rule: str, by: Dimension, windows: Windows, version: str) -> pl.DataFrame:
    del version
    known = facts.facts()
    book = ledger(known, period_of(asked), rule_of(rule, windows))
    members = segment_members.of_all() if by == "segment" else {}
    with store().engine.connect() as conn:
        table = credit_by.table(conn, known, book, by, members)
    if by == "product":
        table = table.head(200)
    return table.select(
        pl.Series("name", group_names.names(table, by), pl.String),
        pl.Series("channel", group_names.channels(table), pl.String),
        "orders",
        "customers",
        "revenue",
        pl.Series("open", group_names.addresses(table, by), pl.String),
    )


def returns(asked: Asked, rule: str, by: roi.By) -> pl.DataFrame:
    """Cost and return: name, messages, message_cost, discount, orders, attributed, profit (units of
    the currency, Float64), roi and incremental, incremental_low, incremental_high (null: nobody was
    held out), open."""
    return _returns(asked, rule, by, _windows(), facts.version())


@st.cache_data(ttl=60, max_entries=12, show_spinner=False)
def _returns(asked: Asked, rule: str, by: roi.By, windows: Windows, version: str) -> pl.DataFrame:
    del version
    known, period, currency = facts.facts(), period_of(asked), workspace.settings().currency
    places = decimals(currency)
    book = ledger(known, period, rule_of(rule, windows))
    with store().engine.connect() as conn:
        spent = message_costs.costs(conn, period)
    caused = roi.together(by, period, spent, lift.caused)
    lines = roi.returns(known, book, spent, by, places, caused)
    unit = 10**places
    keys = pl.DataFrame(
        [line.key for line in lines],
        schema={name: _KINDS[name] for name in roi.KEYS[by]},
        orient="row",
    )
    held = [line.incremental for line in lines]
    ends = {
        "incremental": [its.revenue / unit if its else None for its in held],
        "incremental_low": [its.low / unit if its else None for its in held],
        "incremental_high": [its.high / unit if its else None for its in held],
    }
    return pl.DataFrame(
        {
            "name": pl.Series(group_names.names(keys, by), dtype=pl.String),
            "messages": [line.messages for line in lines],
            "message_cost": [line.message_cost_micros / 1e6 for line in lines],
            "discount": [line.discount / unit for line in lines],
            "orders": [line.orders for line in lines],
            "attributed": [line.attributed / unit for line in lines],
            "profit": [line.profit_micros / 1e6 for line in lines],
            "roi": pl.Series([line.roi for line in lines], dtype=pl.Float64),
            **{name: pl.Series(values, dtype=pl.Float64) for name, values in ends.items()},
            "open": pl.Series(group_names.addresses(keys, by), dtype=pl.String),
        }
    )  # fmt: skip


_KINDS: Final[dict[str, pl.DataType]] = {
    "source_kind": pl.Int8(),
    "source_id": pl.Int64(),
    "channel": pl.Int8(),
    "month": pl.Datetime("us"),
}


def _windows() -> Windows:
    return windows_of(workspace.settings())
