"""Planning a test of variants, and its report: written, sized, decided, chosen by hand."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text

from segmind import clock
from segmind.campaigns import campaign as campaigns
from segmind.campaigns.deciding import decide_due
from segmind.campaigns.launch import launch
from segmind.db.engine import Store
from segmind.segments import segment as segments
from tests.pages.conftest import Open, assert_well, texts

BODY = "Hi {{ first_name }}, spring. Reply STOP to opt out"


@pytest.fixture
def draft(ui: Store, shop: dict[str, int]) -> int:
    """An SMS campaign to everybody who may get one, one text written."""
    with ui.engine.begin() as conn:
        conn.execute(
            text(
                "INSERT INTO customer (first_name, phone, sms_consent)"
                " SELECT 'Ada', '+1500555' || lpad(i::text, 4, '0'), 1"
                " FROM generate_series(100, 139) i"
            )
        )
        everybody = segments.create(
            conn, "Everybody", {"type": "all", "conditions": []}, actor="test", now=clock.now()
        )
        made = campaigns.create(
            conn,
            name="Spring",
            channel="sms",
            now=clock.now(),
            actor="test",
            segment_id=everybody.id,
            content={"channel": "sms", "body": BODY},
            holdout_percent=5,
        )
    return made.id


def read(ui: Store, number: int) -> campaigns.Campaign:
    with ui.engine.connect() as conn:
        return campaigns.get(conn, number)


def test_a_test_is_planned_written_and_kept(ui: Store, draft: int, open_page: Open) -> None:
    app = open_page("campaign", id=draft, cmp_step="Test")
    assert_well(app)
    app.button(key="empty_action_cmp_test").click().run()
    assert_well(app)
    assert read(ui, draft).variant_test is not None
    own = f"cmp_{draft}_test"
    app.segmented_control(key=f"{own}_count").set_value(3)
    app.slider(key=f"{own}_share").set_value(50)
    app.selectbox(key=f"{own}_otherwise").set_value("wait").run()
    assert_well(app)
    assert "see A, B, C in equal parts" in texts(app)
    assert "No campaign was sent on this channel yet" in texts(app)
    app = open_page("campaign", id=draft, cmp_step="Message")
    app.segmented_control(key=f"cmp_{draft}_variant").set_value("B").run()
    assert_well(app)
    app.text_area(key=f"cmp_{draft}_B_sms_body_plain").set_value(f"{BODY}!").run()
    app.button(key="cmp_keep").click().run()
    assert_well(app)
    kept = read(ui, draft)
    assert kept.content == {"channel": "sms", "body": BODY}
    assert kept.variant_test is not None
    assert kept.variant_test.contents["B"]["body"] == f"{BODY}!"
    assert (kept.variant_test.share_percent, kept.variant_test.otherwise) == (50, "wait")
    app = open_page("campaign", id=draft, cmp_step="Review")
    assert "Variant C says the same as another one" in texts(app)
    assert app.button(key="cmp_launch").disabled


def test_the_audience_says_what_its_holdout_can_show(draft: int, open_page: Open) -> None:
    app = open_page("campaign", id=draft)
    assert_well(app)
    assert "held out. None of them ordered in the last 7 days" in texts(app)
    app.slider(key=f"cmp_{draft}_holdout").set_value(0.0).run()
    assert "**Nobody is held out**" in texts(app)


def test_the_report_tells_how_variants_stand_and_who_was_sent_what(
    ui: Store, draft: int, open_page: Open
) -> None:
    now = clock.now()
    plan = {
        "variants": [{"content": {"channel": "sms", "body": f"{BODY}!"}}],
        "share_percent": 60,
        "otherwise": "wait",
        "hours": 1,
    }
    with ui.engine.begin() as conn:
        campaigns.update(conn, draft, {"variant_test": plan}, now, "test")
    launch(ui, draft, now - timedelta(minutes=30))
    app = open_page("campaign", id=draft)
    assert_well(app)
    assert "Customers who clicked: A 0.00%, B 0.00%." in texts(app)
    assert "The test is over in" in texts(app)
    decide_due(ui, now + timedelta(hours=1))
    with ui.engine.begin() as conn:
        conn.execute(text("UPDATE campaign SET decide_at = :at"), {"at": now})
    app = open_page("campaign", id=draft)
    assert_well(app)
    assert "nothing is sent to the rest until you choose" in texts(app)
    app.button(key="cmp_choose_B").click().run()
    assert read(ui, draft).winner is None  # only asked
    assert "Everybody of the audience who has not been written to gets it." in texts(app)
    from segmind.ui.data import campaigns as data

    data.choose(draft, "B")
    decide_due(ui, clock.now())
    app = open_page("campaign", id=draft)
    assert_well(app)
    assert "The rest is sent **B**" in texts(app)
    app.toggle(key="cmp_lift_variants").set_value(True).run()
    assert_well(app)
