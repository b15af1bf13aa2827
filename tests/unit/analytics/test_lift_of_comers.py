"""Lift of whoever comes one after the other, and of all marketing: windows of one's own, edges."""

from __future__ import annotations

import math
from datetime import timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segmind.analytics.global_lift import EVERYBODY_ELSE, NoGlobalHoldout, global_lift
from segmind.analytics.rolling_lift import measure_rolling
from segmind.events.schema import Kind
from segmind.experiments.effect import Effect, NotMeasured, WhyNot
from segmind.experiments.experiment import Rolling
from segmind.experiments.holdouts import GLOBAL_SALT, in_holdout
from tests.trying import examples
from tests.unit.analytics.test_lift_measured import LINE, PEOPLE, START, facts_of

ENTRIES = st.lists(
    st.tuples(st.integers(1, PEOPLE + 3), st.booleans(), st.integers(-48, 96)),
    max_size=PEOPLE,
    unique_by=lambda entry: entry[0],
)


def rolling(entries: list[tuple[int, bool, int]], days: int = 3) -> Rolling:
    frame = pl.DataFrame(
        [
            (who, "holdout" if held else "message", START + timedelta(hours=hours))
            for who, held, hours in entries
        ],
        schema={
            "customer_id": pl.Int64(),
            "arm": pl.String(),
            "start": pl.Datetime("us", "UTC"),
        },
        orient="row",
    )
    since, until = START - timedelta(days=2), START + timedelta(days=4)
    return Rolling(frame, {"message": 1, "holdout": 1}, since, until, days)


@settings(max_examples=examples(8), deadline=None)
@given(st.lists(LINE, max_size=60), ENTRIES)
def test_each_customers_acts_count_from_their_own_start(
    lines: list[tuple[int, Kind, int, int]], entries: list[tuple[int, bool, int]]
) -> None:
    as_of = START + timedelta(days=5)
    found = measure_rolling(facts_of(lines), rolling(entries), as_of)
    for arm, held in ((found.arms[0].arm, False), (found.control, True)):
        # Nobody counts before his own days are over, nor who is no customer any more.
        mine = {
            who: start
            for who, is_held, start in entries
            if is_held is held and who <= PEOPLE and start + 72 <= 5 * 24
        }
        did = [
            (who, kind, value)
            for who, kind, hours, value in lines
            if who in mine and 0 <= hours - mine[who] < 72
        ]
        assert arm.customers == len(mine)
        assert arm.buyers == len({w for w, kind, _ in did if kind is Kind.ORDER_COMPLETED})
        sign = {Kind.ORDER_COMPLETED: 1, Kind.ORDER_REFUNDED: -1}
        assert arm.net_revenue == sum(sign[kind] * value for _, kind, value in did)
    for each in (found.arms[0].conversion, found.arms[0].revenue):
        if isinstance(each, Effect):
            assert all(map(math.isfinite, (each.estimate, each.low, each.high, each.p_value)))


def test_who_still_comes_is_told_with_an_interval_for_every_look() -> None:
    lines = [(who, Kind.ORDER_COMPLETED, 1, 1_000 * who) for who in range(1, 30)]
    entries = [(who, who % 3 == 0, 0) for who in range(1, 41)]
    early, late = (
        measure_rolling(facts_of(lines), rolling(entries), START + timedelta(days=days))
        for days in (4, 8)
    )
    assert (early.is_over, early.goes_on, late.is_over) == (False, True, True)
    width = [found.arms[0].revenue for found in (early, late)]
    assert all(isinstance(each, Effect) for each in width)
    assert width[0].high - width[0].low > width[1].high - width[1].low  # type: ignore[union-attr]


def test_nobody_and_one_customer_are_answered_with_the_reason() -> None:
    as_of = START + timedelta(days=9)
    empty = measure_rolling(facts_of([]), rolling([]), as_of)
    assert empty.arms[0].revenue == NotMeasured(WhyNot.NO_TREATED)
    alone = measure_rolling(facts_of([]), rolling([(1, False, 0)]), as_of)
    assert alone.arms[0].conversion == NotMeasured(WhyNot.NO_CONTROL)
    held = measure_rolling(facts_of([]), rolling([(1, True, 0)]), as_of)
    assert held.arms[0].revenue == NotMeasured(WhyNot.NO_TREATED)


def test_all_marketing_is_measured_by_those_who_get_none() -> None:
    ids = range(1, PEOPLE + 1)
    out = {who for who in ids if in_holdout(who, GLOBAL_SALT, 20)}
    assert 0 < len(out) < PEOPLE
    lines = [(who, Kind.ORDER_COMPLETED, 24, 500) for who in ids if who not in out]
    lines += [(who, Kind.ORDER_COMPLETED, -24, 99_999) for who in ids]
    as_of = START + timedelta(days=10)
    found = global_lift(facts_of(lines), 20, START, as_of, days=30)
    assert (found.control.customers, found.control.buyers) == (len(out), 0)
    arm = found.arms[0].arm
    assert (arm.name, arm.buyers) == (EVERYBODY_ELSE, PEOPLE - len(out))
    assert arm.net_revenue == 500 * arm.buyers  # what was before it began does not count
    assert (found.is_over, found.goes_on) == (False, True)
    for percent, begun in ((0, START), (5, None)):
        with pytest.raises(NoGlobalHoldout):
            global_lift(facts_of(lines), percent, begun, as_of, days=30)
