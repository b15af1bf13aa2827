"""Once a workspace has a member, nobody sees anything of it without signing in."""

from __future__ import annotations

import re
from collections.abc import Callable

import httpx
import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visitor
from tests.browser.visiting import Visit
from tests.integration.end_to_end.stack import Stack

EMAIL, PASSWORD = "owner@larkfield.example", "correct horse battery"
SEGMENT = "Secret admirers"
RULE = {"type": "trait", "field": "country", "op": "is", "value": "DE"}


@pytest.fixture(scope="module")
def closed_workspace(workspace: Callable[[], Stack]) -> tuple[Stack, str]:
    """A workspace with a segment and one member; the path of the segment's page."""
    stack = workspace()
    stack.start_web()
    with stack.api() as api:
        made = api.post("/segments/create", {"name": SEGMENT, "rule": RULE})
    stack.run("create_member.py", EMAIL, "--password-stdin", given=f"{PASSWORD}\n")
    return stack, f"/segment?id={made['id']}"


def assert_gated(visit: Visit) -> None:
    """The page asks to sign in and shows nothing of the workspace, not even its pages."""
    expect(visit.page.get_by_role("heading", name="Sign in to Segmind")).to_be_visible()
    visit.settle()
    shown = visit.page.locator("body").inner_text()
    assert SEGMENT not in shown
    assert visit.page.get_by_test_id("stSidebarNav").count() == 0
    assert visit.page.get_by_role("link", name="Settings").count() == 0


def test_a_first_visit_by_deep_link_is_gated_until_one_signs_in(
    closed_workspace: tuple[Stack, str], visitor: Visitor
) -> None:
    stack, hidden = closed_workspace
    for path in (hidden, "/settings?set_tab=Members", "/"):
        visit = visitor(stack)
        visit.open(path)
        assert_gated(visit)

    visit = visitor(stack)
    visit.open(hidden)
    assert_gated(visit)
    visit.page.get_by_role("link", name="Go to the sign-in page").click()
    visit.page.get_by_label("E-mail").fill(EMAIL)
    visit.page.get_by_label("Password").fill(PASSWORD)
    visit.page.get_by_role("button", name="Sign in").click()
    visit.page.wait_for_url(re.compile(re.escape(hidden)))
    visit.settle()
    expect(visit.page.get_by_role("heading", name=SEGMENT)).to_be_visible()
    expect(visit.at("open_banner")).to_have_count(0)
    visit.assert_well()

    visit.page.get_by_role("link", name="Sign out").click()
    expect(visit.page.get_by_role("button", name="Sign in")).to_be_visible()
    visit.open(hidden)
    assert_gated(visit)


def test_the_api_asks_for_a_key_once_there_is_a_member(
    closed_workspace: tuple[Stack, str],
) -> None:
    stack, _ = closed_workspace
    refused = httpx.get(f"{stack.url}/api/segments", timeout=60)
    assert refused.status_code == 401
    key = stack.run("create_api_key.py", "Test", "--scope", "segments:read").strip()
    allowed = httpx.get(
        f"{stack.url}/api/segments", headers={"Authorization": f"Bearer {key}"}, timeout=60
    )
    assert SEGMENT in {each["name"] for each in allowed.json()["segments"]}
