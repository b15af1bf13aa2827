"""Automations: the list of steps is the editor; recipes, runs, versions, switching on."""

from __future__ import annotations

from typing import Any

import streamlit as st
from streamlit.testing.v1 import AppTest

from segmind import clock
from segmind.automations import automation as automations
from segmind.automations import engine
from segmind.automations.automation import Automation
from segmind.automations.definition import parse
from segmind.automations.lifecycle import State
from segmind.automations.recipes import RECIPES, cart_recovery
from segmind.db.engine import Store
from segmind.events import ingest
from segmind.events.ingest import NewEvent
from tests.pages.conftest import Open, assert_well, texts

SMS = {"channel": "sms", "body": "Hello. Reply STOP to opt out."}


def carts(ui: Store) -> Automation:
    with ui.engine.begin() as conn:
        return automations.create(conn, "Carts", cart_recovery(), clock.now(), "test")


def kept(ui: Store, automation: Automation) -> Automation:
    with ui.engine.connect() as conn:
        return automations.get(conn, automation.id)


def pick(app: AppTest, key: str, choice: str) -> AppTest:
    """Choose from a menu button, whose callback reads the choice from the session."""
    (menu,) = [each for each in app.get("menu_button") if each.key == key]
    menu.set_value(choice).run()
    return app


def test_a_wait_is_changed_and_saved_as_a_new_version(
    ui: Store, shop: dict[str, int], open_page: Open
) -> None:
    made = carts(ui)
    app = open_page("automation", id=made.id, state={f"aut_{made.id}_open": "wait_email"})
    assert_well(app)
    assert "added a product to the cart" in texts(app)
    assert not any(each.key == f"aut_{made.id}_save" for each in app.button)
    key = f"aut_{made.id}_step_wait_email_length"
    app.selectbox(key=f"{key}_unit").set_value("minutes").run()
    app.number_input(key=f"{key}_n").set_value(90).run()
    assert_well(app)
    assert "Wait 90 minutes" in texts(app)
    assert "Not saved yet" in texts(app)
    assert kept(ui, made).version == 1
    app.button(key=f"aut_{made.id}_save").click().run()
    assert_well(app)
    assert kept(ui, made).version == 2
    assert "Not saved yet" not in texts(app)


def wait_for(minutes: int, ui: Store, automation: Automation) -> None:
    """Another tab saves another wait before the e-mail."""
    definition = kept(ui, automation).definition.as_json()
    for step in definition["steps"]:
        if step["id"] == "wait_email":
            step["seconds"] = 60 * minutes
    with ui.engine.begin() as conn:
        automations.update(
            conn, automation.id, clock.now(), "ana@shop.example", definition=parse(definition)
        )
    st.cache_data.clear()


def wait_of(ui: Store, automation: Automation) -> int:
    steps = kept(ui, automation).definition.as_json()["steps"]
    return next(step["seconds"] for step in steps if step["id"] == "wait_email") // 60


def edited_in_two_tabs(ui: Store, open_page: Open) -> tuple[Automation, AppTest]:
    """One tab has 90 minutes that are not saved, the other has saved 45 meanwhile."""
    made = carts(ui)
    app = open_page("automation", id=made.id, state={f"aut_{made.id}_open": "wait_email"})
    key = f"aut_{made.id}_step_wait_email_length"
    app.selectbox(key=f"{key}_unit").set_value("minutes").run()
    app.number_input(key=f"{key}_n").set_value(90).run()
    wait_for(45, ui, made)
    app.button(key=f"aut_{made.id}_save").click().run()
    assert_well(app)
    assert wait_of(ui, made) == 45
    assert "Version 2 was saved by ana@shop.example" in texts(app)
    assert "Wait 1 hour" in texts(app)
    assert "→ Wait 45 minutes" in texts(app)
    return made, app


def test_a_draft_does_not_overwrite_what_another_tab_saved_and_can_take_it_over(
    ui: Store, shop: dict[str, int], open_page: Open
) -> None:
    made, app = edited_in_two_tabs(ui, open_page)
    app.button(key=f"aut_{made.id}_theirs").click().run()
    assert_well(app)
    assert "Wait 45 minutes" in texts(app)
    assert "Not saved yet" not in texts(app)
    assert kept(ui, made).version == 2


def test_a_draft_that_is_kept_against_another_tabs_is_saved_after_it(
    ui: Store, shop: dict[str, int], open_page: Open
) -> None:
    made, app = edited_in_two_tabs(ui, open_page)
    app.button(key=f"aut_{made.id}_mine").click().run()
    assert_well(app)
    assert "Not saved yet" in texts(app)
    app.button(key=f"aut_{made.id}_save").click().run()
    assert_well(app)
    assert (kept(ui, made).version, wait_of(ui, made)) == (3, 90)


def test_inputs_left_open_do_not_undo_what_another_tab_saved(
    ui: Store, shop: dict[str, int], open_page: Open
) -> None:
    made = carts(ui)
    app = open_page("automation", id=made.id, state={f"aut_{made.id}_open": "wait_email"})
    wait_for(45, ui, made)
    app.run()
    assert_well(app)
    assert "Not saved yet" not in texts(app)
    assert "Version 2 was saved" in texts(app)
    app.button(key=f"aut_{made.id}_theirs").click().run()
    assert "Wait 45 minutes" in texts(app)
    assert "Version 2 was saved" not in texts(app)


def test_every_kind_of_step_trigger_and_ending_has_a_form_that_changes_nothing_by_itself(
    ui: Store, shop: dict[str, int], open_page: Open
) -> None:
    steps: list[dict[str, Any]] = [
        {"kind": "wait_until", "id": "until", "at": "09:30", "weekdays": ["mon"]},
        {"kind": "wait_for", "id": "for", "event": "product_viewed", "seconds": 7200},
        {"kind": "wait_rhythm", "id": "rhythm"},
        {
            "kind": "split",
            "id": "part",
            "branches": [
                {"name": "a", "percent": 90},
                {"name": "out", "percent": 10, "holdout": True},
            ],
        },
        {"kind": "set_trait", "id": "mark", "name": "vip", "value": 3},
        {"kind": "webhook", "id": "call", "url": "https://shop.example.com/hook"},
        {"kind": "send", "id": "text", "channel": "sms", "content": SMS},
        {"kind": "exit", "id": "leave"},
    ]
    with ui.engine.begin() as conn:
        made = automations.create(
            conn,
            "All",
            parse(
                {
                    "trigger": {"kind": "date", "field": "birthday", "offset_days": -3},
                    "entry_filter": {"type": "reachable", "channel": "sms"},
                    "steps": steps,
                    "goal": {"event": "order"},
                    "exit_rules": [
                        {"reason": "cart", "event": "product_added"},
                        {
                            "reason": "gone",
                            "rule": {"type": "consent", "channel": "sms", "status": "no"},
                        },
                    ],
                }
            ),
            clock.now(),
            "test",
        )
    for part in (*(step["id"] for step in steps), ":trigger", ":ends"):
        app = open_page("automation", id=made.id, state={f"aut_{made.id}_open": part})
        assert_well(app)
        assert "Not saved yet" not in texts(app), part


def test_a_step_is_added_moved_and_removed_and_what_is_wrong_is_said_at_it(
    ui: Store, shop: dict[str, int], open_page: Open
) -> None:
    made = carts(ui)
    app = open_page("automation", id=made.id)
    pick(app, f"aut_{made.id}_add_wait_email", "webhook")
    assert_well(app)
    assert "The address names no host." in texts(app)
    assert "1 place needs a look" in texts(app)
    assert app.button(key=f"aut_{made.id}_save").disabled
    pick(app, f"aut_{made.id}_menu_webhook_1", "remove")
    assert_well(app)
    assert "Not saved yet" not in texts(app)


def test_unsaved_edits_survive_a_look_at_the_runs(
    ui: Store, shop: dict[str, int], open_page: Open
) -> None:
    made = carts(ui)
    app = open_page("automation", id=made.id)
    pick(app, f"aut_{made.id}_add_send_email", "exit")
    assert "Not saved yet" in texts(app)
    app.query_params["aut_tab"] = "Runs"
    app.run()
    app.query_params["aut_tab"] = "Steps"
    app.run()
    assert_well(app)
    assert "Leave: finished" in texts(app)


def test_a_recipe_is_set_up_with_one_click(
    ui: Store, shop: dict[str, int], open_page: Open
) -> None:
    app = open_page("automations")
    for recipe in RECIPES:
        assert app.button(key=f"aus_set_up_{recipe.key}")
    app.button(key="aus_set_up_win_back").click().run()
    assert_well(app)
    assert app.title[0].value == "Win-back"
    assert "Every day at 10:00" in texts(app)
    with ui.engine.connect() as conn:
        (made,) = automations.list_automations(conn)
    assert (made.state, made.definition.recipe) == (State.DRAFT, "win_back")


def test_it_is_switched_on_only_after_saying_what_will_happen(
    ui: Store, shop: dict[str, int], open_page: Open
) -> None:
    made = carts(ui)
    app = open_page("automation", id=made.id)
    app.button(key="aut_on").click().run()
    assert_well(app)
    assert "In the last 7 days 1 customer would have entered" in texts(app)
    assert kept(ui, made).state is State.DRAFT


def test_a_run_tells_its_history_and_versions_can_be_taken_up_again(
    ui: Store, shop: dict[str, int], open_page: Open
) -> None:
    now = clock.now()
    with ui.engine.begin() as conn:
        step = {"kind": "send", "id": "text", "channel": "sms", "content": SMS}
        wait = {"kind": "wait", "id": "day", "seconds": 86_400}
        trigger = {"kind": "event", "event": "checkout_started"}
        made = automations.create(
            conn, "Thanks", parse({"trigger": trigger, "steps": [step, wait, {**step, "id": "b"}]}),
            now, "test",
        )  # fmt: skip
        automations.set_state(conn, made.id, State.LIVE, now, "test")
        ingest.append(conn, [NewEvent(None, "checkout_started", now, shop["c-3"])], now)
    engine.enter(ui, now)
    engine.advance(ui, now)
    with ui.engine.begin() as conn:
        other = parse({"trigger": trigger, "steps": [step]})
        automations.update(conn, made.id, now, "test", definition=other)
    app = open_page("automation", id=made.id, aut_tab="Runs", state={"aut_run_1": True})
    assert_well(app)
    assert "Noor A." in "\n".join(box.label for box in app.expander)
    app = open_page("automation", id=made.id, aut_tab="Versions")
    assert_well(app)
    assert "1 person in flight follow an older version" in texts(app)


def test_a_copy_starts_afresh_and_stopped_ones_are_folded_away(
    ui: Store, shop: dict[str, int], open_page: Open
) -> None:
    made = carts(ui)
    app = pick(open_page("automation", id=made.id), "aut_more", "Copy")
    assert_well(app)
    assert app.title[0].value == "Carts (copy)"
    with ui.engine.begin() as conn:
        (copied,) = (a for a in automations.list_automations(conn) if a.id != made.id)
        assert copied.definition.steps[0] == made.definition.steps[0]
        automations.set_state(conn, made.id, State.STOPPED, clock.now(), "test")
    st.cache_data.clear()
    app = open_page("automations")
    assert_well(app)
    (folded,) = app.expander
    assert folded.label == "Stopped: 1"
    assert len(folded.get("page_link")) == 1


def test_a_recipe_that_brings_a_segment_is_told_with_its_name(
    ui: Store, shop: dict[str, int], open_page: Open
) -> None:
    open_page("segments")  # what segments are called is kept for some seconds
    app = open_page("automations")
    app.button(key="aus_set_up_welcome").click().run()
    assert_well(app)
    assert "When a customer entered “" in texts(app)
