"""A marketer's day in the browser, on the demo shop."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from playwright.sync_api import expect

from scripts.demo_shop.make import make
from segmind import clock
from segmind.db.engine import Store, make_engine
from segmind.settings import from_environment
from segmind.workspace import product_settings
from tests.browser import loop, walk
from tests.browser.conftest import Visitor
from tests.browser.loop import Message
from tests.integration.end_to_end.stack import Stack

SEGMENT = "Eager lookers"
SMS = Message(
    "Text to lookers", "SMS", "Larkfield: fresh arrivals, come and see. Reply STOP to opt out"
)
EMAIL = Message(
    "Mail to lookers", "E-mail", "Come and look at what is new.", subject="Fresh arrivals"
)
FITS = "document.querySelector('[data-testid=stMain]').scrollWidth <= innerWidth"
#: Puts a long sum into every key figure, and says which of them are cut off.
CUT = """[...document.querySelectorAll('[data-testid=stMetricValue]')].filter(card => {
    const said = [...card.querySelectorAll('*')].findLast(e => e.textContent.trim())
    said.textContent = '\u2212$1,234,567.89'
    return [card, ...card.querySelectorAll('*')].some(e => e.scrollWidth > e.clientWidth + 1)
}).map(card => card.clientWidth)"""
#: Visible pages and what their title is; the first answers at / only.
PAGES = {
    "/": "Overview",
    "/segments": "Segments",
    "/customers": "Customers",
    "/campaigns": "Campaigns",
    "/automations": "Automations",
    "/engagement": "Engagement",
    "/revenue": "Revenue",
    "/lift": "Lift",
    "/data": "Data",
    "/settings": "Settings",
}


@pytest.fixture(scope="module")
def demo_shop(workspace: Callable[[], Stack]) -> Iterator[Stack]:
    """A small demo shop, web and scheduler. No quiet hours: tests run at any time of the day."""
    stack = workspace()
    now = datetime.now(UTC).replace(microsecond=0)
    settings = from_environment(stack.settings)
    settings.lake.mkdir(parents=True)
    store = Store(make_engine(stack.database_url), settings.lake, settings)
    # The script beside it is run by test_start.py.
    make(store, events=20_000, seed=2019, now=now, history=(3, 1), say=lambda _: None)
    clock.use(None)  # making a shop may have told it whom to follow
    with store.engine.begin() as conn:
        product_settings.save(conn, {"quiet_hours": {}, "place_hours": {}}, "test", now)
    store.engine.dispose()
    stack.start_web()
    stack.start_scheduler()
    return stack


def test_a_marketer_walks_from_a_segment_to_its_revenue(demo_shop: Stack, visitor: Visitor) -> None:
    visit = visitor(demo_shop, accept_downloads=True)
    with demo_shop.api() as api:
        audience = loop.build_segment(visit, api, SEGMENT, thresholds=(4, 9))

        text = loop.compose(visit, api, SMS, audience)
        walk.hold_back(visit, text.id, 15)
        loop.launch_and_watch(visit, api, text)
        loop.receipts_arrive(visit, api, text)

        mail = loop.compose(visit, api, EMAIL, audience)
        loop.launch_and_watch(visit, api, mail)
        loop.receipts_arrive(visit, api, mail)

        loop.an_order_follows_a_click(visit, api, mail, value=1234.56)
        members = api.get(f"/segments/{audience.id}/customers")
        audience.assert_counts(api, members["total"])
    visit.assert_well()


def detail_pages(stack: Stack) -> dict[str, str]:
    """Hidden pages with the title of what they show."""
    with stack.api() as api:
        segment = api.get("/segments")["segments"][0]
        campaign = api.get("/campaigns")["campaigns"][-1]
        automation = api.get("/automations")["automations"][0]
        customer = api.get("/customers", limit=1)["customers"][0]
    return {
        f"/segment?id={segment['id']}": segment["name"],
        f"/campaign?id={campaign['id']}": campaign["name"],
        f"/automation?id={automation['id']}": automation["name"],
        f"/customer?id={customer['id']}": "",
    }


def test_every_page_opens_and_fits_a_phone_a_hidden_one_on_the_first_visit(
    demo_shop: Stack, visitor: Visitor
) -> None:
    visit = visitor(demo_shop)
    for path, title in {**detail_pages(demo_shop), **PAGES}.items():
        name = _name(path)
        visit.page.set_viewport_size({"width": 1360, "height": 900})
        visit.open(path)
        expect(visit.page.get_by_role("heading", level=1)).to_contain_text(title)
        assert visit.page.url == f"{demo_shop.url}{path}"
        visit.assert_well()
        visit.shot(f"{name}-light")
        visit.page.set_viewport_size({"width": 390, "height": 844})
        visit.settle()
        visit.page.wait_for_function(FITS)
        visit.shot(f"{name}-390px")
        if path == "/revenue":
            assert visit.page.evaluate(CUT) == []


def test_dark_pages_open_a_campaign_on_the_first_visit(demo_shop: Stack, visitor: Visitor) -> None:
    visit = visitor(demo_shop, color_scheme="dark")
    campaign, name = list(detail_pages(demo_shop).items())[1]
    for path, title in ((campaign, name), ("/", PAGES["/"]), ("/revenue", PAGES["/revenue"])):
        visit.open(path)
        expect(visit.page.get_by_role("heading", level=1)).to_contain_text(title)
        assert visit.page.url == f"{demo_shop.url}{path}"
        colour = visit.page.get_by_test_id("stApp").evaluate(
            "e => getComputedStyle(e).backgroundColor"
        )
        assert colour == "rgb(15, 18, 24)"
        visit.assert_well()
        visit.shot(f"{_name(path)}-dark")


def _name(path: str) -> str:
    return re.sub(r"\W.*", "", path.strip("/")) or "overview"
