"""The same loop on the REES46 file, with the clock standing still at its end."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from segmind.db.engine import make_engine
from segmind.workspace import product_settings
from tests.browser import loop, walk
from tests.browser.conftest import Visitor
from tests.browser.loop import Message
from tests.integration.end_to_end.stack import Api, Stack

pytestmark = [pytest.mark.real_data, pytest.mark.browser_long]

FILE = "rees46_2019-10-01_sample.csv.gz"
SEGMENT = "Looked a lot"
EMAIL = Message("Come back", "E-mail", "What you looked at is still here.", subject="Still here")
#: A figure of the file's published description.
REVENUE = 59_442.63


@pytest.fixture(scope="module")
def rees46(workspace: Callable[[], Stack], real_data: Path) -> Stack:
    """The file in a workspace of its own, at the end of its 2 h 50 min."""
    stack = workspace()
    stack.run("import_events.py", "--format", "rees46", "--freeze-clock", str(real_data / FILE))
    stack.start_web()
    stack.start_scheduler()
    return stack


def test_the_loop_runs_on_a_real_file_at_a_frozen_moment(rees46: Stack, visitor: Visitor) -> None:
    visit = visitor(rees46, accept_downloads=True)
    with rees46.api() as api:
        assert api.get("/analytics/revenue")["gross"]["amount"] == round(REVENUE * 100)
        _set_up_the_shop(rees46)
        reachable = _tell_addresses(api)

        audience = loop.build_segment(visit, api, SEGMENT, thresholds=(5, 12))
        mail = loop.compose(visit, api, EMAIL, audience)
        assert mail.recipients <= reachable
        loop.launch_and_watch(visit, api, mail)
        loop.receipts_arrive(visit, api, mail)
        loop.an_order_follows_a_click(visit, api, mail, value=321.5)

        visit.open("/revenue")
        assert walk.kpi(visit, "Net revenue") == f"${REVENUE + 321.5:,.2f}"
        expect(visit.at("frame")).to_contain_text("Time stands still at 1 Oct 2019 02:50")
    visit.assert_well()


def _set_up_the_shop(stack: Stack) -> None:
    engine = make_engine(stack.database_url)
    with engine.begin() as conn:
        product_settings.save(
            conn,
            {
                "email_from": "shop@example.com",
                "postal_address": "Example Ltd, 1 Example Street, Springfield",
            },
            "test",
            datetime.now(UTC),
        )
    engine.dispose()


def _tell_addresses(api: Api) -> int:
    """Give two in three of those who looked a lot an e-mail address and a yes."""
    rule = walk.viewed_at_least(12)
    made = api.post("/segments/create", {"name": "Everybody who looked a lot", "rule": rule})
    page = api.get(f"/segments/{made['id']}/customers", limit=500)
    assert page["next"] is None
    people = page["customers"]
    told = [person for place, person in enumerate(people) if place % 3]
    calls: list[dict[str, Any]] = [
        {
            "type": "identify",
            "userId": person["external_id"],
            "traits": {"email": f"user{person['external_id']}@example.com", "firstName": "Sam"},
        }
        for person in told
    ]
    assert api.post("/v1/batch", {"batch": calls})["success"]
    for person in told:
        consent = {"channel": "email", "consent": True, "source": "form"}
        api.post(f"/customers/{person['id']}/consents", consent)
    return len(told)
