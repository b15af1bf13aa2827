"""Every page opens, whatever there is to show."""

from __future__ import annotations

import pytest

from tests.pages.conftest import Open, assert_well

PAGES = (
    "overview",
    "segments",
    "segment",
    "customers",
    "customer",
    "campaigns",
    "campaign",
    "automations",
    "automation",
    "engagement",
    "revenue",
    "data",
    "settings",
)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_opens_in_an_empty_workspace(open_page: Open, name: str) -> None:
    app = open_page(name)
    assert_well(app)
    assert app.title
