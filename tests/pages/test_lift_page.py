"""Lift side by side, of an automation, and of all marketing: shown, or why it is not."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import text

from segmind import clock
from segmind.automations import automation as automations
from segmind.automations.recipes import cart_recovery
from segmind.campaigns import campaign as campaigns
from segmind.campaigns.launch import launch
from segmind.db.engine import Store
from segmind.events import ingest
from segmind.events.ingest import NewEvent
from segmind.segments import segment as segments
from segmind.workspace import product_settings
from tests.pages.conftest import Open, assert_well, texts
from tests.recipients import make_messages


def test_lift_stands_side_by_side_and_says_what_is_not_known(
    ui: Store, shop: dict[str, int], open_page: Open
) -> None:
    then = clock.now() - timedelta(days=9)
    with ui.engine.begin() as conn:
        conn.execute(
            text(
                "INSERT INTO customer (first_name, email, email_consent)"
                " SELECT 'Ada', 'ada' || i || '@example.com', 1 FROM generate_series(1, 60) i"
            )
        )
        somebody = conn.execute(text("SELECT min(id) FROM customer")).scalar_one()
        before = then - timedelta(days=1)  # of a moment before the log began nobody is known
        ingest.append(conn, [NewEvent(None, "product_viewed", before, somebody)], before)
        everybody = segments.create(
            conn, "Everybody", {"type": "all", "conditions": []}, actor="test", now=then
        )
        made = campaigns.create(
            conn, name="Spring", channel="email", now=then, actor="test",
            segment_id=everybody.id, holdout_percent=30,
            content={"channel": "email", "subject": "Spring", "body": "<p>Here.</p>"},
        )  # fmt: skip
        plain = automations.create(conn, "Plain", cart_recovery(), then, "test")
        held = automations.create(conn, "Measured", cart_recovery(holdout_percent=20), then, "test")
    launch(ui, made.id, then)
    with ui.engine.begin() as conn:
        make_messages(conn, then)
        buyers = conn.execute(text("SELECT customer_id FROM message LIMIT 30")).scalars().all()
        orders = [
            NewEvent(None, "order_completed", then + timedelta(hours=1), who, value=5_000 + who,
                     currency="USD", order_id=f"s{who}")
            for who in buyers
        ]  # fmt: skip
        ingest.append(conn, orders, clock.now())
    app = open_page("lift")
    assert_well(app)
    assert "show an effect beyond chance: Spring" in texts(app)
    assert "There is no global holdout" in texts(app)
    table = app.dataframe[0].value.set_index("Name")
    assert table.loc["Spring", "At least"] > 0
    assert "Nobody got the message" in table.loc["Measured", "In words"]
    assert "Plain" not in table.index
    app = open_page("automation", id=held.id, aut_tab="Lift")
    assert_well(app)
    assert "Nobody got the message" in texts(app)
    app = open_page("automation", id=plain.id, aut_tab="Lift")
    assert "Nobody is held out" in texts(app)
    app = open_page("settings")
    app.number_input(key="set_global_holdout").set_value(10.0)
    app.button(key="set_save").click().run()
    assert_well(app)
    with ui.engine.connect() as conn:
        assert product_settings.load(conn).global_holdout_percent == 10
    app = open_page("lift")
    assert_well(app)
    assert "10% of all customers get no marketing at all" in texts(app)
    assert "This goes on" in texts(app)
