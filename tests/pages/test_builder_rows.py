"""Every kind of condition can be made, edited, nested, copied, removed, and read back from JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from segmind.segments.describe import describe
from segmind.segments.rule import parse
from segmind.ui.components.rule_builder.kinds import KINDS, OF_ACTS
from segmind.ui.components.rule_builder.tree import Condition, Group, rule_of
from tests.pages.conftest import Open, assert_well, texts

WEEK = {"type": "last", "amount": 7, "unit": "days"}
SHOES = {"field": "product.category", "op": "is", "value": "Shoes"}

#: Rules that use what the kind's row offers beyond its first look.
FULL: dict[str, dict[str, Any]] = {
    "did": {"event": "product_viewed", "metric": "distinct_values", "of": "product.brand",
            "op": "between", "n": 2, "to": 5, "where": [SHOES],
            "window": {"type": "calendar", "period": "month", "back": 1}},
    "recency": {"event": "order", "op": "more_than", "ago": {"amount": 45, "unit": "days"},
                "where": [{"field": "value", "op": "at_least", "value": 1000}]},
    "occurrence": {"which": "last", "event": "product_viewed", "where": [SHOES],
                   "window": {"type": "since", "day": "2026-01-01"}},
    "sequence": {"first": {"event": "product_added", "where": [SHOES]},
                 "then": {"event": "order", "where": []}, "followed": True, "within": None,
                 "window": {"type": "ago", "newest": {"amount": 30, "unit": "days"},
                            "oldest": {"amount": 60, "unit": "days"}}},
    "same_day": {"acts": [{"event": "product_viewed", "where": [SHOES]},
                          {"event": "product_added", "where": []}],
                 "without": [{"event": "order", "where": []}], "op": "at_least", "n": 2,
                 "to": None, "window": {"type": "before", "day": "2026-02-01"}},
    "cart": {"newest": {"amount": 1, "unit": "hours"}, "oldest": {"amount": 2, "unit": "days"}},
    "rate": {"event": "order", "per": "product_viewed", "where": [], "per_where": [SHOES],
             "op": "at_least", "ratio": 0.25, "minimum": 2, "window": {"type": "ever"}},
    "trend": {"event": "order", "metric": "value_sum", "length": {"amount": 14, "unit": "days"},
              "op": "less_than", "ratio": 0.5, "minimum": 5000, "where": [SHOES]},
    "rank": {"by": "net_revenue", "top_percent": 12.5, "window": WEEK},
    "rfm": {"groups": ["champions", "at_risk"], "recency": [4, 5], "frequency": [],
            "monetary": [5], "window": WEEK},
    "predicted": {"what": "predicted_value", "op": "more_than", "n": 1999.0, "days": 30},
    "trait": {"field": "birthday", "op": "anniversary_in_days", "value": 14},
    "reachable": {"channel": "sms"},
    "consent": {"channel": "push", "status": "unknown"},
    "engagement": {"action": "opened", "op": "exactly", "n": 0, "to": None, "channel": "email",
                   "source_kind": "automation", "source_id": None, "window": WEEK},
    "bucket": {"salt": "spring", "from_percent": 10.0, "to_percent": 20.5},
}  # fmt: skip


def tree(app: AppTest) -> Group:
    found: Group = app.session_state["seg_new_rule_tree"]
    return found


def made(app: AppTest) -> dict[str, Any]:
    """The rule as the builder has it, with defaults written out."""
    return parse(rule_of(tree(app))[0]).as_json()


def put_in(app: AppTest, rule: dict[str, Any]) -> AppTest:
    app.text_area(key="seg_new_rule_json_in").set_value(json.dumps(rule)).run()
    return app.button(key="seg_new_rule_json_use").click().run()


def test_every_kind_has_a_full_example() -> None:
    assert set(FULL) == set(KINDS) - {"in_segment"}


def test_a_rule_of_every_kind_put_in_as_json_comes_back_from_its_row(
    shop: dict[str, int], open_page: Open
) -> None:
    app = open_page("segment")
    for kind, said in FULL.items():
        rule = {"type": "all", "conditions": [{"type": kind, **said}]}
        put_in(app, rule)
        assert_well(app)
        assert made(app) == parse(rule).as_json()
        assert describe(parse(rule)).replace("$", "\\$") in texts(app), kind
        app.run()
        assert made(app) == parse(rule).as_json()


# A few rows on a page at a time: the page is drawn anew for each.
@pytest.mark.parametrize("first", range(0, len(KINDS), 6))
def test_a_new_row_of_every_kind_is_a_rule_but_for_its_empty_value(
    first: int, shop: dict[str, int], open_page: Open
) -> None:
    app = open_page("segment")
    kinds = list(KINDS)[first : first + 6]
    for kind in kinds:
        menu = "add" if kind in OF_ACTS else "add_person"
        app.menu_button(key=f"seg_new_rule_{tree(app).id}_{menu}").click(kind).run()
        assert_well(app)
        row = tree(app).parts[-1]
        assert isinstance(row, Condition)
        if kind == "trait":
            row.data["value"] = "DE"
    assert [condition["type"] for condition in made(app)["conditions"]] == kinds


def test_windows_of_every_kind_can_be_chosen(shop: dict[str, int], open_page: Open) -> None:
    app = put_in(open_page("segment"), {"type": "did", "event": "order", "window": WEEK})
    own = f"seg_new_rule_{tree(app).parts[0].id}_window"
    for kind in ("calendar", "between", "since", "before", "ago", "ever", "last"):
        app.selectbox(key=f"{own}_kind").select(kind).run()
        assert_well(app)
        assert made(app)["conditions"][0]["window"]["type"] == kind
    app.selectbox(key=f"{own}_kind").select("ago").run()
    app.selectbox(key=f"{own}_limited").select(True).run()
    assert made(app)["conditions"][0]["window"]["oldest"] == {"amount": 60, "unit": "days"}


def test_acts_of_a_day_are_added_narrowed_and_taken_away(
    shop: dict[str, int], open_page: Open
) -> None:
    app = open_page("segment")
    app.menu_button(key=f"seg_new_rule_{tree(app).id}_add").click("same_day").run()
    row: Any = tree(app).parts[0]
    own = f"seg_new_rule_{row.id}"
    app.button(key=f"{own}_acts_add").click().run()
    app.button(key=f"{own}_{row.data['acts'][1]['_id']}_where").click().run()
    assert_well(app)
    assert [act["event"] for act in row.data["acts"]] == ["product_viewed", "order"]
    assert row.data["acts"][1]["where"][0]["field"] == "product.category"
    app.button(key=f"{own}_{row.data['acts'][0]['_id']}_drop").click().run()
    assert [act["event"] for act in row.data["acts"]] == ["order"]


def test_the_parts_of_a_sequence_can_be_narrowed(shop: dict[str, int], open_page: Open) -> None:
    app = open_page("segment")
    app.menu_button(key=f"seg_new_rule_{tree(app).id}_add").click("sequence").run()
    row: Any = tree(app).parts[0]
    for name in ("first", "then"):
        app.button(key=f"seg_new_rule_{row.id}_{name}_act_where").click().run()
        assert_well(app)
        assert len(row.data[name]["where"]) == 1


def test_rows_and_groups_are_copied_with_what_they_say(
    shop: dict[str, int], open_page: Open
) -> None:
    inner = {"type": "none", "conditions": [{"type": "reachable", "channel": "sms"}]}
    app = put_in(open_page("segment"), {"type": "any", "conditions": [
        {"type": "did", "event": "order", "where": [SHOES]}, inner]})  # fmt: skip
    for part in list(tree(app).parts):
        app.button(key=f"seg_new_rule_{part.id}_copy").click().run()
        assert_well(app)
    one, two, three, four = made(app)["conditions"]
    assert one == two
    assert three == four == inner
    assert len({part.id for part in tree(app).parts}) == 4
    own = f"seg_new_rule_{tree(app).parts[1].id}"
    app.number_input(key=f"{own}_n").set_value(3).run()
    assert [c.get("n") for c in made(app)["conditions"][:2]] == [1, 3]


def test_json_that_is_no_rule_is_refused_with_its_path_and_changes_nothing(
    shop: dict[str, int], open_page: Open
) -> None:
    app = put_in(open_page("segment"), {"type": "all", "conditions": [{"type": "dit"}]})
    assert "all[0].type" in " ".join(each.value for each in app.warning)
    assert tree(app).parts == []
