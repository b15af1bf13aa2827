"""Every page opens, whatever there is to show."""

from __future__ import annotations

import pytest

from segmind import clock
from segmind.automations import automation as automations
from segmind.automations.recipes import cart_recovery
from segmind.campaigns import campaign as campaigns
from segmind.db.engine import Store
from tests.pages.conftest import Open, assert_well, texts

#: What each page says in a workspace with nothing in it: what to do next.
EMPTY = {
    "overview": "Nothing has happened yet",
    "segments": "No segments yet",
    "segment": "Everybody, so far",
    "moves": "No segments to compare",
    "customers": "No customers yet",
    "insights": "No customers to understand yet",
    "customer": "There is no such customer",
    "campaigns": "No campaigns yet",
    "campaign": "There is no such campaign",
    "automations": "No automations yet",
    "automation": "There is no such automation",
    "messages": "No messages yet",
    "message": "There is no such message",
    "engagement": "No messages in this period",
    "deliverability": "No messages in this period",
    "revenue": "No orders yet",
    "lift": "Nothing to compare yet",
    "data": "The log is empty",
    "settings": "Shop",
    "replies": "Nothing waits to be read",
}


# Looking changes nothing: one workspace serves for all pages.
def test_an_empty_workspace_says_what_to_do_next(open_page: Open) -> None:
    for name, words in EMPTY.items():
        app = open_page(name)
        assert_well(app)
        assert len(app.title) == 1, name
        assert words in texts(app), name


def test_a_small_shop_is_shown_without_a_problem(
    ui: Store, shop: dict[str, int], open_page: Open
) -> None:
    with ui.engine.begin() as conn:
        campaigns.create(
            conn, name="Spring", channel="email", now=clock.now(), actor="test", segment_id=1
        )
        automations.create(conn, "Carts", cart_recovery(), clock.now(), "test")
    for name in EMPTY:
        app = open_page(name, id=shop["c-2"] if name == "customer" else 1)
        assert_well(app)
        assert len(app.title) == 1, name
        assert not app.warning, (name, [warning.value for warning in app.warning])


@pytest.mark.parametrize("name", ["segment", "customer", "campaign", "automation", "message"])
def test_a_deep_link_to_nothing_leads_back_to_the_list(
    shop: dict[str, int], open_page: Open, name: str
) -> None:
    for number in ("999999", "-1", "x", "9" * 40):
        app = open_page(name, id=number)
        assert_well(app)
        assert f"There is no such {name}" in texts(app)
