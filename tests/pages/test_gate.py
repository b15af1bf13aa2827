"""Who gets in."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from segmind import clock
from segmind.db.engine import Store
from segmind.ui import access
from segmind.workspace import members
from segmind.workspace.access import Visit
from segmind.workspace.permissions import Role
from tests.pages.conftest import MAIN, Open, assert_well, texts

PASSWORD = "correct horse battery"


@pytest.fixture
def owner(ui: Store) -> Store:
    with ui.engine.begin() as conn:
        members.create_first(
            conn, email="owner@example.com", name="Olga", password=PASSWORD, now=clock.wall()
        )
    return ui


def test_a_new_workspace_opens_with_a_banner(open_page: Open) -> None:
    app = open_page("settings")
    assert_well(app)
    assert "This workspace is open" in texts(app)


@pytest.mark.parametrize("name", ["segments", "customer", "campaign", "settings"])
def test_a_deep_link_is_gated_once_a_member_exists(
    owner: Store, open_page: Open, name: str
) -> None:
    app = open_page(name, id=1)
    assert_well(app)
    assert [title.value for title in app.title] == ["Sign in to Segmind"]
    assert not app.dataframe
    assert not app.button


def test_a_visit_from_elsewhere_is_gated_without_members(
    ui: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access, "visit", lambda: Visit("203.0.113.7", "shop.example.com"))
    app = AppTest.from_file(MAIN, default_timeout=30).run()
    assert_well(app)
    assert [title.value for title in app.title] == ["Sign in to Segmind"]


def test_a_signed_in_viewer_sees_the_page_and_may_not_change_it(
    owner: Store, open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = access.Viewer("v@example.com", "Vera", Role.VIEWER)
    monkeypatch.setattr(access, "viewer", lambda: seen)
    app = open_page("settings")
    assert_well(app)
    assert app.text_input(key="set_shop_name").disabled
    assert "may look but not change" in texts(app)


def test_an_action_asks_for_the_role_again(owner: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    from segmind.ui.data import workspace
    from segmind.workspace.permissions import NotAllowed

    monkeypatch.setattr(
        access, "viewer", lambda: access.Viewer("v@example.com", "Vera", Role.VIEWER)
    )
    with pytest.raises(NotAllowed):
        workspace.save_settings({"shop_name": "Mine now"})
