"""Cart recovery from its recipe to its report: replayed, switched on, sent, ended by an order."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import expect

from segmind.db.engine import make_engine
from segmind.workspace import product_settings
from tests.browser import walk
from tests.browser.conftest import Visitor
from tests.browser.visiting import Visit
from tests.integration.end_to_end.stack import Api, Stack, until

#: The product's clock stands still wherever the test puts it.
START = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=6)
LAMP = {"product_id": "lamp", "name": "Lamp", "price": 39.9, "quantity": 1}


class Shop:
    """A workspace with three carts of last week: one was bought within minutes, one later."""

    def __init__(self, stack: Stack, api: Api) -> None:
        self.stack, self.api = stack, api
        self.engine = make_engine(stack.database_url)
        self.set(
            START,
            postal_address="1 High Street",
            quiet_hours={},
            place_hours={},
        )
        for n in range(4):
            traits = {"firstName": f"Shopper{n}", "email": f"c{n}@example.com", "country": "DE"}
            api.post("/v1/identify", {"userId": f"c-{n}", "traits": traits})
            found = api.get("/customers", external_id=f"c-{n}")["customers"][0]
            yes = {"channel": "email", "consent": True, "source": "form"}
            api.post(f"/customers/{found['id']}/consents", yes)
        for n, ordered in enumerate((10, 300, None)):
            at = START - timedelta(days=5, hours=n)
            self.did(n, "Product Added", at)
            if ordered is not None:
                self.did(n, "Order Completed", at + timedelta(minutes=ordered))

    def set(self, at: datetime, **more: Any) -> None:
        with self.engine.begin() as conn:
            changes = {"clock_frozen_at": at.isoformat(), **more}
            product_settings.save(conn, changes, "test", datetime.now(UTC))

    def did(self, who: int, event: str, at: datetime) -> None:
        properties: dict[str, Any] = dict(LAMP)
        if event == "Order Completed":
            properties = {"order_id": f"o-{who}-{at.timestamp():.0f}", "products": [LAMP]}
        self.api.post(
            "/v1/track",
            {
                "userId": f"c-{who}",
                "event": event,
                "timestamp": at.isoformat(),
                "messageId": f"{who}-{event}-{at.isoformat()}",
                "properties": properties,
            },
        )


@pytest.fixture(scope="module")
def stack(workspace: Callable[[], Stack]) -> Stack:
    made = workspace()
    made.start_web()
    made.start_scheduler()
    return made


def test_a_cart_recovery_is_replayed_switched_on_and_brings_an_order(
    stack: Stack, visitor: Visitor
) -> None:
    with stack.api() as api:
        shop = Shop(stack, api)
        visit = visitor(stack)
        automation = set_up(visit)
        replay(visit, automation)
        switch_on(visit)

        cart = START + timedelta(minutes=1)
        shop.set(cart)
        shop.did(3, "Product Added", cart)
        totals(api, automation, entered=1, waiting=1)
        shop.set(cart + timedelta(minutes=61))
        totals(api, automation, messages=1)
        message = until(lambda: accepted(api), "the message goes out")
        assert (message["source"], message["channel"]) == ("automation", "email")

        shop.did(3, "Order Completed", cart + timedelta(minutes=62))
        shop.set(cart + timedelta(minutes=63))
        totals(api, automation, entered=1, waiting=0, converted=1, messages=1)

        visit.open(f"/automation?id={automation}&aut_tab=Runs")
        expect(walk.kpi_card(visit, "Reached the goal")).to_contain_text("100.0%")
        row = visit.page.locator('[class*="st-key-aut_run_"]').first
        expect(row).to_contain_text("goal")
        row.locator("summary").first.click()
        expect(row).to_contain_text("message queued")
        visit.shot("automation-story-report")
        visit.assert_well()
    shop.engine.dispose()


def set_up(visit: Visit) -> int:
    visit.open("/automations")
    visit.press("aus_set_up_cart_recovery")
    visit.page.wait_for_url(re.compile(r"/automation\?.*id=\d+"))
    visit.settle()
    found = re.search(r"[?&]id=(\d+)", visit.page.url)
    assert found
    return int(found[1])


def replay(visit: Visit, automation: int) -> None:
    """Of last week's three carts one was bought before the hour was over, one after the e-mail."""
    visit.segment("aut_tab", "Back-test")
    visit.settle()
    expect(walk.kpi_card(visit, "Would enter")).to_have_text("3")
    expect(walk.kpi_card(visit, "Would be sent")).to_have_text("2")
    steps = {row["Step"]: row for row in walk.table_of(visit, "bt_steps")}
    assert (steps["send email"]["Came to it"], steps["send email"]["Sent"]) == ("2", "2")
    curve = {row["Within"]: row["Reached the goal"] for row in walk.table_of(visit, "bt_organic")}
    assert (curve["15 min"], curve["4 h"], curve["24 h"]) == ("1", "1", "2")
    visit.shot(f"automation-story-backtest-{automation}")
    visit.assert_well()


def switch_on(visit: Visit) -> None:
    visit.press("aut_on")
    dialog = visit.page.get_by_role("dialog")
    expect(dialog).to_contain_text("3 customers would have entered and 2 messages would have left")
    visit.press("aut_on_dialog_yes")
    expect(dialog).to_have_count(0)
    expect(visit.page.locator(".stMarkdownBadge").first).to_contain_text("On")


def totals(api: Api, automation: int, **wanted: int) -> None:
    def there() -> bool:
        now = api.get(f"/automations/{automation}")["totals"]
        return all(now[name] == n for name, n in wanted.items())

    until(there, f"the automation's numbers are {wanted}", every=0.3)


def accepted(api: Api) -> Any:
    found = api.get("/messages")["messages"]
    return next((m for m in found if m["status"] in {"accepted", "sent", "delivered"}), None)
