"""The lift of an experiment over a log: groups as drawn, acts in their windows, honest edges."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segmind.analytics.lift import Lift, measure
from segmind.customers.facts import Facts
from segmind.events.schema import EVENT_COLUMNS, Kind
from segmind.experiments.effect import Effect, NotMeasured, WhyNot
from segmind.experiments.experiment import Experiment
from tests.trying import examples

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
PEOPLE = 40
LINE = st.tuples(
    st.integers(1, PEOPLE),
    st.sampled_from([Kind.ORDER_COMPLETED, Kind.ORDER_COMPLETED, Kind.ORDER_REFUNDED]),
    st.integers(-40 * 24, 12 * 24),  # hours from the start
    st.integers(0, 90_00),
)


def facts_of(lines: list[tuple[int, Kind, int, int]]) -> Facts:
    rows = [
        {
            "event_hi": 1, "event_lo": n, "customer_id": who, "kind": int(kind), "value": value,
            "ts": START + timedelta(hours=hours), "order_key": n + 1,
        }
        for n, (who, kind, hours, value) in enumerate(lines)
    ]  # fmt: skip
    frame = pl.DataFrame(rows, schema_overrides=dict(EVENT_COLUMNS), infer_schema_length=None)
    missing = [pl.lit(None, dtype=t).alias(n) for n, t in EVENT_COLUMNS.items() if n not in frame]
    events = frame.with_columns(missing).select(pl.col(n).cast(t) for n, t in EVENT_COLUMNS.items())
    return Facts.of(events, pl.DataFrame({"customer_id": range(1, PEOPLE + 1)}))


def experiment(arms: dict[str, range], control: range) -> Experiment:
    weights = {name: float(len(ids)) for name, ids in arms.items()}
    return Experiment(
        {name: np.array(ids, dtype=np.int64) for name, ids in arms.items()},
        np.array(control, dtype=np.int64),
        {**weights, "holdout": float(len(control))},
        START,
        days=7,
    )


def asked(
    lines: list[tuple[int, Kind, int, int]], arms: dict[str, range], control: range, days: int = 8
) -> Lift:
    return measure(facts_of(lines), experiment(arms, control), START + timedelta(days=days))


@settings(max_examples=examples(5))
@given(st.lists(LINE, max_size=60))
def test_groups_hold_what_their_customers_did_in_the_window(
    lines: list[tuple[int, Kind, int, int]],
) -> None:
    found = asked(lines, {"message": range(1, 31)}, range(31, PEOPLE + 1))
    for arm, ids in ((found.arms[0].arm, range(1, 31)), (found.control, range(31, PEOPLE + 1))):
        mine = [(who, kind, value) for who, kind, hours, value in lines
                if who in ids and 0 <= hours < 7 * 24]  # fmt: skip
        sign = {Kind.ORDER_COMPLETED: 1, Kind.ORDER_REFUNDED: -1}
        assert arm.customers == len(ids)
        assert arm.net_revenue == sum(sign[kind] * value for _, kind, value in mine)
        buyers = {who for who, kind, _ in mine if kind is Kind.ORDER_COMPLETED}
        assert arm.buyers == len(buyers)
    total, each = found.total_revenue, found.arms[0].revenue
    if isinstance(total, Effect) and isinstance(each, Effect):
        assert total.estimate == pytest.approx(30 * each.estimate)
        assert total.low <= total.estimate <= total.high


def test_nobody_held_out_nobody_written_to_and_no_orders_say_so() -> None:
    nobody, everybody = range(0), range(1, PEOPLE + 1)
    held_out_none = asked([], {"message": everybody}, nobody)
    assert held_out_none.arms[0].revenue == NotMeasured(WhyNot.NO_CONTROL)
    assert asked([], {"message": nobody}, everybody).arms[0].conversion == NotMeasured(
        WhyNot.NO_TREATED
    )
    no_orders = asked([], {"message": range(1, 21)}, range(21, 41)).arms[0]
    assert no_orders.revenue == NotMeasured(WhyNot.NO_VARIANCE)
    assert isinstance(no_orders.conversion, Effect)
    assert no_orders.conversion.low < 0 < no_orders.conversion.high
    assert asked([], {}, everybody).arms == ()


def test_an_open_window_has_wider_intervals() -> None:
    lines = [(who, Kind.ORDER_COMPLETED, who, 100 * who) for who in range(1, PEOPLE + 1)]
    arms = {"message": range(1, 31)}
    during = asked(lines, arms, range(31, 41), days=6).arms[0].conversion
    after = asked(lines, arms, range(31, 41), days=7).arms[0].conversion
    assert isinstance(during, Effect)
    assert isinstance(after, Effect)
    assert during.high - during.low > after.high - after.low


def test_several_variants_are_each_judged_more_strictly_than_one() -> None:
    lines = [(who, Kind.ORDER_COMPLETED, 5, 100 * who) for who in range(1, PEOPLE + 1, 3)]
    one = asked(lines, {"a": range(1, 16)}, range(31, 41)).arms[0]
    two = asked(lines, {"a": range(1, 16), "b": range(16, 31)}, range(31, 41)).arms[0]
    assert isinstance(one.revenue, Effect)
    assert isinstance(two.revenue, Effect)
    assert two.revenue.high - two.revenue.low > one.revenue.high - one.revenue.low
    assert one.p_revenue is not None
    assert two.p_revenue is not None
    assert two.p_revenue >= one.p_revenue
