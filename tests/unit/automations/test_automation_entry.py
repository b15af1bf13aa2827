"""Which triggers start a run."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from segmind.automations.definition import Definition, parse
from segmind.automations.entry import CART_LIFE, Earlier, Entry, Trigger, choose
from tests.trying import examples

T0 = datetime(2026, 3, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def definition(**more: Any) -> Definition:
    send = {"kind": "send", "id": "mail", "channel": "email", "template_version_id": 7}
    return parse({"trigger": {"event": "product_added"}, "steps": [send], **more})


def trigger(minute: float, customer: int = 1, order: int | None = None) -> Trigger:
    return Trigger(customer, T0 + minute * MINUTE, f"{customer}-{minute}", order)


def started(entries: list[Entry]) -> list[float]:
    return [(entry.triggered_at - T0) / MINUTE for entry in entries]


def test_a_cart_starts_one_run_however_often_it_is_filled() -> None:
    entries = choose(definition(key="cart"), [trigger(5), trigger(0), trigger(9)], {}, {})
    assert started(entries) == [0]


def test_an_order_ends_the_cart() -> None:
    orders = {1: [T0 + 6 * MINUTE]}
    entries = choose(definition(key="cart"), [trigger(0), trigger(5), trigger(7)], {}, orders)
    assert started(entries) == [0, 7]


def test_what_was_added_at_the_instant_of_an_order_was_bought() -> None:
    orders = {1: [T0 + 5 * MINUTE]}
    entries = choose(definition(key="cart"), [trigger(0), trigger(5), trigger(6)], {}, orders)
    assert started(entries) == [0, 6]


def test_a_cart_ends_after_a_week() -> None:
    late = CART_LIFE / MINUTE
    assert started(choose(definition(key="cart"), [trigger(0), trigger(late)], {}, {})) == [0, late]


def test_a_late_event_of_a_cart_that_has_its_run_starts_none() -> None:
    run = Earlier(T0 + 30 * MINUTE, "cart:x", left_at=T0)
    assert choose(definition(key="cart"), [trigger(10)], {1: [run]}, {}) == []


def test_customers_do_not_share_a_cart() -> None:
    entries = choose(definition(key="cart"), [trigger(0, 1), trigger(1, 2)], {}, {})
    assert {entry.customer_id for entry in entries} == {1, 2}


def test_never_means_once() -> None:
    rule = {"mode": "never"}
    assert started(choose(definition(re_entry=rule), [trigger(0), trigger(9)], {}, {})) == [0]


def test_a_customer_waits_in_one_run_at_a_time() -> None:
    waiting, gone = (Earlier(T0, "customer:0", left_at=at) for at in (None, T0))
    assert choose(definition(), [trigger(9)], {1: [waiting]}, {}) == []
    assert started(choose(definition(), [trigger(9)], {1: [gone]}, {})) == [9]


def test_a_pause_between_two_runs_is_kept() -> None:
    rule = definition(key="event", re_entry={"mode": "after", "hours": 1})
    entries = choose(rule, [trigger(0), trigger(59), trigger(60), trigger(100)], {}, {})
    assert started(entries) == [0, 60]


def test_an_order_starts_one_run_with_all_its_lines() -> None:
    lines = [trigger(0, order=7), trigger(0.5, order=7), trigger(1, order=8)]
    keys = [entry.entry_key for entry in choose(definition(key="order"), lines, {}, {})]
    assert keys == ["order:7", "order:8"]


minutes = st.lists(st.integers(0, 20_000), max_size=12)


@given(minutes, minutes, st.sampled_from(["cart", "order", "event", "customer"]), st.data())
@settings(max_examples=examples(60), deadline=None)
def test_events_that_come_again_in_any_portion_start_nothing_more(
    at: list[int], ordered: list[int], key: str, data: st.DataObject
) -> None:
    rule = definition(key=key)
    orders = {1: sorted(T0 + minute * MINUTE for minute in ordered)}
    triggers = [trigger(minute) for minute in at]
    entries = choose(rule, triggers, {}, orders)
    runs = {1: [Earlier(e.triggered_at, e.entry_key, left_at=None) for e in entries]}
    again = data.draw(st.permutations(triggers)) if triggers else []
    assert choose(rule, again, runs, orders) == []
    assert len({entry.entry_key for entry in entries}) == len(entries)


@given(minutes, minutes)
@settings(max_examples=examples(60), deadline=None)
def test_two_runs_of_carts_have_an_order_or_a_week_between_them(
    at: list[int], ordered: list[int]
) -> None:
    orders = sorted(T0 + minute * MINUTE for minute in ordered)
    entries = choose(definition(key="cart"), [trigger(m) for m in at], {}, {1: orders})
    starts = sorted(entry.triggered_at for entry in entries)
    for one, next_one in itertools.pairwise(starts):
        ordered_between = any(one <= order < next_one for order in orders)
        assert ordered_between or next_one - one >= CART_LIFE
