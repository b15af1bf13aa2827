"""Segments in time on the pages: as of a moment, movements, history, moves, overlaps, downloads."""

from __future__ import annotations

from datetime import timedelta

import pytest
from streamlit.testing.v1 import AppTest

from segmind import clock
from segmind.db.engine import Store
from segmind.segments import history, membership
from segmind.segments import segment as segments
from tests.pages.conftest import Open, assert_well, texts


@pytest.fixture
def loyal(ui: Store, shop: dict[str, int]) -> int:
    """The segment of those who ordered on two days: Ida, since two days ago."""
    membership.refresh_all(ui, clock.now())
    with ui.engine.connect() as conn:
        return segments.by_key(conn, "loyal_customers").id


def metric(app: AppTest, label: str) -> str:
    return next(str(each.value) for each in app.metric if each.label == label)


def test_a_rule_is_counted_as_of_a_past_moment(loyal: int, open_page: Open) -> None:
    app = open_page("segment", id=loyal)
    assert metric(app, "Customers") == "1"
    app.segmented_control(key=f"seg_{loyal}_which").set_value("A past moment").run()
    before = (clock.now() - timedelta(days=3)).replace(tzinfo=None, second=0, microsecond=0)
    app.get("datetime_input")[0].set_value(before).run()
    assert_well(app)
    assert metric(app, "Customers") == "0"
    app.get("datetime_input")[0].set_value(before - timedelta(days=30)).run()
    assert_well(app)
    assert "The log begins on" in texts(app)


def test_members_are_shown_and_taken_along_as_of_a_past_moment(loyal: int, open_page: Open) -> None:
    app = open_page("segment", id=loyal, seg_tab="Members")
    assert_well(app)
    assert "1 customer as of now" in texts(app)
    links = {each.proto.label: each.proto.url for each in app.get("link_button")}
    assert set(links) == {"CSV", "Parquet"}
    assert links["CSV"].startswith(f"/download/segments/{loyal}?format=csv&as_of=20")
    assert "One row for each of 1 customer" in texts(app)
    app.checkbox(key="seg_take_personal").check().run()
    links = {each.proto.label: each.proto.url for each in app.get("link_button")}
    assert links["CSV"].endswith("&personal_data=1")
    app.segmented_control(key="seg_members_which").set_value("A past moment").run()
    before = (clock.now() - timedelta(days=3)).replace(tzinfo=None, second=0, microsecond=0)
    app.get("datetime_input")[0].set_value(before).run()
    assert_well(app)
    assert "Nobody was in it then" in texts(app)
    assert "as_of=" in app.get("link_button")[0].proto.url


def test_movements_say_which_condition_turned(loyal: int, open_page: Open) -> None:
    app = open_page("segment", id=loyal, seg_tab="Movements")
    assert_well(app)
    assert [metric(app, each) for each in ("Before", "Entered", "Left", "After")] == [
        *("0", "1", "0", "1")
    ]
    assert "0 by time alone, 1 by an event" in texts(app)
    app.segmented_control(key="seg_moves_span").set_value("24 hours").run()
    assert_well(app)
    assert "Nobody moved" in texts(app)


def test_history_can_be_filled_and_shows_the_size_by_day(
    ui: Store, loyal: int, open_page: Open
) -> None:
    app = open_page("segment", id=loyal, seg_tab="History")
    assert_well(app)
    assert "of the last 60 are not kept yet" in texts(app)
    app.button(key="seg_fill").click().run()
    assert_well(app)
    said = texts(app)
    assert "Size by day" in said
    assert "are not kept yet" not in said


def test_a_customer_sees_when_time_alone_moves_them(
    loyal: int, shop: dict[str, int], open_page: Open
) -> None:
    app = open_page(
        "customer", id=shop["c-2"], cst_tab="Segments", state={f"cst_why_{loyal}": True}
    )
    assert_well(app)
    said = texts(app)
    assert "If nothing new happens, the customer leaves on" in said
    assert "no longer holds" in said


def test_a_card_tells_the_change_since_the_day_a_week_ago(
    loyal: int, ui: Store, open_page: Open
) -> None:
    now = clock.now() + timedelta(days=3)  # a week after the second day of the log
    with clock.frozen(now):
        membership.refresh_all(ui, now)
        history.fill(ui, now, [loyal])
        app = open_page("segments")
    assert_well(app)
    since = now.date() - timedelta(days=7)
    changes = [each for each in app.metric if each.delta]
    assert [(each.value, each.delta, each.proto.delta_description) for each in changes] == [
        ("1", "+1", f"since {since:%-d %b}")
    ]


def test_moves_and_overlaps_are_matrices_that_add_up(loyal: int, open_page: Open) -> None:
    app = open_page("moves")
    assert_well(app)
    assert "fields of customers as of" in texts(app)
    assert {each.label for each in app.metric} == {"Changed", "Stayed", "Came", "Left"}
    flows, table = (each.value for each in app.dataframe)
    assert table["All"].to_list()[-1] == 3
    assert sum(table["All"].to_list()[:-1]) == 3
    nowhere = int(table.iloc[len(table) - 2, -2])  # were in none, are in none
    assert flows["Customers"].sum() == 3 - nowhere
    app = open_page("moves", mvs_between="RFM groups")
    assert_well(app)
    assert app.dataframe[1].value["All"].to_list()[-1] == 3
    app = open_page("moves", mvs_tab="Overlap")
    assert_well(app)
    table = app.dataframe[0].value
    both = dict(
        zip(
            zip(table["Segment"], table["Also in"], strict=True),
            table["Customers in both"],
            strict=True,
        )
    )
    assert both["Loyal customers", "High value"] == 1
    app.multiselect(key="ovl_segments").set_value([]).run()
    assert_well(app)
    assert "Choose at least one segment" in texts(app)
