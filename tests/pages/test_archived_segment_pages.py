"""Archived segments: found again, opened, brought back."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest

from segmind import clock
from segmind.db.engine import Store
from segmind.segments import archiving
from segmind.segments import segment as segments
from tests.pages.conftest import Open, assert_well, texts


def archived(store: Store, key: str = "window_shoppers") -> segments.Segment:
    with store.engine.begin() as conn:
        found = segments.by_key(conn, key)
        return archiving.archive(conn, found.id, now=clock.now())


def labels(app: AppTest) -> list[str]:
    return [each.label for each in app.get("page_link")]


def test_an_archived_segment_is_found_and_brought_back_by_one_click(
    shop: dict[str, int], open_page: Open, ui: Store
) -> None:
    gone = archived(ui)
    assert f"**{gone.name}**" not in labels(open_page("segments"))
    app = open_page("segments", sgs_show="Archived")
    assert_well(app)
    assert f"**{gone.name}**" in labels(app)
    assert "Archived just now" in texts(app)
    app.button(key=f"seg_back_{gone.id}").click().run()
    assert_well(app)
    assert "Nothing is archived" in texts(app)
    assert f"**{gone.name}**" in labels(open_page("segments"))
    with ui.engine.connect() as conn:
        back = segments.get(conn, gone.id)
    assert not back.archived
    assert back.size is not None  # counted at once
    assert back.size.size == 1


def test_an_archived_segment_says_so_and_takes_no_campaign(
    shop: dict[str, int], open_page: Open, ui: Store
) -> None:
    gone = archived(ui)
    app = open_page("segment", id=gone.id)
    assert_well(app)
    assert "not counted any more" in texts(app)
    assert "seg_campaign" not in [each.key for each in app.button]
    app.button(key=f"seg_back_{gone.id}").click().run()
    assert_well(app)
    assert "not counted any more" not in texts(app)
    assert "seg_campaign" in [each.key for each in app.button]


def test_a_name_taken_meanwhile_is_asked_for_anew(
    shop: dict[str, int], open_page: Open, ui: Store
) -> None:
    gone = archived(ui)
    with ui.engine.begin() as conn:
        segments.create(conn, gone.name, gone.rule, now=clock.now())
    app = open_page("segments", sgs_show="Archived")
    app.button(key=f"seg_back_{gone.id}").click().run()
    assert app.text_input(key=f"seg_back_name_{gone.id}").value == f"{gone.name} (2)"
    with ui.engine.connect() as conn:
        assert segments.get(conn, gone.id).archived
