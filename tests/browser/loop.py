"""The marketer's loop in steps that say what must be true after each."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import expect

from tests.browser import walk
from tests.browser.visiting import Visit
from tests.integration.end_to_end.stack import Api, until

#: Receipts come within seconds, clicks within minutes of the sandbox's hurried life.
LONG = 300.0


@dataclass(frozen=True)
class Message:
    """What to send. ``channel`` as the composer calls it."""

    campaign: str
    channel: str
    text: str
    subject: str = ""


@dataclass(frozen=True)
class Audience:
    """A segment of everybody who viewed products at least ``times``, and its size when built."""

    id: int
    name: str
    times: int
    size: int

    def assert_counts(self, api: Api, shown: int) -> None:
        """``shown`` is a size since it was built: time moves people out of its thirty days."""
        now = _asked(api, self.times)
        assert min(self.size, now) <= shown <= max(self.size, now)


@dataclass(frozen=True)
class Sent:
    """A campaign in the browser, and how many the review said would receive it."""

    id: int
    name: str
    recipients: int


def build_segment(visit: Visit, api: Api, name: str, thresholds: tuple[int, int]) -> Audience:
    """Click a segment together. The count follows the threshold."""
    walk.start_segment(visit, name)
    counts = []
    for times in thresholds:
        walk.set_threshold(visit, times)
        before = _asked(api, times)
        counts.append(walk.live_count(visit))
        assert counts[-1] in {before, _asked(api, times)}
    low, high = counts
    assert low > high > 0
    number = walk.save_segment(visit, name)
    audience = Audience(number, name, thresholds[-1], high)
    audience.assert_counts(api, api.get(f"/segments/{number}/customers")["total"])
    return audience


def compose(visit: Visit, api: Api, message: Message, audience: Audience) -> Sent:
    """Write the message with the preview beside it, and look the audience over."""
    number = walk.start_campaign(visit, message.campaign, message.channel, audience.name)
    if message.subject:
        walk.write_email(visit, number, message.subject, message.text)
        walk.email_says(visit, message.subject, message.text)
    else:
        walk.write_sms(visit, number, message.text)
        walk.phone_says(visit, message.text)
    walk.go_to_step(visit, "Review")
    first, last = walk.waterfall_of(visit, "cmp_review_waterfall")
    audience.assert_counts(api, first)
    assert 0 < last < first
    assert walk.kpi(visit, "Will receive") == f"{last:,}"
    visit.shot(f"review-{message.channel}")
    visit.assert_well()
    return Sent(number, message.campaign, last)


def launch_and_watch(visit: Visit, api: Api, sent: Sent) -> None:
    """Launch; without a reload the page goes through the states until all is sent."""
    walk.go_to_step(visit, "Review")
    walk.launch(visit)
    expect(visit.at("cmp_running").or_(visit.at("card_cmp_funnel")).first).to_be_visible()
    visit.shot(f"launched-{sent.id}")
    expect(visit.page.locator(".stMarkdownBadge").first).to_contain_text("Sent")
    report = api.get(f"/campaigns/{sent.id}")
    assert report["status"] == "sent"
    assert report["audience_size"] == sent.recipients == report["progress"]["enqueued"]
    assert sum(report["progress"]["states"].values()) == sent.recipients


def receipts_arrive(visit: Visit, api: Api, sent: Sent) -> None:
    """Every message that the sandbox took is reported on, and the report page says so."""

    def figures() -> dict[str, int]:
        return dict(api.get(f"/campaigns/{sent.id}")["figures"])

    def reported() -> bool:
        now = figures()
        return now["delivered"] + now["bounced"] >= now["accepted"] > 0

    visit.rest()
    until(reported, f"receipts for {sent.name}: {figures()}", patience=LONG, every=0.5)
    visit.open(f"/campaign?id={sent.id}")
    now = figures()
    shown = until(lambda: _funnel(visit, now["delivered"]), "the report shows the receipts")
    assert shown["Queued"] == sent.recipients
    assert shown["Taken by the provider"] == now["accepted"]
    assert now["delivered"] >= 0.8 * now["accepted"]
    assert walk.waterfall_of(visit, "cmp_fates")[1] == now["delivered"]
    visit.shot(f"report-{sent.id}")
    visit.assert_well()


def an_order_follows_a_click(visit: Visit, api: Api, sent: Sent, value: float) -> None:
    """Somebody who clicked buys; the report and the revenue page credit the campaign."""
    visit.rest()
    clicker = until(lambda: _clickers(api, sent), "somebody clicks", patience=LONG, every=1.0)[0]
    person = api.get(f"/customers/{clicker}")
    before = _credited(api, sent)
    api.post("/v1/track", _order(person["external_id"], value))
    until(lambda: _credited(api, sent) == before + round(value * 100), "the order is credited")

    earned = before + round(value * 100)
    visit.open(f"/campaign?id={sent.id}")
    expect(walk.kpi_card(visit, "Revenue")).to_contain_text(f"${earned / 100:,.2f}")
    visit.open("/revenue")
    rows = {row["Name"]: row for row in walk.table_of(visit, "rev_sources")}
    assert round(float(rows[sent.name]["Revenue, USD"]) * 100) == earned
    visit.shot("revenue-after-the-order")
    visit.assert_well()


def _funnel(visit: Visit, delivered: int) -> dict[str, int] | None:
    """The funnel of the report once it knows of so many deliveries."""
    shown = {row["Step"]: int(row["Messages"]) for row in walk.table_of(visit, "cmp_funnel")}
    return shown if shown["Delivered"] == delivered else None


def _asked(api: Api, times: int) -> int:
    return int(api.post("/segments/preview", {"rule": walk.viewed_at_least(times)})["count"])


def _clickers(api: Api, sent: Sent) -> list[int]:
    rule = {
        "type": "engagement",
        "action": "clicked",
        "op": "at_least",
        "n": 1,
        "source_kind": "campaign",
        "source_id": sent.id,
        "window": {"type": "ever"},
    }
    return list(api.post("/segments/preview", {"rule": rule})["sample"])


def _credited(api: Api, sent: Sent) -> int:
    """Minor units that the campaign is credited with."""
    for row in api.get("/analytics/revenue")["by_source"]:
        if (row["source"], row["source_id"]) == ("campaign", sent.id):
            return int(row["revenue"])
    return 0


def _order(user: str, value: float) -> dict[str, Any]:
    return {
        "userId": user,
        "event": "Order Completed",
        "messageId": f"order-of-{user}-{re.sub(r'[^0-9]', '', str(value))}",
        "properties": {
            "order_id": f"after-the-click-{user}",
            "products": [{"product_id": "fresh-arrival", "price": value, "quantity": 1}],
        },
    }
