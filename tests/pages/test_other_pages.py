"""Customers, automations, data, settings: what their pages do."""

from __future__ import annotations

from segmind.db.engine import Store
from segmind.workspace import members, product_settings
from tests.pages.conftest import Open, assert_well, texts


def test_a_search_finds_people_by_the_beginning_of_a_name(
    shop: dict[str, int], open_page: Open
) -> None:
    app = open_page("customers")
    app.text_input(key="cus_find").set_value("Ma").run()
    assert_well(app)
    assert [link.label for link in app.page_link if "M" in link.label] == ["**Mara K.**"]
    assert "mara@example.com" not in texts(app)  # lists are masked
    app.text_input(key="cus_find").set_value("Zz").run()
    assert "Nobody begins with" in texts(app)


def test_a_profile_shows_what_a_customer_did_and_is_in(
    shop: dict[str, int], open_page: Open
) -> None:
    app = open_page("customer", id=shop["c-2"])
    assert_well(app)
    assert app.title[0].value == "Ida Ode"
    said = texts(app)
    assert "bought Lamp" in said
    assert "Said yes" in said
    values = {metric.label: metric.value for metric in app.metric}
    assert values["Orders"] == "2"
    assert values["Net revenue"] == "$40.00"
    app = open_page("customer", id=shop["c-2"], cst_tab="Segments")
    assert_well(app)
    assert any("Loyal customers" in each.label for each in app.expander)


def test_settings_are_saved_and_a_wrong_one_is_refused_with_its_name(
    ui: Store, open_page: Open
) -> None:
    app = open_page("settings")
    app.text_input(key="set_shop_name").set_value("Linden")
    app.button(key="set_save").click().run()
    assert_well(app)
    with ui.engine.connect() as conn:
        assert product_settings.load(conn).shop_name == "Linden"
    app.text_input(key="set_public_url").set_value("nonsense")
    app.button(key="set_save").click().run()
    assert "public_url" in app.warning[0].value


def test_an_api_key_is_shown_once(ui: Store, open_page: Open) -> None:
    app = open_page("settings", set_tab="API keys")
    app.text_input(key="set_key_name").set_value("Checkout")
    app.button(key="set_key_make").click().run()
    assert_well(app)
    assert app.code[0].value.startswith("sgm_live_")
    app.button(key="set_key_copied").click().run()
    assert not app.code


def test_the_first_member_closes_the_workspace(ui: Store, open_page: Open) -> None:
    app = open_page("settings", set_tab="Members")
    app.text_input(key="set_member_email").set_value("olga@example.com")
    app.text_input(key="set_member_name").set_value("Olga")
    app.text_input(key="set_member_password").set_value("correct horse battery")
    app.button(key="set_member_add").click().run()
    assert_well(app)
    with ui.engine.connect() as conn:
        assert [m.email for m in members.list_members(conn)] == ["olga@example.com"]
    assert [title.value for title in app.title] == ["Sign in to Segmind"]


def test_data_says_when_no_scheduler_runs(shop: dict[str, int], open_page: Open) -> None:
    app = open_page("data", dat_tab="Jobs")
    assert_well(app)
    assert "No scheduler runs" in app.warning[0].value


def test_the_clock_can_stand_still(ui: Store, shop: dict[str, int], open_page: Open) -> None:
    app = open_page("data", dat_tab="Clock")
    app.button(key="dat_freeze").click().run()
    assert_well(app)
    with ui.engine.connect() as conn:
        assert product_settings.load(conn).clock_frozen_at is not None
    assert "Stands still" in texts(app)
    app.button(key="dat_thaw").click().run()
    with ui.engine.connect() as conn:
        assert product_settings.load(conn).clock_frozen_at is None
