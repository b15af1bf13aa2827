"""Cart recovery on a real database: who is reminded, when, and who is not."""

from __future__ import annotations

from typing import Any

import pytest

from segmind.automations import engine, recipes
from segmind.messages.lifecycle import State


def test_a_cart_left_for_an_hour_is_reminded_once(shop: Any) -> None:
    ada = shop.customer()
    shop.live()
    shop.did(ada, 5, "product_added")
    for minute in (5, 6, 64):
        shop.tick(minute)
    assert shop.messages() == []
    for minute in (65, 66, 200):
        shop.tick(minute)
    assert shop.messages() == [(ada, "send_email", State.READY)]
    assert shop.runs() == [(ada, "exited", "finished")]
    assert shop.history(1) == [
        ("wait_email", "passed"),
        ("cart_email", "yes"),
        ("consent_email", "yes"),
        ("send_email", "sent"),
        ("send_email", "exited"),
    ]


def test_the_message_knows_what_lies_in_the_cart(shop: Any) -> None:
    ada = shop.customer()
    shop.live()
    shop.did(ada, 5, "product_added")
    shop.did(ada, 6, "product_added")
    shop.tick(10)
    shop.tick(70)
    (values,) = shop.rows("SELECT vars FROM message")[0]
    assert values == {
        "cart": {
            "items": [{"name": "Lamp", "quantity": 2, "price": "$39.90"}],
            "count": 2,
            "total": "$79.80",
        }
    }


def test_who_orders_leaves_at_once_and_is_not_reminded(shop: Any) -> None:
    ada = shop.customer()
    shop.live()
    shop.did(ada, 5, "product_added")
    shop.tick(6)
    shop.did(ada, 20, "order_completed")
    shop.tick(20)
    assert shop.runs() == [(ada, "exited", "goal")]
    shop.tick(70)
    assert shop.messages() == []


def test_an_order_that_comes_with_the_due_time_stops_the_message(shop: Any) -> None:
    ada = shop.customer()
    shop.live()
    shop.did(ada, 5, "product_added")
    shop.tick(6)
    shop.did(ada, 65, "order_completed")
    engine.advance(shop.store, shop.at(65))  # the mover sees it before the scan does
    assert shop.runs() == [(ada, "exited", "goal")]
    assert shop.messages() == []


def test_an_order_withdraws_a_message_that_still_waits_for_its_hour(shop: Any) -> None:
    ada = shop.customer()
    shop.live()
    shop.did(ada, 5, "product_added")
    shop.tick(6)
    shop.tick(65)
    assert shop.messages() == [(ada, "send_email", State.READY)]
    shop.did(ada, 70, "order_completed")
    shop.tick(70)
    assert shop.messages() == [(ada, "send_email", State.SKIPPED)]
    assert shop.rows("SELECT skip_reason FROM message") == [("goal",)]


def test_a_change_of_the_cart_starts_the_hour_anew(shop: Any) -> None:
    ada = shop.customer()
    shop.live()
    shop.did(ada, 0, "product_added")
    shop.tick(1)
    shop.did(ada, 50, "product_added")
    shop.tick(60)
    shop.tick(109)
    assert shop.messages() == []
    shop.tick(110)
    assert len(shop.messages()) == 1


def test_an_emptied_cart_is_not_reminded(shop: Any) -> None:
    ada = shop.customer()
    shop.live()
    shop.did(ada, 5, "product_added")
    shop.did(ada, 6, "product_removed")
    shop.tick(7)
    shop.tick(90)
    assert shop.messages() == []
    assert shop.history(1)[-2:] == [("cart_email", "no"), ("cart_email", "exited")]


def test_without_consent_nothing_is_sent(shop: Any) -> None:
    ada = shop.customer(email_consent=None)
    shop.live()
    shop.did(ada, 5, "product_added")
    shop.tick(6)
    shop.tick(90)
    assert shop.messages() == []
    assert ("consent_email", "no") in shop.history(1)


def test_the_second_channel_follows_a_day_later_and_only_where_there_is_consent(shop: Any) -> None:
    ada, bob = shop.customer("ada"), shop.customer("bob", phone="+15005550009", sms_consent=0)
    shop.live(recipes.cart_recovery(channels=("email", "sms"), valid_minutes=60))
    for customer in (ada, bob):
        shop.did(customer, 5, "product_added")
    shop.tick(6)
    shop.tick(65)
    shop.tick(65 + 22 * 60)
    assert sorted((step, who) for who, step, _ in shop.messages()) == [
        ("send_email", ada),
        ("send_email", bob),
        ("send_sms", ada),
    ]


def test_a_second_cart_after_an_order_has_a_run_of_its_own(shop: Any) -> None:
    ada = shop.customer()
    shop.live()
    shop.did(ada, 5, "product_added")
    shop.tick(6)
    shop.did(ada, 10, "order_completed")
    shop.tick(11)
    shop.did(ada, 30, "product_added")
    shop.tick(31)
    shop.tick(95)
    assert shop.runs() == [(ada, "exited", "goal"), (ada, "exited", "finished")]
    assert len(shop.messages()) == 1


def test_what_happened_before_it_went_live_starts_nothing(shop: Any) -> None:
    ada = shop.customer()
    shop.did(ada, -5, "product_added")
    shop.live()
    shop.did(ada, -1, "product_added", known=3)
    shop.tick(4)
    assert shop.runs() == []


def test_a_late_event_still_starts_a_run_and_a_very_late_one_does_not(shop: Any) -> None:
    ada, bob = shop.customer("ada"), shop.customer("bob")
    shop.live()
    shop.tick(1)
    hours = 60.0
    shop.did(ada, 2, "product_added", known=20 * hours)
    shop.tick(20 * hours)
    shop.did(bob, 3, "product_added", known=30 * hours)
    shop.tick(30 * hours)
    assert [who for who, _, _ in shop.runs()] == [ada]


def test_a_message_that_would_be_far_too_late_is_not_sent(shop: Any) -> None:
    ada = shop.customer()
    shop.live(recipes.cart_recovery(valid_minutes=60))
    shop.did(ada, 5, "product_added")
    shop.tick(6)
    shop.tick(65 + 61)  # the scheduler was away
    assert shop.messages() == []
    assert ("send_email", "skipped") in shop.history(1)


def test_a_run_goes_on_for_the_customer_that_the_visitor_turned_out_to_be(shop: Any) -> None:
    visitor = shop.customer("visitor", email=None, phone=None, is_anonymous=True)
    ada = shop.customer("ada")
    shop.live()
    shop.did(visitor, 5, "product_added")
    shop.tick(6)
    with shop.store.engine.begin() as conn:
        from sqlalchemy import text

        conn.execute(
            text("INSERT INTO customer_merge (from_id, into_id) VALUES (:v, :a)"),
            {"v": visitor, "a": ada},
        )
    shop.did(ada, 20, "product_added")
    shop.tick(21)
    assert len(shop.runs()) == 1
    shop.tick(80)
    assert [(who, step) for who, step, _ in shop.messages()] == [(ada, "send_email")]


def test_an_erased_customer_leaves(shop: Any) -> None:
    ada = shop.customer()
    shop.live()
    shop.did(ada, 5, "product_added")
    shop.tick(6)
    with shop.store.engine.begin() as conn:
        from sqlalchemy import text

        conn.execute(text("UPDATE customer SET erased_at = now(), email = NULL"))
    shop.tick(70)
    assert shop.runs() == [(ada, "exited", "customer is gone")]
    assert shop.messages() == []


def test_an_event_that_comes_while_a_scan_is_under_way_is_found_by_the_next_one(shop: Any) -> None:
    ada = shop.customer()
    shop.live()
    shop.did(ada, 5.01, "product_added")  # in the log already, but after the scan's own minute
    shop.tick(5)
    assert shop.runs() == []
    shop.tick(5.02)
    assert len(shop.runs()) == 1


def test_more_than_a_batch_is_moved_by_several_workers_each_run_once(
    shop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "BATCH", 3)
    people = [shop.customer(f"c{n}") for n in range(20)]
    shop.live()
    for who in people:
        shop.did(who, 1, "product_added")
    shop.tick(2)
    done = engine.advance(shop.store, shop.at(61))
    assert (done.moved, done.sent, done.failed) == (20, 20, 0)
    assert sorted(who for who, _, _ in shop.messages()) == sorted(people)
    assert {state for _, state, _ in shop.runs()} == {"exited"}
