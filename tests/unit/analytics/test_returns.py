"""What messages cost and brought: by campaign, channel and month, and by product, segment, day."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings

from segmind.analytics import credit_by, currencies, roi
from segmind.analytics.attribution import ledger, ledgers
from segmind.analytics.message_costs import COST_COLUMNS
from segmind.analytics.period import Period
from segmind.analytics.roi import Incremental
from segmind.analytics.rules import rule_of, rules
from segmind.workspace.prices import MessagePrice, micros_of, repeated
from tests.trying import examples
from tests.unit.analytics.test_against_duckdb import (
    LOGS,
    PERIOD,
    SINCE,
    ask,
    facts_of,
    frame_of,
)
from tests.unit.analytics.test_attribution_rules import Log

ORDER: dict[str, Any] = {"customer_id": 1, "kind": 5, "session_key": None}
CLICK: dict[str, Any] = {"customer_id": 1, "kind": 14, "machine": None}


def costs(*rows: tuple[object, ...]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=COST_COLUMNS, orient="row")


def small() -> pl.DataFrame:
    """Two orders of one customer, each after a click; a discount, told on both lines of one."""
    frame = frame_of(
        [
            {**ORDER, "minute": 100, "order_key": 1, "value": 3_000},
            {**ORDER, "minute": 100, "order_key": 1, "value": 1_000},
            {**ORDER, "minute": 5_000, "order_key": 2, "value": 2_000},
        ],
        [{**CLICK, "minute": 10, "message_id": 3}, {**CLICK, "minute": 4_900, "message_id": 6}],
    )
    told = json.dumps({"discount": 5.5, "coupon": "MAY"})
    return frame.with_columns(
        properties=pl.when(pl.col("order_key") == 1).then(pl.lit(told)),
        product_id=pl.when(pl.col("value") == 3_000).then(7).when(pl.col("value").is_not_null())
        .then(8).cast(pl.Int32),
    )  # fmt: skip


def test_a_return_is_revenue_less_costs_by_costs() -> None:
    facts = facts_of(small())
    book = ledger(facts, PERIOD)
    spent = costs((2, 1, 1, "sendgrid", SINCE.replace(tzinfo=None), 10, 10, 2_000_000))
    lines = {line.key: line for line in roi.returns(facts, book, spent, "source", 2)}
    assert set(lines) == {(2, 1), (1, 2)}
    first = lines[2, 1]
    assert (first.attributed, first.discount, first.message_cost_micros) == (4_000, 550, 2_000_000)
    assert first.cost_micros == 7_500_000
    assert first.roi == pytest.approx((40 - 7.5) / 7.5)
    assert first.incremental_roi is None
    assert lines[1, 2].roi is None  # nothing was spent on it
    known = {(2, 1): Incremental(1_500, -300, 3_300)}
    held = roi.returns(facts, book, spent, "source", 2, known)[0].incremental_roi
    assert held == pytest.approx((1.0, -1.4, 3.4))


def test_returns_by_channel_and_month_add_up_to_the_same_money() -> None:
    facts = facts_of(small())
    book = ledger(facts, PERIOD)
    month = SINCE.replace(tzinfo=None)
    spent = costs(
        (2, 1, 1, "sendgrid", month, 10, 10, 400),
        (1, 9, 2, "twilio", month - timedelta(days=28), 3, 5, 39_500),
    )
    for by in roi.KEYS:
        lines = roi.returns(facts, book, spent, by, 2)
        assert sum(line.attributed for line in lines) == book.credited
        assert sum(line.discount for line in lines) == 550
        assert sum(line.message_cost_micros for line in lines) == 39_900
    assert [line.key[0] for line in roi.returns(facts, book, spent, "month", 2)] == sorted(
        line.key[0]  # type: ignore[type-var]
        for line in roi.returns(facts, book, spent, "month", 2)
    )


def test_incremental_revenue_adds_up_where_all_that_was_sent_is_measured() -> None:
    month = SINCE.replace(tzinfo=None)
    spent = costs(
        (1, 1, 1, "sendgrid", month, 10, 10, 400),
        (1, 2, 1, "sendgrid", month, 10, 10, 400),
        (2, 3, 2, "twilio", month, 10, 10, 400),
        (3, 0, 1, "sendgrid", month, 1, 1, 40),
    )
    known = {(1, 1): Incremental(1_000, 700, 1_300), (1, 2): Incremental(-200, -600, 200)}
    asked = []

    def caused(period: Period) -> dict[roi.Key, Incremental]:
        asked.append(period)
        return dict(known)

    def told(by: roi.By) -> dict[roi.Key, Incremental]:
        return roi.together(by, PERIOD, spent, caused)

    assert told("source") == known
    assert told("channel") == {(1,): Incremental(800, 300, 1_300)}  # 300² + 400² = 500²
    assert told("month") == {}  # the automation was not measured
    known[2, 3] = Incremental(0, 0, 0)
    assert told("month") == {(month,): Incremental(800, 300, 1_300)}
    assert (asked[-1].since, asked[-1].until) == (PERIOD.since, PERIOD.until)
    several = pl.concat([spent, costs((1, 1, 2, "twilio", month, 1, 1, 1))])
    assert roi.together("channel", PERIOD, several, caused) == {}


def test_a_currency_without_decimals_costs_what_it_says() -> None:
    facts = facts_of(small())
    line = roi.returns(facts, ledger(facts, PERIOD), costs(), "channel", 0)[0]
    assert line.cost_micros == line.discount * 1_000_000
    assert line.discount == 6  # 5.5 rounded half to even is 6


def test_nothing_earned_and_nothing_spent_is_no_line_and_no_division() -> None:
    facts = facts_of(frame_of([], []))
    for by in roi.KEYS:
        assert roi.returns(facts, ledger(facts, PERIOD), costs(), by, 2) == []
    for key in rules():
        book = ledger(facts, PERIOD, rule_of(key))
        assert (book.credited, book.covered, book.credits.height) == (0, 0, 0)
        assert credit_by.by_product(facts, book).is_empty()
        assert credit_by.by_day(book).is_empty()


@settings(max_examples=examples(6), deadline=None)
@given(log=LOGS)
def test_credit_by_product_segment_and_day_is_that_of_duckdb(log: Log) -> None:
    frame = frame_of(*log).with_columns(product_id=(pl.col("event_lo") % 3).cast(pl.Int32))
    facts = facts_of(frame)
    for key, book in ledgers(facts, PERIOD, rules()).items():
        products = credit_by.by_product(facts, book)
        assert products["revenue"].sum() == book.credited, key
        days = credit_by.by_day(book)
        told = ask(
            book.credits,
            "SELECT timezone('Europe/Berlin', ts)::DATE, count(DISTINCT order_row), "
            "count(DISTINCT customer_id), sum(credited)::BIGINT FROM log GROUP BY 1 ORDER BY 1",
        )
        assert days.rows() == told
        members = {1: pl.Series([1, 2, 3, 4]), 2: pl.Series([2]), 3: pl.Series([], dtype=pl.Int64)}
        by_segment = credit_by.by_segment(book, members)["revenue"].to_list()
        alone = book.credits.filter(pl.col("customer_id") == 2)["credited"].sum()
        assert by_segment == [book.credited, alone, 0]


def test_a_product_gets_of_an_order_what_its_lines_are_worth() -> None:
    facts = facts_of(small())
    products = credit_by.by_product(facts, ledger(facts, PERIOD))
    assert dict(products.select("product_id", "revenue").iter_rows()) == {7: 3_000, 8: 3_000}


def test_orders_in_another_currency_are_named_not_added_up() -> None:
    frame = small().with_columns(
        currency=pl.when(pl.col("order_key") == 2).then(pl.lit("EUR")).otherwise(pl.lit("USD"))
    )
    facts = facts_of(frame)
    with pytest.raises(currencies.MixedCurrencies, match="EUR, which cannot be added up in USD"):
        currencies.check(facts, PERIOD, "USD")
    currencies.check(facts, PERIOD.before(), "USD")
    currencies.check(facts_of(small()), PERIOD, "USD")  # none told: the workspace's


def test_the_price_that_names_most_decides() -> None:
    table = [
        MessagePrice(channel="sms", micros=1),
        MessagePrice(channel="sms", country="DE", micros=2),
        MessagePrice(channel="sms", provider="twilio", micros=3),
        MessagePrice(channel="sms", provider="twilio", country="DE", micros=4),
    ]
    assert micros_of(table, "sms", "twilio", "DE", 9) == 4
    assert micros_of(table, "sms", "twilio", "FR", 9) == 3
    assert micros_of(table, "sms", "sandbox", "DE", 9) == 2
    assert micros_of(table, "sms", None, None, 9) == 1
    assert micros_of(table, "email", "twilio", "DE", 9) == 9
    assert repeated(table) is None
    assert repeated([*table, MessagePrice(channel="sms", micros=7)]) is not None
