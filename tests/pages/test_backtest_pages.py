"""Back-test and simulation on the automation's page: choose, ask, see; the word to begin."""

from __future__ import annotations

from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from segmind import clock
from segmind.automations import automation as automations
from segmind.automations.automation import Automation
from segmind.automations.backtest import expected
from segmind.automations.definition import parse
from segmind.db.engine import Store
from segmind.workspace import product_settings
from tests.pages.conftest import Open, assert_well, texts

SMS = {"channel": "sms", "body": "Hello. Reply STOP to opt out."}
STEPS: list[dict[str, Any]] = [
    {"kind": "wait", "id": "hour", "seconds": 3_600},
    {"kind": "condition", "id": "ask", "rule": {"type": "reachable", "channel": "sms"}},
    {"kind": "send", "id": "text", "channel": "sms", "content": SMS, "valid_minutes": 1_440},
]


def carts(ui: Store) -> Automation:
    """Two versions: the second writes to nobody who must wait four days."""
    first = {
        "trigger": {"event": "product_added"},
        "key": "cart",
        "steps": STEPS,
        "goal": {"event": "order_completed"},
    }
    longer = {**first, "steps": [{**STEPS[0], "seconds": 345_600}, *STEPS[1:]]}
    with ui.engine.begin() as conn:
        anytime = {"quiet_hours": {}, "place_hours": {}}
        product_settings.save(conn, anytime, "test", clock.now())
        made = automations.create(conn, "Carts", parse(first), clock.now(), "test")
        return automations.update(conn, made.id, clock.now(), "test", definition=parse(longer))


def figures_of(app: AppTest) -> dict[str, str]:
    return {each.label: each.value for each in app.metric}


def test_two_versions_are_replayed_side_by_side(
    ui: Store, shop: dict[str, int], open_page: Open
) -> None:
    del shop
    made = carts(ui)
    app = open_page("automation", id=made.id, aut_tab="Back-test")
    assert_well(app)
    assert figures_of(app)["Would enter"] == "1"
    assert figures_of(app)["Would be reached"] == "0.0%"
    assert "The log begins on" in texts(app)
    app.selectbox(key=f"bt_beside_{made.id}").set_value("Version 1").run()
    assert_well(app)
    titles = [each.value for each in app.subheader]
    assert titles.count("Why others got nothing") == 2
    assert {"Entries and messages by day", "By themselves", "Messages by step"} <= set(titles)


def test_what_takes_long_is_begun_when_asked(
    ui: Store, shop: dict[str, int], open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    del shop
    monkeypatch.setattr(expected, "FREE_SECONDS", 0.0)
    made = carts(ui)
    app = open_page("automation", id=made.id, aut_tab="Back-test")
    assert "Reads 3 events one by one" in texts(app)
    assert not any(each.label == "Would enter" for each in app.metric)
    app.button(key=f"bt_{made.id}_work_begin").click().run()
    for _ in range(50):
        if any(each.label == "Would enter" for each in app.metric):
            break
        app.run()
    assert figures_of(app)["Would enter"] == "1"


def test_one_person_is_followed_with_reasons(
    ui: Store, shop: dict[str, int], open_page: Open
) -> None:
    made = carts(ui)
    app = open_page("automation", id=made.id, aut_tab="Simulate")
    assert "Whom shall it follow?" in texts(app)
    app.text_input(key=f"sim_who_{made.id}").set_value("Noor").run()
    assert_well(app)
    assert app.selectbox(key=f"sim_found_{made.id}").value == shop["c-3"]
    said = texts(app)
    assert "step 2, ask a question: **yes**" in said
    assert "Can be reached by SMS" in said
    assert "step 3, send a message: **message queued**" in said
    app.text_input(key=f"sim_who_{made.id}").set_value("nobody at all").run()
    assert "Nobody of that name" in texts(app)


def test_switching_on_says_what_the_last_days_would_have_been_like(
    ui: Store, shop: dict[str, int], open_page: Open
) -> None:
    del shop
    made = carts(ui)
    app = open_page("automation", id=made.id)
    app.button(key="aut_on").click().run()
    assert_well(app)
    assert "In the last 7 days 1 customer would have entered and 0 messages would" in texts(app)
