"""Composing a campaign: audience, message, review, launch, and the brakes."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from streamlit.testing.v1 import AppTest

from segmind import clock
from segmind.campaigns import campaign as campaigns
from segmind.campaigns import moves
from segmind.campaigns.launch import launch
from segmind.campaigns.lifecycle import Status
from segmind.db.engine import Store
from segmind.segments import segment as segments
from segmind.ui.views.campaigns import draft as typed
from tests.pages.conftest import Open, assert_well, texts


@pytest.fixture
def draft(ui: Store, shop: dict[str, int]) -> int:
    """An SMS campaign to whom SMS may reach, nothing written."""
    with ui.engine.begin() as conn:
        rule = {"type": "all", "conditions": []}
        everybody = segments.create(conn, "Everybody", rule, actor="test", now=clock.now())
        made = campaigns.create(
            conn,
            name="Spring",
            channel="sms",
            now=clock.now(),
            actor="test",
            segment_id=everybody.id,
            holdout_percent=0,
        )
    return made.id


def metric(app: AppTest, label: str) -> str:
    return next(each.value for each in app.metric if each.label == label)


def read(ui: Store, number: int) -> campaigns.Campaign:
    with ui.engine.connect() as conn:
        return campaigns.get(conn, number)


def test_what_is_written_is_seen_as_its_recipient_and_kept(
    ui: Store, draft: int, open_page: Open
) -> None:
    app = open_page("campaign", id=draft, cmp_step="Message")
    assert_well(app)
    box = app.text_area(key=f"cmp_{draft}_sms_body_plain")
    box.set_value("Hi {{ first_name }}, spring is here. Reply STOP to opt out").run()
    assert_well(app)
    seen = "".join(each.value for each in app.get("html") if isinstance(each.value, str))
    assert "spring is here" in seen
    app.button(key="cmp_keep").click().run()
    assert_well(app)
    kept = read(ui, draft).content
    assert kept is not None
    assert kept["body"].startswith("Hi {{ first_name }}")


def test_a_sign_that_doubles_the_price_is_named_and_replaced(draft: int, open_page: Open) -> None:
    app = open_page("campaign", id=draft, cmp_step="Message")
    box = f"cmp_{draft}_sms_body_plain"
    app.text_area(key=box).set_value("Spring – now. Reply STOP to opt out").run()
    assert "“–” makes this a Unicode SMS" in texts(app)
    app.button(key=f"cmp_{draft}_plain").click().run()
    assert app.text_area(key=box).value == "Spring - now. Reply STOP to opt out"
    assert "Unicode" not in texts(app)


def test_an_unknown_variable_is_found_before_anyone_gets_it(draft: int, open_page: Open) -> None:
    app = open_page("campaign", id=draft, cmp_step="Message")
    box = app.text_area(key=f"cmp_{draft}_sms_body_plain")
    box.set_value("Hi {{ frist_name }}. Reply STOP to opt out").run()
    assert_well(app)
    assert "There is no variable frist_name" in texts(app)


def test_nothing_can_be_launched_while_something_stops_it(draft: int, open_page: Open) -> None:
    app = open_page("campaign", id=draft, cmp_step="Review")
    assert_well(app)
    assert "Nothing is written yet" in texts(app)
    assert app.button(key="cmp_launch").disabled


def test_the_audience_shown_adds_up(draft: int, open_page: Open) -> None:
    app = open_page("campaign", id=draft)
    assert_well(app)
    table = app.dataframe[0].value
    assert table["Remaining"].iloc[0] == 3
    assert table["Remaining"].iloc[-1] == 1
    assert table["Removed"].sum() == 2


def test_a_launch_asks_first_and_then_leaves_it_to_the_scheduler(
    ui: Store, draft: int, open_page: Open
) -> None:
    with ui.engine.begin() as conn:
        content = {"channel": "sms", "body": "Spring. Reply STOP to opt out"}
        campaigns.update(conn, draft, {"content": content}, clock.now(), "test")
    app = open_page("campaign", id=draft, cmp_step="Review")
    assert_well(app)
    assert metric(app, "Will receive") == "1"
    app.button(key="cmp_launch").click().run()
    assert read(ui, draft).status is Status.DRAFT  # only asked
    assert "1 SMS message" in texts(app)
    from segmind.ui.data import campaigns as data

    data.send_now(draft)
    assert read(ui, draft).status is Status.SCHEDULED
    app = open_page("campaign", id=draft)
    assert_well(app)
    app.button(key="cmp_unschedule").click().run()
    assert read(ui, draft).status is Status.DRAFT


def test_a_marketer_without_the_right_cannot_launch(
    ui: Store, draft: int, open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    from segmind.ui import access
    from segmind.ui.data import campaigns as data
    from segmind.workspace.permissions import NotAllowed, Role

    ann = access.Viewer("a@example.com", "Ann", Role.ANALYST)
    monkeypatch.setattr(access, "viewer", lambda: ann)
    app = open_page("campaign", id=draft, cmp_step="Review")
    assert_well(app)
    assert app.button(key="cmp_launch").disabled
    with pytest.raises(NotAllowed):
        data.send_now(draft)
    assert read(ui, draft).status is Status.DRAFT


def test_a_launched_campaign_shows_its_report_and_obeys_the_brakes(
    ui: Store, draft: int, open_page: Open
) -> None:
    with ui.engine.begin() as conn:
        content = {"channel": "sms", "body": "Spring. Reply STOP to opt out"}
        campaigns.update(conn, draft, {"content": content}, clock.now(), "test")
    launch(ui, draft, clock.now())
    app = open_page("campaign", id=draft)
    assert_well(app)
    assert metric(app, "Delivered") == "–"
    app.button(key="cmp_pause").click().run()
    assert read(ui, draft).status is Status.PAUSED
    app = open_page("campaign", id=draft)
    app.button(key="cmp_resume").click().run()
    assert read(ui, draft).status is Status.SENDING


def test_one_is_led_from_step_to_step(draft: int, open_page: Open) -> None:
    app = open_page("campaign", id=draft)
    for step in ("Message", "Test", "Schedule", "Review"):
        assert app.button(key="cmp_next").label == f"Next: {step}"
        app.button(key="cmp_next").click().run()
        assert_well(app)
    assert not [each for each in app.button if each.key == "cmp_next"]
    assert metric(app, "Will receive")


def test_a_discarded_draft_leaves_the_list_and_can_be_copied_back(
    ui: Store, draft: int, open_page: Open
) -> None:
    app = open_page("campaign", id=draft)
    assert app.button(key="cmp_discard").label == "Discard"
    with ui.engine.begin() as conn:
        moves.cancel(conn, draft, clock.now(), "test")
    app = open_page("campaign", id=draft)
    assert not [each for each in app.button if each.key == "cmp_discard"]
    app = open_page("campaigns")
    assert not [link for link in app.page_link if "Spring" in link.label]
    assert "All drafts were discarded." in texts(app)
    app = open_page("campaigns", cms_status="Done")
    assert [link for link in app.page_link if "Spring" in link.label]
    app = open_page("campaign", id=draft)
    app.button(key="cmp_copy").click().run()
    assert app.title[0].value == "Spring (copy)"


def test_a_campaign_is_found_by_a_part_of_its_name(draft: int, open_page: Open) -> None:
    app = open_page("campaigns")
    app.text_input(key="cms_find").set_value("SPRI").run()
    assert [link for link in app.page_link if "Spring" in link.label]
    app.text_input(key="cms_find").set_value("autumn").run()
    assert "has “autumn” in its name" in texts(app)


def test_a_text_is_kept_some_seconds_later_though_nobody_types_on(
    ui: Store, draft: int, open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr(typed, "time", SimpleNamespace(monotonic=lambda: now[0]))
    app = open_page("campaign", id=draft, cmp_step="Message")
    app.text_area(key=f"cmp_{draft}_sms_body_plain").set_value("Spring. Reply STOP").run()
    before = read(ui, draft).content or {}
    assert not before.get("body")
    now[0] += 10
    app.run()  # what the page does by itself every three seconds
    assert_well(app)
    kept = read(ui, draft).content
    assert kept is not None
    assert kept["body"] == "Spring. Reply STOP"
    assert "Everything is kept." in texts(app)


def elsewhere(ui: Store, number: int, **changes: object) -> None:
    """Somebody else changes the draft."""
    with ui.engine.begin() as conn:
        campaigns.update(conn, number, changes, clock.now(), "ana@shop.example")


def in_two_tabs(ui: Store, draft: int, open_page: Open) -> AppTest:
    """This tab has the audience open; another one has named the campaign and held out a tenth."""
    app = open_page("campaign", id=draft)
    elsewhere(ui, draft, name="Summer", holdout_percent=10)
    app.slider(key=f"cmp_{draft}_holdout").set_value(5.0).run()
    assert_well(app)
    assert (read(ui, draft).name, read(ui, draft).holdout_percent) == ("Summer", 10)
    assert "This draft was changed by ana@shop.example" in texts(app)
    assert "Name: “Spring” → “Summer”" in texts(app)
    assert "Hold out: 0% → 10%" in texts(app)
    assert not app.slider
    return app


def test_a_tab_does_not_undo_what_another_one_changed_and_can_load_it(
    ui: Store, draft: int, open_page: Open
) -> None:
    app = in_two_tabs(ui, draft, open_page)
    app.button(key="cmp_theirs").click().run()
    assert_well(app)
    assert app.text_input(key=f"cmp_{draft}_name").value == "Summer"
    assert app.slider(key=f"cmp_{draft}_holdout").value == 10
    assert (read(ui, draft).name, read(ui, draft).holdout_percent) == ("Summer", 10)


def test_what_a_tab_saw_can_be_kept_against_another_one(
    ui: Store, draft: int, open_page: Open
) -> None:
    app = in_two_tabs(ui, draft, open_page)
    app.button(key="cmp_mine").click().run()
    assert_well(app)
    assert (read(ui, draft).name, read(ui, draft).holdout_percent) == ("Spring", 0)
    app.slider(key=f"cmp_{draft}_holdout").set_value(5.0).run()
    assert_well(app)
    assert read(ui, draft).holdout_percent == 5


@pytest.mark.parametrize(("choice", "kept"), [("cmp_mine", "Mine."), ("cmp_theirs", "Theirs.")])
def test_a_text_that_waits_overwrites_no_text_of_another_tab_unasked(
    ui: Store, draft: int, open_page: Open, choice: str, kept: str
) -> None:
    app = open_page("campaign", id=draft, cmp_step="Message")
    app.text_area(key=f"cmp_{draft}_sms_body_plain").set_value("Mine.").run()
    elsewhere(ui, draft, content={"channel": "sms", "body": "Theirs."})
    app.button(key="cmp_keep").click().run()
    assert_well(app)
    assert (read(ui, draft).content or {})["body"] == "Theirs."
    assert "What you wrote last is not in the draft yet" in texts(app)
    app.button(key=choice).click().run()
    assert_well(app)
    assert app.text_area(key=f"cmp_{draft}_sms_body_plain").value == kept
    assert (read(ui, draft).content or {})["body"] == kept


def test_what_is_launched_is_what_was_reviewed(ui: Store, draft: int, open_page: Open) -> None:
    elsewhere(ui, draft, content={"channel": "sms", "body": "Hello. Reply STOP to opt out"})
    app = open_page("campaign", id=draft, cmp_step="Review")
    elsewhere(ui, draft, content={"channel": "sms", "body": "Bye. Reply STOP to opt out"})
    app.button(key="cmp_launch").click().run()
    assert_well(app)
    assert "Message: “Hello. Reply STOP to opt out” → “Bye." in texts(app)
    assert "cmp_launch" not in [each.key for each in app.button]


def test_a_tab_that_comes_back_sees_the_draft_as_it_is(
    ui: Store, draft: int, open_page: Open
) -> None:
    app = open_page("campaign", id=draft)
    app.switch_page("../../pages/campaigns.py").run()
    elsewhere(ui, draft, name="Summer")
    app.query_params["id"] = str(draft)
    app.switch_page("../../pages/campaign.py").run()
    assert_well(app)
    assert app.text_input(key=f"cmp_{draft}_name").value == "Summer"
