from __future__ import annotations

from api_client import Client, each, problem


def test_revenue_is_that_of_the_orders(shop: Client) -> None:
    found = shop.get("/analytics/revenue", params={"days": 7}).json()
    assert found["gross"] == {"amount": 4 * 3998, "currency": "USD"}
    assert found["net"]["amount"] == 4 * 3998
    assert (found["orders"], found["buyers"]) == (4, 2)
    assert found["attributed"]["amount"] == 0
    assert len(found["over_time"]) == 7
    assert sum(bucket["net"] for bucket in found["over_time"]) == 4 * 3998
    assert "5 days" in found["attribution"]["what"]
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
    found = shop.get("/analytics/funnel", params={"by": "customer"}).json()
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
    ],
)
@each("path", ["engagement", "revenue", "segments", "funnel"])
def test_a_wrong_period_is_refused(client: Client, path: str, params: dict[str, str]) -> None:
    answer = client.get(f"/analytics/{path}", params=params)
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["field"] in {"days", "since", "until"}


def test_too_many_buckets_are_refused(client: Client) -> None:
    params = {"days": "1000", "grain": "hour"}
    problem(client.get("/analytics/revenue", params=params), 422, "invalid_period")
    problem(client.get("/analytics/revenue", params={"grain": "eon"}), 422, "invalid_input")
