"""Automations as they are kept: versions, states, and what is refused before it can do harm."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from segmind.automations import automation as automations
from segmind.automations import counts, describe, engine, entering, numbers, recipes, runs
from segmind.automations.automation import UnknownAutomation
from segmind.automations.definition import InvalidDefinition, parse
from segmind.automations.lifecycle import IllegalMove, State
from segmind.automations.validate import problems
from segmind.events.schema import Source
from segmind.messages import sources
from segmind.messages.lifecycle import State as MessageState
from segmind.messages.outbox import KeyReused
from segmind.messages.sources import SourceState
from segmind.templates import versions
from tests.trying import examples

SMS = {"channel": "sms", "body": "Hello. Reply STOP to opt out."}
SEND = {"kind": "send", "id": "text", "channel": "sms", "content": SMS}


def simple(**more: Any) -> dict[str, Any]:
    wait = {"kind": "wait", "id": "wait", "seconds": 60}
    return {"trigger": {"event": "checkout_started"}, "steps": [wait, SEND], **more}


def create(shop: Any, definition: Any, **more: Any) -> Any:
    with shop.store.engine.begin() as conn:
        return automations.create(conn, "Name", parse(definition), shop.at(0), "test", **more)


def switch(shop: Any, automation: Any, state: State, minute: float = 0) -> Any:
    with shop.store.engine.begin() as conn:
        return automations.set_state(conn, automation.id, state, shop.at(minute), "test")


def test_contents_become_versions_that_never_change(shop: Any) -> None:
    kept = create(shop, simple())
    step = kept.definition.step("text")
    assert step.content is None
    with shop.store.engine.connect() as conn:
        assert versions.load_version(conn, step.template_version_id).body == SMS["body"]


def test_the_same_key_makes_one_automation(shop: Any) -> None:
    first = create(shop, simple(), idempotency_key="k")
    assert create(shop, simple(), idempotency_key="k") == first
    for other in (
        simple(key="event"),
        simple(steps=[{**SEND, "content": {**SMS, "body": "STOP"}}]),
    ):
        with pytest.raises(KeyReused):
            create(shop, other, idempotency_key="k")
    assert shop.rows("SELECT count(*) FROM automation") == [(1,)]


@pytest.mark.parametrize(
    ("definition", "field"),
    [
        (simple(trigger={"event": "never_seen"}), "trigger.event"),
        (simple(trigger={"event": "message_opened"}), "trigger.event"),
        (
            simple(trigger={"event": "product_added", "where": [{"field": "valu", "op": "is"}]}),
            "trigger.where[0].field",
        ),
        (simple(goal={"event": "never_seen"}), "goal.event"),
        (simple(entry_filter={"type": "nonsense"}), "entry_filter.type"),
        (simple(entry_filter={"type": "in_segment", "segment_id": 9}), "entry_filter.segment_id"),
        (simple(exit_rules=[{"reason": "r", "rule": {"type": "x"}}]), "exit_rules[0].rule.type"),
        (
            simple(
                steps=[
                    {"kind": "condition", "id": "ask", "rule": {"type": "trait"}},
                    simple()["steps"][1],
                ]
            ),
            "steps[ask].rule",
        ),
        (
            simple(
                steps=[
                    {"kind": "wait", "id": "w", "seconds": 5, "restart_on": ["never_seen"]},
                    simple()["steps"][1],
                ]
            ),
            "steps[w].restart_on.event",
        ),
        (
            simple(steps=[{"kind": "send", "id": "s", "channel": "email", "content": SMS}]),
            "steps[s].channel",
        ),
        (
            simple(
                steps=[{"kind": "send", "id": "s", "channel": "sms", "template_version_id": 99}]
            ),
            "steps[s].content",
        ),
        (
            simple(
                steps=[
                    {
                        "kind": "send",
                        "id": "s",
                        "channel": "sms",
                        "content": {"channel": "sms", "body": "{{ first_name"},
                    }
                ]
            ),
            "steps[s].content.body",
        ),
    ],
)
def test_what_cannot_run_is_refused_with_its_place(shop: Any, definition: Any, field: str) -> None:
    with pytest.raises(InvalidDefinition) as caught:
        create(shop, definition)
    assert (caught.value.field or "").startswith(field), caught.value
    assert shop.rows("SELECT count(*) FROM automation") == [(0,)]


def test_every_recipe_setting_gives_a_valid_automation(shop: Any) -> None:
    for channels in (("email",), ("sms", "push"), ("email", "sms", "push")):
        with shop.store.engine.connect() as conn:
            assert problems(conn, recipes.cart_recovery(channels=channels)) == []
    for wrong in ({"channels": ()}, {"wait_minutes": 0}, {"channels": ("email", "email")}):
        with pytest.raises(InvalidDefinition):
            recipes.cart_recovery(**wrong)


def test_cart_recovery_reads_like_a_sentence() -> None:
    said = describe.describe(recipes.cart_recovery(channels=("email", "sms"), cooldown_hours=48))
    assert said.splitlines() == [
        "When a customer added a product to the cart, once for each cart, not again within 2 days.",
        "Wait 1 hour, counted anew whenever the customer added a product to the cart or removed a"
        " product from the cart.",
        "Is it so? Customers who have items in the cart, the last added in the last 7 days, with"
        " no order since.",
        "Is it so? Customers who can be reached by e-mail.",
        "Send an e-mail.",
        "Wait 22 hours, counted anew whenever the customer added a product to the cart or removed"
        " a product from the cart.",
        "Is it so? Customers who have items in the cart, the last added in the last 7 days, with"
        " no order since.",
        "Is it so? Customers who can be reached by SMS.",
        "Send an SMS.",
        "Whoever bought a product leaves at once: that is the goal.",
    ]


def test_people_in_flight_finish_their_version(shop: Any) -> None:
    ada, bob = shop.customer("ada"), shop.customer("bob", phone="+15005550009")
    kept = shop.live(parse(simple()))
    shop.did(ada, 1, "checkout_started")
    shop.tick(1)
    later = simple()
    later["steps"][0] = {"kind": "wait", "id": "wait", "seconds": 3600}
    with shop.store.engine.begin() as conn:
        changed = automations.update(conn, kept.id, shop.at(1), "test", definition=parse(later))
    assert changed.version == 2
    shop.did(bob, 1.5, "checkout_started")
    shop.tick(3)
    assert [who for who, _, _ in shop.messages()] == [ada]
    shop.tick(62)
    assert [who for who, _, _ in shop.messages()] == [ada, bob]
    with shop.store.engine.connect() as conn:
        assert [each.version for each in automations.versions(conn, kept.id)] == [2, 1]


def test_while_paused_nobody_moves_and_afterwards_everybody_does(shop: Any) -> None:
    ada, bob = shop.customer("ada"), shop.customer("bob", phone="+15005550009")
    kept = shop.live(parse(simple()))
    shop.did(ada, 1, "checkout_started")
    shop.tick(1)
    switch(shop, kept, State.PAUSED, 1.5)
    shop.did(bob, 1.7, "checkout_started")
    shop.tick(10)
    assert shop.messages() == []
    with shop.store.engine.connect() as conn:
        assert sources.state_of(conn, Source.AUTOMATION, kept.id) is SourceState.PAUSED
    switch(shop, kept, State.LIVE, 20)
    shop.tick(20)
    shop.tick(30)
    assert [who for who, _, _ in shop.messages()] == [ada]  # bob's trigger fell into the pause


def test_stopping_lets_everybody_leave_for_good(shop: Any) -> None:
    ada = shop.customer()
    kept = shop.live(parse(simple()))
    shop.did(ada, 1, "checkout_started")
    shop.tick(1)
    switch(shop, kept, State.STOPPED, 1.5)
    shop.tick(10)
    assert (shop.messages(), shop.runs()) == ([], [(ada, "exited", "stopped")])
    with pytest.raises(IllegalMove):
        switch(shop, kept, State.LIVE, 11)


def test_an_unknown_automation_is_said_to_be_so(shop: Any) -> None:
    with pytest.raises(UnknownAutomation), shop.store.engine.connect() as conn:
        automations.get(conn, 5)


def test_one_run_that_cannot_go_on_fails_alone_and_visibly(
    shop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = [shop.customer(f"c{n}", phone=f"+1500555000{n}") for n in range(5)]
    kept = shop.live(parse(simple()))
    for customer in people:
        shop.did(customer, 1, "checkout_started")
    shop.tick(1)
    walk = engine.walk

    def stumble(definition: Any, moving: Any, *rest: Any) -> Any:
        if any(run.customer_id == people[2] for run in moving):
            raise ValueError("c2@example.com")
        return walk(definition, moving, *rest)

    monkeypatch.setattr(engine, "walk", stumble)
    done = engine.advance(shop.store, shop.at(3))
    assert (done.moved, done.sent, done.failed) == (4, 4, 1)
    assert [who for who, state, _ in shop.runs() if state == "failed"] == [people[2]]
    with shop.store.engine.connect() as conn:
        failed = runs.list_runs(conn, kept.id, state="failed")[0]
        _, passages = runs.history(conn, failed.id)
        assert numbers.totals(conn, kept.id).failed == 1
    assert passages[-1].detail == {"error": "ValueError"}


def test_one_automation_that_cannot_be_scanned_stops_no_other(
    shop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = shop.customer()
    first, second = shop.live(parse(simple())), shop.live(parse(simple()))
    scan = entering.scan

    def stumble(store: Any, automation: Any, now: Any) -> Any:
        if automation.id == second.id:
            raise ValueError
        return scan(store, automation, now)

    monkeypatch.setattr(entering, "scan", stumble)
    shop.did(ada, 1, "checkout_started")
    assert engine.enter(shop.store, shop.at(1)).entered == 1
    assert shop.rows("SELECT automation_id FROM automation_run") == [(first.id,)]


def test_counts_by_step_add_up(shop: Any) -> None:
    people = [shop.customer(f"c{n}", phone=f"+1500555000{n}") for n in range(4)]
    kept = shop.live(recipes.cart_recovery(wait_minutes=10))
    for n, customer in enumerate(people):
        shop.did(customer, 1 + n, "product_added")
    shop.tick(5)
    shop.did(people[0], 6, "order_completed")
    shop.did(people[1], 7, "product_removed")
    shop.tick(8)
    shop.tick(13.5)
    shop.tick(13.6)
    with shop.store.engine.connect() as conn:
        steps = {each.step: each for each in numbers.by_step(conn, kept.id)}
        total = numbers.totals(conn, kept.id)
    wait = steps["wait_email"]
    assert (wait.entered, wait.exited, wait.converted) == (4, 1, 1)
    assert wait.entered == wait.waiting + wait.passed + wait.exited
    assert steps["send_email"].sent == 1
    assert total.entered == 4 == total.waiting + total.exited + total.failed
    assert (total.converted, total.messages) == (1, 1)
    with shop.store.engine.begin() as conn:
        kept_counts = counts.of(conn, kept.id)
        counts.recount(conn, kept.id)
        assert counts.of(conn, kept.id) == kept_counts


def test_comparisons_of_the_trigger_are_heeded(shop: Any) -> None:
    ada = shop.customer()
    rich = [{"field": "value", "op": "greater", "value": 5_000}]
    shop.live(parse(simple(trigger={"event": "checkout_started", "where": rich}, key="event")))
    shop.did(ada, 1, "checkout_started")  # 3,990
    shop.tick(1)
    assert shop.runs() == []
    cheap = [{"field": "value", "op": "less", "value": 5_000}]
    trigger = {"event": "checkout_started", "where": cheap}
    shop.live(parse(simple(trigger=trigger, key="event")), minute=1.5)
    shop.did(ada, 2, "checkout_started")
    shop.tick(2)
    assert len(shop.runs()) == 1


def test_an_entry_filter_lets_only_its_customers_in(shop: Any) -> None:
    ada, bob = shop.customer("ada"), shop.customer("bob", country="DE")
    rule = {"type": "trait", "field": "country", "op": "is", "value": "DE"}
    shop.live(parse(simple(entry_filter=rule)))
    for customer in (ada, bob):
        shop.did(customer, 1, "checkout_started")
    shop.tick(1)
    assert [who for who, _, _ in shop.runs()] == [bob]


def test_an_exit_rule_holds_while_waiting(shop: Any) -> None:
    ada = shop.customer()
    rule = {"type": "trait", "field": "country", "op": "is", "value": "DE"}
    shop.live(parse(simple(exit_rules=[{"reason": "moved", "rule": rule}])))
    shop.did(ada, 1, "checkout_started")
    shop.tick(1)
    with shop.store.engine.begin() as conn:
        conn.execute(text("UPDATE customer SET country = 'DE'"))
    shop.tick(3)
    assert (shop.messages(), shop.runs()) == ([], [(ada, "exited", "moved")])


@given(
    acts=st.lists(
        st.tuples(
            st.integers(0, 2),
            st.integers(1, 400),
            st.sampled_from(["product_added", "product_added", "order_completed"]),
        ),
        max_size=14,
    ),
    ticks=st.lists(st.integers(1, 500), max_size=10),
)
@settings(
    max_examples=examples(5),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_nobody_is_reminded_after_an_order_nor_twice_for_one_cart(
    shop: Any, acts: list[tuple[int, int, str]], ticks: list[int]
) -> None:
    with shop.store.engine.begin() as conn:
        conn.execute(
            text("TRUNCATE automation, customer, message, event_recent, event_seen CASCADE")
        )
    people = [shop.customer(f"c{n}", phone=None) for n in range(3)]
    shop.live(recipes.cart_recovery(wait_minutes=30))
    coming = sorted(acts, key=lambda act: act[1])
    for minute in sorted({*ticks, *(at for _, at, _ in acts), 600}):
        while coming and coming[0][1] <= minute:
            who, at, name = coming.pop(0)
            shop.did(people[who], at, name)
        shop.tick(minute)
    for who, customer in enumerate(people):
        added = [at for person, at, name in acts if person == who and name == "product_added"]
        ordered = [at for person, at, name in acts if person == who and name == "order_completed"]
        for (due_at,) in shop.rows(
            "SELECT due_at FROM message WHERE customer_id = :c AND state = 0", c=customer
        ):
            minute = (due_at - shop.at(0)).total_seconds() / 60
            carts = [
                at for at in added if at <= minute and not any(at <= o <= minute for o in ordered)
            ]
            assert carts, "reminded with nothing in the cart"
            assert minute - max(carts) >= 30, "reminded too early"
    # One message for one cart: between two reminders of a customer lies an order.
    for customer, sent in shop.rows(
        "SELECT customer_id, count(*) FROM message WHERE state = :s GROUP BY 1",
        s=int(MessageState.READY),
    ):
        ordered = {at for who, at, name in acts if people[who] == customer and name[0] == "o"}
        assert sent <= len(ordered) + 1


def test_several_schedulers_begin_and_move_each_run_once(
    shop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = [shop.customer(f"c{n}", phone=f"+15005551{n:03}") for n in range(30)]
    shop.live(parse(simple()))
    for customer in people:
        shop.did(customer, 1, "checkout_started")
    monkeypatch.setattr(engine, "BATCH", 4)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(shop.tick, [1, 1, 1, 1, 2.5, 2.5, 2.5, 2.5, 2.5]))
    shop.tick(2.5)
    assert sorted(who for who, _, _ in shop.runs()) == people
    assert sorted(who for who, _, _ in shop.messages()) == people
