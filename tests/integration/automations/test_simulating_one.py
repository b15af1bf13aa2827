"""One person's way, simulated: what happens, why, what would have been sent, and when."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import text

from segmind.automations import recipes
from segmind.automations.backtest.asked import simulated
from segmind.automations.backtest.simulating import Simulated
from segmind.automations.definition import Definition
from segmind.workspace import product_settings


def told(found: Simulated) -> list[tuple[str, str]]:
    return [(each.step, each.outcome) for each in found.happened]


def follow(shop: Any, who: int, start: datetime, definition: Definition | None = None) -> Simulated:
    return simulated(shop.store, definition or recipes.cart_recovery(), who, start)


def test_each_step_says_when_and_each_question_why(shop: Any) -> None:
    ada = shop.customer()
    shop.did(ada, 0, "product_added")
    shop.did(ada, 30, "product_added")
    found = follow(shop, ada, shop.at(0))
    assert told(found) == [
        ("wait_email", "waited"),
        ("wait_email", "passed"),
        ("cart_email", "yes"),
        ("consent_email", "yes"),
        ("send_email", "sent"),
        ("send_email", "exited"),
    ]
    asked = found.happened[2]
    assert asked.at == shop.at(90)
    assert asked.why is not None
    assert asked.why.detail.startswith("2 items in the cart, last added 60 minutes ago")
    (letter,) = found.letters
    assert letter.title == "Ada, you left something in your cart"
    assert "79.80" in letter.text
    assert (found.ended_at, found.reason) == (shop.at(90), "finished")


def test_an_order_ends_it_and_says_when(shop: Any) -> None:
    ada = shop.customer()
    shop.did(ada, 0, "product_added")
    shop.did(ada, 20, "order_completed")
    found = follow(shop, ada, shop.at(0))
    assert told(found) == [("wait_email", "exited")]
    assert (found.ended_at, found.reason, found.letters) == (shop.at(20), "goal", ())


def test_a_message_that_may_not_leave_says_why(shop: Any) -> None:
    with shop.store.engine.begin() as conn:
        quiet = {"email": {"start": "12:30", "end": "14:00"}}
        product_settings.save(conn, {"quiet_hours": quiet}, "test", shop.at(0))
    ada, bob = shop.customer(timezone="UTC"), shop.customer("bob", email_consent=None)
    for who in (ada, bob):
        shop.did(who, 0, "product_added")
    (put_off,) = follow(shop, ada, shop.at(0)).letters
    assert (put_off.at, put_off.leaves_at) == (shop.at(60), shop.at(120))
    definition = recipes.cart_recovery()
    steps = [step for step in definition.steps if step.id != "consent_email"]
    (blocked,) = follow(
        shop, bob, shop.at(0), definition.model_copy(update={"steps": tuple(steps)})
    ).letters
    assert (blocked.leaves_at, blocked.blocked) == (None, "No consent for this channel")


def test_nothing_of_it_is_kept(shop: Any) -> None:
    ada = shop.customer()
    shop.did(ada, 0, "product_added")
    follow(shop, ada, shop.at(0))
    for table in ("automation", "automation_run", "message", "template_version"):
        assert shop.rows(f"SELECT count(*) FROM {table}") == [(0,)], table
    with shop.conn() as conn:
        assert conn.execute(text("SELECT 1")).scalar_one() == 1
