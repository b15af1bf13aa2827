"""Triggers and steps on a real database: who enters when, and what is done for whom."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from segmind.automations import automation as automations
from segmind.automations import counts, describe, engine, mentions, moving, recipes
from segmind.automations.definition import InvalidDefinition, parse
from segmind.automations.lifecycle import State
from segmind.automations.validate import problems
from segmind.segments import membership, segment

SMS = {"channel": "sms", "body": "Hello. Reply STOP to opt out."}
TEXT = {"kind": "send", "id": "text", "channel": "sms", "content": SMS}
EVENT = {"kind": "event", "event": "checkout_started"}


def definition(*steps: dict[str, Any], **more: Any) -> Any:
    return parse({"trigger": EVENT, "steps": list(steps), **more})


def test_who_does_what_was_waited_for_goes_on_at_once(shop: Any) -> None:
    ada, bob = shop.customer("ada"), shop.customer("bob", phone="+15005550009")
    wait = {
        "kind": "wait_for",
        "id": "view",
        "event": "product_viewed",
        "seconds": 3600,
        "done": "end",
        "timed_out": "text",
    }
    shop.live(definition(wait, TEXT))
    for customer in (ada, bob):
        shop.did(customer, 1, "checkout_started")
    shop.tick(1)
    shop.did(ada, 10, "product_viewed")
    shop.tick(10)
    assert shop.runs() == [(ada, "exited", "finished"), (bob, "waiting", None)]
    shop.tick(61)
    assert [who for who, _, _ in shop.messages()] == [bob]
    assert ("view", "timed_out") in shop.history(2)


def test_a_set_trait_is_there_for_the_next_step(shop: Any) -> None:
    ada = shop.customer()
    mark = {"kind": "set_trait", "id": "mark", "name": "tier", "value": "gold"}
    rule = {"type": "trait", "field": "traits.tier", "op": "is", "value": "gold"}
    shop.live(definition(mark, {"kind": "condition", "id": "gold", "rule": rule}, TEXT))
    shop.did(ada, 1, "checkout_started")
    shop.tick(1)
    shop.tick(1)
    assert shop.rows("SELECT traits FROM customer WHERE id = :c", c=ada) == [({"tier": "gold"},)]
    assert shop.history(1)[:3] == [("mark", "set"), ("gold", "yes"), ("text", "sent")]


def test_the_fallback_is_used_where_the_first_channel_does_not_reach(shop: Any) -> None:
    ada = shop.customer("ada")
    bob = shop.customer("bob", phone="+15005550009", sms_consent=0)
    eve = shop.customer("eve", phone=None, email=None)
    mail = {"channel": "email", "subject": "Hi", "blocks": [{"kind": "text", "text": "Hello"}]}
    step = {**TEXT, "fallbacks": [{"channel": "email", "content": mail}]}
    shop.live(definition(step))
    for customer in (ada, bob, eve):
        shop.did(customer, 1, "checkout_started")
    shop.tick(1)
    assert shop.rows("SELECT customer_id, channel FROM message ORDER BY 1") == [(ada, 2), (bob, 1)]
    assert ("text", "skipped") in shop.history(3)


def test_entering_and_leaving_a_segment_starts_a_run(shop: Any) -> None:
    ada, bob = shop.customer("ada"), shop.customer("bob", country="DE")
    rule = {"type": "trait", "field": "country", "op": "is", "value": "DE"}
    with shop.store.engine.begin() as conn:
        germans = segment.create(conn, "Germans", rule, now=shop.at(-9)).id
    membership.refresh_all(shop.store, shop.at(-8))
    trigger = {"kind": "segment", "segment_id": germans}
    shop.live(definition(TEXT, trigger=trigger))
    with shop.store.engine.connect() as conn:
        assert mentions.using_segment(conn, germans) == ["the automation “Cart”"]
    shop.live(definition(TEXT, trigger={**trigger, "moves": "left"}))
    with shop.store.engine.begin() as conn:
        conn.execute(
            text("UPDATE customer SET country = CASE WHEN id = :a THEN 'DE' ELSE 'FR' END"),
            {"a": ada},
        )
    membership.refresh_all(shop.store, shop.at(1))
    shop.tick(1)
    shop.tick(2)
    assert shop.rows("SELECT automation_id, customer_id FROM automation_run ORDER BY 1") == [
        (1, ada),
        (2, bob),
    ]


def test_a_birthday_begins_by_the_customers_own_clock_once_a_year(shop: Any) -> None:
    tokyo = shop.customer("tokyo", birthday=date(1990, 3, 3), timezone="Asia/Tokyo")
    rome = shop.customer("rome", birthday=date(1991, 3, 3), timezone="Europe/Rome")
    shop.customer("other", birthday=date(1991, 3, 9))
    shop.live(definition(TEXT, trigger={"kind": "date", "at": "09:00"}, key="event"))
    hours = 60.0
    entered: dict[int, datetime] = {}
    for hour in [0.1, 11.9, *range(12, 30), 24 * 365 + 21]:
        shop.tick(hour * hours)
        for customer, at in shop.rows("SELECT customer_id, triggered_at FROM automation_run"):
            entered.setdefault(customer, at)
    assert entered == {
        tokyo: datetime(2026, 3, 3, 0, 0, tzinfo=UTC),
        rome: datetime(2026, 3, 3, 8, 0, tzinfo=UTC),
    }
    assert shop.rows("SELECT count(*) FROM automation_run") == [(4,)]  # and once more a year later


def test_a_schedule_takes_in_whom_its_filter_means_once_each_time(shop: Any) -> None:
    ada, bob = shop.customer("ada"), shop.customer("bob", country="DE")
    rule = {"type": "trait", "field": "country", "op": "is", "value": "DE"}
    every = {"kind": "schedule", "every": "day", "at": "15:00"}
    shop.live(definition(TEXT, trigger=every, entry_filter=rule, key="event"))
    for minute in (1, 179, 180, 181, 185):
        shop.tick(minute)
    assert [who for who, _, _ in shop.runs()] == [bob]
    with shop.store.engine.begin() as conn:
        conn.execute(text("UPDATE customer SET country = 'DE' WHERE id = :a"), {"a": ada})
    shop.tick(200)
    assert len(shop.runs()) == 1
    shop.tick(180 + 24 * 60)
    assert sorted(who for who, _, _ in shop.runs()) == [ada, bob, bob]


def test_people_in_flight_are_moved_when_asked(shop: Any) -> None:
    ada = shop.customer()
    wait = {"kind": "wait", "id": "wait", "seconds": 86_400}
    kept = shop.live(definition(wait, TEXT))
    shop.did(ada, 1, "checkout_started")
    shop.tick(1)
    shorter = definition({**wait, "id": "soon", "seconds": 600}, TEXT)
    with shop.store.engine.begin() as conn:
        automations.update(conn, kept.id, shop.at(2), "test", definition=shorter)
        assert [(p.step, p.waiting, p.leads_to) for p in moving.places(conn, kept.id)] == [
            ("wait", 1, None)
        ]
        with pytest.raises(InvalidDefinition) as caught:
            moving.move_people(conn, kept.id, {}, shop.at(2), "test")
        assert caught.value.field == "to.wait"
        assert moving.move_people(conn, kept.id, {"wait": "soon"}, shop.at(2), "test") == 1
    shop.tick(3)
    assert shop.messages() == []
    shop.tick(12.1)
    assert [who for who, _, _ in shop.messages()] == [ada]


def test_a_failed_run_goes_on_when_it_is_tried_again(
    shop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = shop.customer()
    kept = shop.live(definition(TEXT))
    shop.did(ada, 1, "checkout_started")
    with monkeypatch.context() as broken:
        broken.setattr(engine, "walk", lambda *_: 1 / 0)
        shop.tick(1)
    assert shop.runs() == [(ada, "failed", "ZeroDivisionError")]
    with shop.store.engine.begin() as conn:
        assert moving.try_again(conn, kept.id, shop.at(2), "test") == 1
    shop.tick(2)
    assert shop.runs() == [(ada, "exited", "finished")]


def test_a_rule_whose_segment_is_gone_fails_for_all_with_its_sentence(shop: Any) -> None:
    ada = shop.customer()
    with shop.store.engine.begin() as conn:
        made = segment.create(
            conn,
            "S",
            {"type": "trait", "field": "country", "op": "is", "value": "DE"},
            now=shop.at(0),
        )
    rule = {"type": "in_segment", "segment_id": made.id}
    shop.live(definition({"kind": "condition", "id": "in", "rule": rule}, TEXT))
    shop.did(ada, 1, "checkout_started")
    with shop.store.engine.begin() as conn:
        conn.execute(text("DELETE FROM segment"))
    shop.tick(1)
    ((_, state, said),) = shop.runs()
    assert state == "failed"
    assert "segment" in said


def test_the_thank_you_knows_the_order_and_what_goes_with_it(shop: Any) -> None:
    ada, bob = shop.customer("ada"), shop.customer("bob", phone="+15005550009")
    with shop.store.engine.begin() as conn:
        other = conn.execute(
            text(
                "INSERT INTO product (external_id, name, price) VALUES ('q', 'Shade', 990)"
                " RETURNING id"
            )
        ).scalar_one()
    body = {
        "channel": "sms",
        "body": "{{ order.total }} {% for i in suggested.items %}{{ i.name }}{% endfor %} STOP",
    }
    shop.live(
        definition(
            {**TEXT, "content": body}, trigger={"kind": "event", "event": "order"}, key="order"
        )
    )
    lamp = shop.product
    shop.did(bob, -5, "order_completed", order=1)
    shop.product = other
    shop.did(bob, -5, "order_completed", order=1)
    shop.product = lamp
    shop.did(ada, 1, "order_completed", order=2)
    shop.tick(1)
    ((values,),) = shop.rows("SELECT vars FROM message")
    assert values["order"]["items"] == [{"name": "Lamp", "quantity": 1, "price": "$39.90"}]
    assert [item["name"] for item in values["suggested"]["items"]] == ["Shade"]


def test_every_recipe_is_valid_and_says_what_it_does(shop: Any) -> None:
    with shop.store.engine.begin() as conn:
        for recipe in recipes.RECIPES:
            made = recipes.definition_of(conn, recipe, shop.at(0), "test")
            assert problems(conn, made) == [], recipe.key
            assert parse(made.as_json()) == made
            assert len(describe.lines(made)) >= 2
        names = [each.name for each in segment.list_segments(conn)]
        assert len(names) == len(set(names)), "a segment is made once"


def test_a_large_automation_that_is_stopped_empties_in_portions(
    shop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = [shop.customer(f"c{n}", phone=f"+1500555000{n}") for n in range(5)]
    kept = shop.live(definition({"kind": "wait", "id": "w", "seconds": 3600}, TEXT))
    for customer in people:
        shop.did(customer, 1, "checkout_started")
    shop.tick(1)
    monkeypatch.setattr("segmind.automations.stopping.PORTION", 2)
    with shop.store.engine.begin() as conn:
        automations.set_state(conn, kept.id, State.STOPPED, shop.at(2), "test")
    assert [state for _, state, _ in shop.runs()].count("exited") == 2
    shop.tick(3)
    assert {tuple(run)[1:] for run in shop.runs()} == {("exited", "stopped")}
    with shop.store.engine.begin() as conn:
        before = counts.of(conn, kept.id)
        counts.recount(conn, kept.id)
        assert counts.of(conn, kept.id) == before


def test_messages_stop_when_nobody_looks_for_orders_any_more(shop: Any) -> None:
    from segmind.messages import sources

    ada = shop.customer()
    shop.live(definition(TEXT))
    shop.did(ada, 1, "checkout_started")
    shop.tick(1)
    with shop.store.engine.begin() as conn:
        assert [each.id for each in sources.with_ready(conn)] == [1]
        conn.execute(
            text("UPDATE outbox_source SET fresh_until = clock_timestamp() - interval '1 second'")
        )
    with shop.store.engine.connect() as conn:
        assert sources.with_ready(conn) == []
    engine.heed(shop.store, shop.at(2))
    with shop.store.engine.connect() as conn:
        assert [each.id for each in sources.with_ready(conn)] == [1]
        until = conn.execute(
            text("SELECT fresh_until - clock_timestamp() FROM outbox_source")
        ).scalar_one()
    assert until <= timedelta(seconds=4)


def test_a_webhook_step_tells_the_shop_once_and_never_our_own_network(shop: Any) -> None:
    ada = shop.customer(external_id="c-1")
    hook = {
        "kind": "webhook",
        "id": "tell",
        "url": "https://shop.example.com/hook",
        "values": {"gift": True},
    }
    with pytest.raises(InvalidDefinition) as caught:
        shop.live(definition({**hook, "url": "https://10.0.0.8/hook"}))
    assert caught.value.field == "steps[tell].url"
    shop.live(definition(hook))
    shop.did(ada, 1, "checkout_started")
    shop.tick(1)
    ((url, body),) = shop.rows("SELECT url, body::jsonb FROM callback")
    assert url == "https://shop.example.com/hook"
    assert body["data"] | {"triggered_at": ""} == {
        "automation_id": 1,
        "step": "tell",
        "run_id": 1,
        "customer_id": ada,
        "external_id": "c-1",
        "triggered_at": "",
        "values": {"gift": True},
    }
