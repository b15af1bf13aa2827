"""A back-test in figures: who entered, what left, why others got nothing, what it costs."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from segmind.automations import recipes
from segmind.automations.backtest.asked import run
from segmind.automations.backtest.question import InvalidPeriod, Question
from segmind.automations.backtest.result import Backtest
from segmind.automations.contents import frozen
from segmind.automations.definition import Definition, parse
from segmind.customers.facts import read_facts
from segmind.segments import segment as segments
from segmind.segments.rule import parse as parse_rule
from segmind.workspace import product_settings

DAY = 24 * 60
BLOCKS = [{"kind": "text", "text": "Hello"}]


def backtest(shop: Any, definition: Definition, first: float, last: float, now: float) -> Backtest:
    with shop.store.engine.begin() as conn:
        question = Question(frozen(conn, definition), shop.at(first), shop.at(last), shop.at(now))
        settings = product_settings.load(conn)
        return run(conn, read_facts(shop.store), settings, question)


def test_a_months_carts_are_told_apart_by_what_became_of_them(shop: Any) -> None:
    reminded, buys, empties = (shop.customer(name) for name in ("ada", "bob", "cyd"))
    silent, gone = shop.customer("dan", email_consent=None), shop.customer("eve", email=None)
    for who in (reminded, buys, empties, silent, gone):
        shop.did(who, 0, "product_added")
    shop.did(buys, 10, "order_completed")
    shop.did(empties, 5, "product_removed")
    found = backtest(shop, recipes.cart_recovery(), -DAY, DAY, 5 * DAY)
    assert (found.entered, found.people, found.reached, found.sent) == (5, 5, 1, 1)
    assert (found.goals, found.waiting) == (1, 0)
    assert {reason.label: reason.runs for reason in found.reasons} == {
        "Reached the goal before": 1,
        "Their way ended at step 2": 1,
        "Their way ended at step 3": 2,
    }
    assert found.entered == found.reached + sum(reason.runs for reason in found.reasons)
    assert found.cost_micros == 400
    assert (found.per_minute.messages, found.per_minute.at) == (1, shop.at(60))
    assert {(day.day, day.entered, day.sent) for day in found.days if day.entered} == {
        (shop.at(0).date(), 5, 1)
    }


def test_the_organic_curve_counts_from_the_last_change_and_only_who_could_be_watched(
    shop: Any,
) -> None:
    people = [shop.customer(f"c{n}") for n in range(4)]
    for n, after in enumerate((10, 50, 300)):
        shop.did(people[n], 0, "product_added")
        shop.did(people[n], 20, "product_added")
        shop.did(people[n], 20 + after, "order_completed")
    shop.did(people[3], 2 * DAY, "product_added")
    found = backtest(shop, recipes.cart_recovery(), 0, 3 * DAY, 3 * DAY + 1)
    told = [(each.seconds // 60, each.reached, each.counted) for each in found.organic]
    assert told == [(15, 1, 4), (60, 2, 4), (240, 2, 4), (1_440, 3, 4), (4_320, 0, 0)]


def test_caps_count_what_was_sent_and_what_would_have_been(shop: Any) -> None:
    with shop.store.engine.begin() as conn:
        product_settings.save(
            conn, {"caps": {"sms": {"per_day": 1, "per_week": 2}}}, "test", shop.at(0)
        )
    ada = shop.customer()
    for minute in (0, 10, 2 * DAY, 4 * DAY, 8 * DAY):
        shop.did(ada, minute, "checkout_started")
    definition = parse(
        {
            "trigger": {"event": "checkout_started"},
            "key": "event",
            "steps": [
                {
                    "kind": "send",
                    "id": "text",
                    "channel": "sms",
                    "content": {"channel": "sms", "body": "Hi. Reply STOP to opt out."},
                }
            ],
        }
    )
    found = backtest(shop, definition, 0, 10 * DAY, 10 * DAY)
    (step,) = found.steps
    assert (step.entered, step.sent, step.blocked) == (5, 3, {"frequency_cap": 2})
    assert found.cost_micros == 3 * 7_900


def test_quiet_hours_put_off_what_may_wait_and_stop_the_rest(shop: Any) -> None:
    with shop.store.engine.begin() as conn:
        quiet = {"sms": {"start": "13:00", "end": "15:00"}}
        product_settings.save(
            conn, {"quiet_hours": quiet, "place_hours": {}, "caps": {}}, "test", shop.at(0)
        )
    ada, bob = shop.customer(timezone="UTC"), shop.customer("bob", timezone="UTC")
    shop.did(ada, 90, "checkout_started")  # 13:30
    shop.did(bob, 150, "checkout_started")  # 14:30
    shop.did(bob, 170, "order_completed")

    def texting(minutes: int) -> Definition:
        return parse(
            {
                "trigger": {"event": "checkout_started"},
                "key": "event",
                "steps": [
                    {
                        "kind": "send",
                        "id": "text",
                        "channel": "sms",
                        "valid_minutes": minutes,
                        "content": {"channel": "sms", "body": "Hi. Reply STOP to opt out."},
                    }
                ],
                "goal": {"event": "order_completed"},
            }
        )

    patient = backtest(shop, texting(120), 0, DAY, DAY)
    assert patient.steps[0].blocked == {"withdrawn": 1}
    assert (patient.sent, patient.per_hour.at) == (1, shop.at(180))
    hasty = backtest(shop, texting(60), 0, DAY, DAY)
    assert hasty.steps[0].blocked == {"quiet_hours": 1, "withdrawn": 1}


def test_a_segment_that_was_not_refreshed_then_is_asked_day_by_day(shop: Any) -> None:
    """Whoever bought is away a month later; of one who buys again that begins anew."""
    away = {"type": "recency", "event": "order_completed", "op": "more_than"}
    rule = {**away, "ago": {"amount": 30, "unit": "days"}}
    with shop.store.engine.begin() as conn:
        made = segments.create(conn, "Away", parse_rule(rule), actor="test", now=shop.at(0))
    ada, bob = shop.customer(), shop.customer("bob")
    shop.did(ada, -60 * DAY, "order_completed")
    shop.did(bob, -50 * DAY, "order_completed")
    shop.did(bob, -40 * DAY, "order_completed")
    definition = parse(
        {
            "trigger": {"kind": "segment", "segment_id": made.id},
            "steps": [
                {
                    "kind": "send",
                    "id": "mail",
                    "channel": "email",
                    "content": {"channel": "email", "subject": "Hi", "blocks": BLOCKS},
                }
            ],
        }
    )
    found = backtest(shop, definition, -45 * DAY, 0, 0)
    assert (found.entered, found.sent) == (2, 2)
    entered = {day.day for day in found.days if day.entered}
    assert entered == {shop.at(-29 * DAY).date(), shop.at(-9 * DAY).date()}
    assert any("beginning of each day" in note for note in found.notes)


def test_what_the_past_cannot_tell_is_said(shop: Any) -> None:
    shop.did(shop.customer(), 0, "product_added")
    found = backtest(shop, recipes.cart_recovery(), 0, DAY, DAY)
    assert any("Consent" in note and "present" in note for note in found.notes)
    assert any("log begins on 2 March 2026" in note for note in found.notes)


@pytest.mark.parametrize(
    ("first", "last", "field"), [(5, 5, "until"), (DAY + 1, DAY + 2, "since"), (-9e5, 1, "since")]
)
def test_a_period_that_cannot_be_replayed_is_refused(
    shop: Any, first: float, last: float, field: str
) -> None:
    with pytest.raises(InvalidPeriod) as refused:
        backtest(shop, recipes.cart_recovery(), first, last, DAY)
    assert refused.value.field == field


def test_imported_history_counts_as_if_it_had_been_known_at_once(shop: Any) -> None:
    ada = shop.customer()
    shop.did(ada, 0, "product_added", known=40 * DAY)
    found = backtest(shop, recipes.cart_recovery(), -DAY, DAY, 41 * DAY)
    assert (found.entered, found.sent) == (1, 1)
    assert found.per_minute.at == shop.at(0) + timedelta(hours=1)
