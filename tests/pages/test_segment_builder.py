"""Building a segment: rows, live answer, saving, explaining."""

from __future__ import annotations

from typing import Any

from streamlit.testing.v1 import AppTest

from segmind.db.engine import Store
from segmind.segments import segment as segments
from segmind.segments.built_ins import BUILT_INS
from segmind.ui.components.rule_builder.kinds import OF_ACTS
from segmind.ui.components.rule_builder.tree import Condition, Group
from tests.pages.conftest import Open, assert_well, texts


def add(app: AppTest, kind: str, group: str | None = None) -> AppTest:
    """Add a condition of ``kind`` to a group (the root, unless said)."""
    root: Group = app.session_state["seg_new_rule_tree"]
    menu = "add_group" if kind.startswith("+") else "add" if kind in OF_ACTS else "add_person"
    return app.menu_button(key=f"seg_new_rule_{group or root.id}_{menu}").click(kind).run()


def rows(app: AppTest) -> list[Condition | Group]:
    root: Group = app.session_state["seg_new_rule_tree"]
    return root.parts


def metric(app: AppTest, label: str) -> str:
    return next(each.value for each in app.metric if each.label == label)


def test_an_empty_rule_is_everybody(shop: dict[str, int], open_page: Open) -> None:
    app = open_page("segment")
    assert_well(app)
    assert metric(app, "Customers") == "3"
    assert "All customers." in texts(app)


def test_a_row_narrows_the_count_at_once(shop: dict[str, int], open_page: Open) -> None:
    app = add(open_page("segment"), "did")
    assert_well(app)
    assert metric(app, "Customers") == "1"  # who viewed a product at all
    own = f"seg_new_rule_{rows(app)[0].id}"
    app.number_input(key=f"{own}_n").set_value(13).run()
    assert metric(app, "Customers") == "0"
    app.selectbox(key=f"{own}_event").select("order").run()
    app.number_input(key=f"{own}_n").set_value(2).run()
    assert metric(app, "Customers") == "1"
    assert "placed an order at least twice in the last 30 days" in texts(app)


def test_a_comparison_of_the_product_narrows_the_act(shop: dict[str, int], open_page: Open) -> None:
    app = add(open_page("segment"), "did")
    own = f"seg_new_rule_{rows(app)[0].id}"
    app.button(key=f"{own}_where").click().run()
    condition: Any = rows(app)[0]
    test = condition.data["where"][0]["_id"]
    app.selectbox(key=f"{own}_{test}_field").select("product.external_id").run()
    app.text_input(key=f"{own}_{test}_product.external_id_is").set_value("sofa").run()
    assert metric(app, "Customers") == "0"
    app.text_input(key=f"{own}_{test}_product.external_id_is").set_value("lamp").run()
    assert metric(app, "Customers") == "1"
    app.button(key=f"{own}_{test}_drop").click().run()
    assert condition.data["where"] == []


def test_groups_nest_and_a_removed_row_is_gone(shop: dict[str, int], open_page: Open) -> None:
    app = add(open_page("segment"), "+none")
    group = rows(app)[0]
    app = add(app, "did", group.id)
    assert metric(app, "Customers") == "2"  # everybody but who viewed
    assert isinstance(group, Group)
    app.button(key=f"seg_new_rule_{group.parts[0].id}_remove").click().run()
    assert group.parts == []
    app.button(key=f"seg_new_rule_{group.id}_remove").click().run()
    assert rows(app) == []
    assert metric(app, "Customers") == "3"


def test_an_incomplete_rule_says_where_and_cannot_be_saved(
    shop: dict[str, int], open_page: Open
) -> None:
    app = add(open_page("segment"), "trait")
    assert_well(app)
    assert "The rule is not complete yet" in app.warning[0].value
    assert app.button(key="seg_new_save").disabled


def test_a_saved_segment_opens_with_the_rule_that_was_built(
    ui: Store, shop: dict[str, int], open_page: Open
) -> None:
    app = add(open_page("segment"), "reachable")
    app.text_input(key="seg_new_name").set_value("By e-mail").run()
    app.button(key="seg_new_save").click().run()
    assert_well(app)
    with ui.engine.connect() as conn:
        saved = next(s for s in segments.list_segments(conn) if s.name == "By e-mail")
    assert saved.rule.as_json() == {
        "type": "all",
        "conditions": [{"type": "reachable", "channel": "email"}],
    }
    app = open_page("segment", id=saved.id)
    assert metric(app, "Customers") == "2"


def test_every_built_in_comes_back_from_the_builder_as_it_was(
    ui: Store, shop: dict[str, int], open_page: Open
) -> None:
    with ui.engine.connect() as conn:
        found = {s.key: s for s in segments.list_segments(conn)}
    for built_in in BUILT_INS:
        segment = found[built_in.key]
        app = open_page("segment", id=segment.id)
        assert_well(app)
        assert app.button(key=f"seg_{segment.id}_save").disabled
        assert "Not saved yet." not in texts(app)
        assert metric(app, "Customers").isdigit()


def test_a_new_name_leaves_the_rule_and_its_line_as_they_were(
    ui: Store, shop: dict[str, int], open_page: Open
) -> None:
    with ui.engine.connect() as conn:
        before = next(s for s in segments.list_segments(conn) if s.key == "cart_abandoners")
    app = open_page("segment", id=before.id)
    app.text_input(key=f"seg_{before.id}_name").set_value("Left carts").run()
    app.button(key=f"seg_{before.id}_save").click().run()
    assert_well(app)
    with ui.engine.connect() as conn:
        after = segments.get(conn, before.id)
    assert (after.name, after.rule.hash) == ("Left carts", before.rule.hash)


def test_a_customer_is_explained(shop: dict[str, int], open_page: Open) -> None:
    app = add(open_page("segment"), "recency")
    app.text_input(key="seg_new_who").set_value("Ida").run()
    assert_well(app)
    said = texts(app)
    assert "In the segment" in said
    assert "2 days ago" in said


def test_a_viewer_may_build_but_not_save(
    shop: dict[str, int], open_page: Open, monkeypatch: Any
) -> None:
    from segmind.ui import access
    from segmind.workspace.permissions import Role

    vera = access.Viewer("v@example.com", "Vera", Role.VIEWER)
    monkeypatch.setattr(access, "viewer", lambda: vera)
    app = add(open_page("segment"), "did")
    assert metric(app, "Customers") == "1"
    assert app.button(key="seg_new_save").disabled
