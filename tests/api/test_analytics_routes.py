from __future__ import annotations

from datetime import datetime, timedelta

from api_client import Client, each, problem

from segmind.customers import identity
from segmind.db.engine import Store
from segmind.events import ingest
from segmind.events.ingest import NewEvent


def test_revenue_is_that_of_the_orders(shop: Client) -> None:
    found = shop.get("/analytics/revenue", params={"days": 7}).json()
    assert found["gross"] == {"amount": 4 * 3998, "currency": "USD"}
    assert found["net"]["amount"] == 4 * 3998
    assert (found["orders"], found["buyers"]) == (4, 2)
    assert found["attributed"]["amount"] == 0
    assert len(found["over_time"]) == 7
    assert sum(bucket["net"] for bucket in found["over_time"]) == 4 * 3998
    assert "clicked up to 5 days before" in found["attribution"]["window"]
    assert found["period"]["zone"] == "UTC"


def test_engagement_is_empty_without_messages_and_says_what_it_means(shop: Client) -> None:
    found = shop.get("/analytics/engagement").json()
    assert set(found["totals"].values()) == {0}
    assert found["by_source"] == []
    assert found["definition"]["what"]


def test_segments_are_compared(shop: Client) -> None:
    found = shop.get("/analytics/segments").json()
    assert found["segments"] == []
    shop.get("/segments")
    found = shop.get("/analytics/segments").json()
    loyal = next(s for s in found["segments"] if s["key"] == "loyal_customers")
    assert (loyal["size"], loyal["buyers"], loyal["orders"]) == (2, 2, 4)
    assert loyal["revenue_per_customer"] == 4 * 3998 / 2
    assert loyal["conversion_rate"] == 1.0


def test_the_funnel_counts_sessions_or_customers(shop: Client) -> None:
    asked = {"by": "customer", "compare": True}
    found = shop.get("/analytics/funnel", params=asked).json()
    assert {s["count"] for s in found["before"]} == {0}
    assert found["conversion"] == {
        "by_session": None, "by_customer": 2 / 8, "by_product_view": 4 / 72
    }  # fmt: skip
    assert {s["key"]: s["count"] for s in found["steps"]} == {"viewed": 8, "added": 1, "ordered": 2}
    assert found["abandonment"]["by_customer"] == 1.0


@each(
    "params",
    [
        {"days": "0"},
        {"days": "x"},
        {"since": "yesterday"},
        {"since": "2026-03-02T00:00:00"},
        {"since": "2026-03-02T00:00:00Z", "until": "2026-03-01T00:00:00Z"},
        {"until": "2026-03-01T00:00:00Z"},
        {"since": "0001-01-01T00:00:00Z"},
        {"since": "9999-12-31T23:59:59Z"},
        {"since": "2199-01-01T00:00:00Z", "until": "2199-02-01T00:00:00Z"},
    ],
)
@each("path", ["engagement", "revenue", "segments", "funnel", "attribution", "roi"])
def test_a_wrong_period_is_refused(client: Client, path: str, params: dict[str, str]) -> None:
    answer = client.get(f"/analytics/{path}", params=params)
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["field"] in {"days", "since", "until"}


def test_too_many_buckets_are_refused(client: Client) -> None:
    params = {"days": "1000", "grain": "hour"}
    problem(client.get("/analytics/revenue", params=params), 422, "invalid_period")
    problem(client.get("/analytics/revenue", params={"grain": "eon"}), 422, "invalid_input")


def _receipts(store: Store, shop: Client, now: datetime) -> None:
    """Before each order of customer 1: a click on campaign 7's e-mail, then an opened push."""
    with store.engine.begin() as conn:
        customer = identity.find(conn, "user", "c-1")
        assert customer is not None
        told = []
        for days in (1, 3):
            order = now - timedelta(days=days)
            for name, hours, channel, message in (
                ("message_clicked", 5, 1, days),
                ("message_delivered", 3, 3, 100 + days),
                ("message_opened", 2, 3, 100 + days),
            ):
                told.append(
                    NewEvent(
                        None, name, order - timedelta(hours=hours), customer, channel=channel,
                        message_id=message, source_kind=1, source_id=6 + channel,
                    )
                )  # fmt: skip
        ingest.append(conn, told, now)


def test_a_rule_a_channel_and_a_grouping_can_be_asked_for(
    store: Store, shop: Client, frozen_clock: datetime
) -> None:
    _receipts(store, shop, frozen_clock)
    plain = shop.get("/analytics/revenue").json()
    assert (plain["attributed"]["amount"], plain["attributed_orders"]) == (2 * 3998, 2)
    assert [row["source_id"] for row in plain["by_source"]] == [7]
    asked = {"rule": "linear", "channel": "push", "group_by": "product", "compare": True}
    found = shop.get("/analytics/revenue", params=asked).json()
    assert found["rule"] == "linear"
    assert found["attributed"]["amount"] == 3998
    assert found["net"] == plain["net"]  # filters narrow the credit, not the shop
    assert sum(row["revenue"] for row in found["groups"]) == 3998
    assert found["groups"][0]["title"]
    assert found["before"]["orders"] == 0
    for by in ("source", "step", "variant", "channel", "segment", "day"):
        rows = shop.get("/analytics/revenue", params={"rule": "linear", "group_by": by}).json()
        if by in {"source", "channel", "day"}:
            assert sum(row["revenue"] for row in rows["groups"]) == 2 * 3998, by


def test_rules_are_answered_side_by_side(
    store: Store, shop: Client, frozen_clock: datetime
) -> None:
    _receipts(store, shop, frozen_clock)
    found = shop.get("/analytics/attribution").json()
    assert (found["orders"], found["net"]) == (4, 4 * 3998)
    by_rule = {row["rule"]: row for row in found["rules"]}
    assert by_rule["last_click"]["credited"] == 2 * 3998
    assert by_rule["moengage_all"]["counted_twice"] == 2 * 3998
    assert by_rule["moengage_all"]["covered"] == 2 * 3998
    assert by_rule["klaviyo"]["described_at"].startswith("https://help.klaviyo.com/")
    for row in found["rules"]:
        revenue = shop.get("/analytics/revenue", params={"rule": row["rule"]}).json()
        assert revenue["attributed"]["amount"] == row["credited"], row["rule"]


def test_cost_and_return_are_answered_and_what_is_not_known_is_null(
    store: Store, shop: Client, frozen_clock: datetime
) -> None:
    _receipts(store, shop, frozen_clock)
    for by in ("source", "channel", "month"):
        lines = shop.get("/analytics/roi", params={"group_by": by}).json()["lines"]
        assert sum(line["attributed"] for line in lines) == 2 * 3998
        assert {line["roi"] for line in lines} == {None}  # nothing was spent
        assert {line["incremental"] for line in lines} == {None}


def test_engagement_is_compared_and_segments_are_credited(
    store: Store, shop: Client, frozen_clock: datetime
) -> None:
    _receipts(store, shop, frozen_clock)
    found = shop.get("/analytics/engagement", params={"compare": True}).json()
    assert (found["totals"]["clicked"], found["before"]["clicked"]) == (2, 0)
    listed = shop.get("/segments").json()["segments"]
    loyal = next(s["id"] for s in listed if s["key"] == "loyal_customers")
    found = shop.get("/analytics/segments", params={"segment_id": loyal}).json()
    assert [s["segment_id"] for s in found["segments"]] == [loyal]
    assert found["segments"][0]["attributed"] == 2 * 3998
    by_push = {"segment_id": loyal, "channel": "push"}
    narrowed = shop.get("/analytics/segments", params=by_push).json()["segments"][0]
    assert (narrowed["attributed"], narrowed["orders"]) == (0, 4)
    assert found["segments"][0]["before"] is None
    compared = shop.get("/analytics/segments", params={"segment_id": loyal, "compare": True}).json()
    before = compared["segments"][0]["before"]
    assert (before["size"], before["orders"], before["attributed"]) == (2, 0, 0)
    for path in ("segments", "engagement", "revenue"):
        missing = shop.get(f"/analytics/{path}", params={"segment_id": 10**9})
        assert missing.status_code == 404, path


def test_engagement_is_grouped_and_narrowed_to_a_segment(
    store: Store, shop: Client, frozen_clock: datetime
) -> None:
    _receipts(store, shop, frozen_clock)
    for by in ("source", "step", "variant", "channel", "segment", "day"):
        rows = shop.get("/analytics/engagement", params={"group_by": by}).json()["groups"]
        if by not in {"step", "segment"}:
            assert sum(row["clicked"] for row in rows) == 2, by
    listed = {s["key"]: s["id"] for s in shop.get("/segments").json()["segments"]}
    rows = shop.get("/analytics/engagement", params={"group_by": "segment"}).json()["groups"]
    clicked = {row["segment_id"]: row["clicked"] for row in rows}
    for key, expected in (("loyal_customers", 2), ("window_shoppers", 0)):
        asked = {"segment_id": listed[key]}
        assert clicked[listed[key]] == expected
        found = shop.get("/analytics/engagement", params=asked).json()
        assert found["totals"]["clicked"] == expected
        earned = shop.get("/analytics/revenue", params=asked).json()
        assert earned["attributed"]["amount"] == expected * 3998
        assert earned["net"]["amount"] == 4 * 3998


def test_an_unknown_rule_and_mixed_currencies_are_refused(
    store: Store, shop: Client, frozen_clock: datetime
) -> None:
    problem(shop.get("/analytics/revenue", params={"rule": "best"}), 422, "unknown_rule")
    order = NewEvent(
        None, "order_completed", frozen_clock - timedelta(days=2), 1, value=5, currency="EUR"
    )
    with store.engine.begin() as conn:
        ingest.append(conn, [order], frozen_clock)
    for path in ("revenue", "attribution", "roi", "segments"):
        problem(shop.get(f"/analytics/{path}"), 422, "mixed_currencies")
    assert shop.get("/analytics/revenue", params={"days": 1}).status_code == 200
