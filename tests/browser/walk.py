"""What a marketer does, click by click."""

from __future__ import annotations

import csv
import re
from typing import Any

from playwright.sync_api import Locator, expect

from tests.browser.visiting import Visit

RULE = "seg_new_rule"


def viewed_at_least(times: int) -> dict[str, Any]:
    """The rule that ``build_segment`` clicks together."""
    return {
        "type": "did",
        "event": "product_viewed",
        "op": "at_least",
        "n": times,
        "window": {"type": "last", "amount": 30, "unit": "days"},
    }


def start_segment(visit: Visit, name: str) -> None:
    """Open the builder from the list and add the condition that counts product views."""
    visit.open("/segments")
    visit.press("sgs_new")
    visit.settle()
    visit.fill("seg_new_name", name)
    visit.settle()
    visit.page.get_by_role("button", name="Add what they did").first.click()
    visit.page.get_by_role("menuitem", name="Did something, so often").or_(
        visit.page.get_by_text("Did something, so often", exact=True)
    ).first.click()
    expect(visit.page.get_by_role("spinbutton", name="Number")).to_be_visible()
    visit.settle()


def set_threshold(visit: Visit, times: int) -> None:
    """Type the least number of views."""
    box = visit.page.get_by_role("spinbutton", name="Number")
    box.fill(str(times))
    box.press("Enter")
    expect(visit.at("result_card")).to_contain_text(f"at least {times}")
    visit.settle()


def live_count(visit: Visit) -> int:
    """How many customers the builder says the rule matches now."""
    return visit.count_in("result_card")


def save_segment(visit: Visit, name: str) -> int:
    """Save what stands in the builder; the new segment's id."""
    visit.press("seg_new_save")
    visit.page.wait_for_url(re.compile(r"/segment\?.*id=\d+"))
    visit.settle()
    expect(visit.page.get_by_role("heading", name=name)).to_be_visible()
    return _id_in(visit.page.url)


def start_campaign(visit: Visit, name: str, channel: str, segment: str) -> int:
    """Create a draft from the list and choose whom to send to; the campaign's id."""
    visit.open("/campaigns")
    visit.press("cms_new")
    visit.fill("cms_name", name)
    visit.segment("cms_channel", channel)
    visit.press("cms_create")
    visit.page.wait_for_url(re.compile(r"/campaign\?.*id=\d+"))
    visit.settle()
    number = _id_in(visit.page.url)
    visit.choose(f"cmp_{number}_segment", segment)
    expect(visit.at("chart_cmp_waterfall")).to_contain_text("Will receive")
    visit.settle()
    return number


def go_to_step(visit: Visit, step: str) -> None:
    """Open a step of the composer."""
    visit.segment("cmp_step", re.compile(step))
    visit.settle()


def write_sms(visit: Visit, campaign: int, body: str) -> None:
    """Type the text; the phone beside shows it while it is typed."""
    go_to_step(visit, "Message")
    box = visit.at(f"cmp_{campaign}_sms_body").locator("textarea")
    box.click()
    box.press_sequentially(body, delay=5)


def phone_says(visit: Visit, text: str) -> None:
    """The phone in the preview shows a message with ``text``."""
    phone = visit.page.locator(f'[aria-label^="Text message on a phone"][aria-label*="{text}"]')
    expect(phone).to_be_visible()


def write_email(visit: Visit, campaign: int, subject: str, text: str) -> None:
    """Type a subject and the first paragraph."""
    go_to_step(visit, "Message")
    line = visit.at(f"cmp_{campaign}_email_subject").locator("input")
    line.click()
    line.press_sequentially(subject, delay=5)
    paragraph = visit.page.locator("textarea").first
    paragraph.click()
    paragraph.press_sequentially(text, delay=5)


def email_says(visit: Visit, subject: str, text: str) -> None:
    """The inbox row shows the subject, and the sandboxed e-mail the text."""
    row = visit.page.locator(f'[aria-label^="Inbox row"][aria-label*="{subject}"]')
    expect(row).to_be_visible()
    outer = visit.page.locator("iframe").first
    inner = outer.content_frame.locator("iframe")
    assert inner.get_attribute("sandbox") == ""
    expect(inner.content_frame.get_by_text(text)).to_be_visible()


def table_of(visit: Visit, key: str) -> list[dict[str, str]]:
    """The table behind a chart's button, as its CSV gives it."""
    visit.at(f"table_of_{key}").locator("button").first.click()
    with visit.page.expect_download() as download:
        visit.at(f"csv_of_{key}").locator("button").click()
    text = download.value.path().read_text()
    visit.page.keyboard.press("Escape")
    visit.settle()
    return list(csv.DictReader(text.splitlines()))


def waterfall_of(visit: Visit, key: str) -> tuple[int, int]:
    """The first and the last number of a waterfall that adds up."""
    steps = table_of(visit, key)
    remaining = [int(step["Remaining"]) for step in steps]
    for before, after, step in zip(remaining, remaining[1:], steps[1:], strict=False):
        assert before - int(step["Removed"]) == after, steps
    return remaining[0], remaining[-1]


def launch(visit: Visit) -> None:
    """Press the button and confirm."""
    visit.press("cmp_launch")
    expect(visit.page.get_by_role("dialog")).to_contain_text("You can pause it at any moment")
    visit.press("cmp_launch_dialog_yes")
    expect(visit.page.get_by_role("dialog")).to_have_count(0)


def hold_back(visit: Visit, campaign: int, per_second: int) -> None:
    """Let it leave slowly enough to be watched."""
    go_to_step(visit, "Schedule")
    visit.fill(f"cmp_{campaign}_rate", str(per_second))
    visit.settle()


def kpi_card(visit: Visit, label: str) -> Locator:
    """The value of the key figure of that label."""
    card = visit.page.get_by_test_id("stMetric").filter(
        has=visit.page.get_by_test_id("stMetricLabel").get_by_text(label, exact=True)
    )
    return card.get_by_test_id("stMetricValue").first


def kpi(visit: Visit, label: str) -> str:
    """What the key figure of that label says."""
    return kpi_card(visit, label).inner_text().strip()


def _id_in(url: str) -> int:
    found = re.search(r"[?&]id=(\d+)", url)
    assert found, url
    return int(found[1])
