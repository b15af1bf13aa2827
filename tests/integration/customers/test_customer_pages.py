"""Finding, showing, exporting and forgetting one customer."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from segmind.customers import (
    columns,
    erasure,
    identity,
    profile,
    queries,
    timeline,
    trait_catalogue,
    traits,
)
from segmind.customers.facts import read_facts
from segmind.customers.tracking import track
from segmind.db.engine import Store

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


def person(store: Store, user: str, **given: Any) -> int:
    with store.engine.begin() as conn:
        customer = identity.resolve(conn, user_id=user)
        assert traits.set_traits(conn, customer, given, NOW).refused == ()
    return customer


def found(store: Store, query: str) -> set[str | None]:
    with store.engine.begin() as conn:
        page = queries.search(conn, query)
        assert queries.count(conn, query) == len(page.customers)
    return {c.external_id for c in page.customers}


def test_search_finds_by_the_start_of_what_one_remembers(store: Store) -> None:
    person(store, "u-1", firstName="Ada", lastName="Lovelace", email="Ada@x.org")
    person(store, "u-2", firstName="Grace", lastName="Hopper", phone="+1 202-555-0123")
    person(store, "v%3", firstName="Ada", lastName="Byron")
    assert found(store, "ada") == {"u-1", "v%3"}
    assert found(store, "ADA@X") == {"u-1"}
    assert found(store, "Lovelace Ada") == found(store, "ada lov") == {"u-1"}
    assert found(store, "hopp") == {"u-2"}
    assert found(store, "+1 (202) 555") == found(store, "1202555") == {"u-2"}
    assert found(store, "u-") == {"u-1", "u-2"}
    assert found(store, "v%") == {"v%3"}
    assert found(store, "%") == found(store, "_-1") == found(store, "nobody") == set()
    assert found(store, "") == {"u-1", "u-2", "v%3"}


def test_a_search_uses_its_indexes(store: Store) -> None:
    with store.engine.begin() as conn:
        conn.execute(
            text(
                "INSERT INTO customer (external_id, first_name, last_name, email, phone) SELECT "
                "'u' || g, 'f' || g, 'l' || g, 'e' || g || '@x.org', '+1202' || g "
                "FROM generate_series(1, 20000) g"
            )
        )
        conn.execute(text("ANALYZE customer"))
        where, values = queries._matching("u1234", True)
        plan = conn.execute(text(f"EXPLAIN SELECT 1 FROM customer c WHERE {where}"), values)
        assert "Seq Scan" not in "\n".join(plan.scalars())


def test_pages_of_a_search_hold_everybody_once(store: Store) -> None:
    made = {person(store, f"u{i}") for i in range(7)}
    seen: list[int] = []
    before = None
    with store.engine.begin() as conn:
        while True:
            page = queries.search(conn, "u", before=before, limit=3)
            seen += [c.id for c in page.customers]
            before = page.next
            if before is None:
                break
    assert sorted(seen) == sorted(made)


def shop(store: Store) -> int:
    """One customer: a visit, an order of two lines in it, a refund, and a merged browser."""

    def call(name: str, minutes: int, **properties: Any) -> dict[str, Any]:
        ts = NOW - timedelta(days=1) + timedelta(minutes=minutes)
        return {
            "type": "track",
            "event": name,
            "userId": "u",
            "timestamp": ts.isoformat(),
            "properties": {"session_id": "s1", **properties},
        }

    lines = [{"product_id": "p", "name": "Mug", "price": 10}, {"product_id": "q", "price": 2.5}]
    calls = [
        {
            **call("Product Viewed", -5, product_id="p", note="x"),
            "userId": None,
            "anonymousId": "a",
        },
        {"type": "identify", "userId": "u", "traits": {"firstName": "Ada", "plan": "pro"}},
        call("Order Completed", 1, order_id="o", products=lines),
        call("Order Refunded", 9, order_id="o", revenue=3),
    ]
    with store.engine.begin() as conn:
        track(conn, calls[:3], NOW)
        track(conn, [{"type": "identify", "userId": "u", "anonymousId": "a"}, calls[3]], NOW)
        return queries.get_external(conn, "u").id


def test_a_profile_shows_who_and_what(store: Store) -> None:
    customer = shop(store)
    with store.engine.begin() as conn:
        conn.execute(
            text(
                "INSERT INTO consent_entry (customer_id, channel, status, source) "
                "VALUES (:i, 1, 1, 'form')"
            ),
            {"i": customer},
        )
        shown = profile.read(conn, read_facts(store), customer, NOW)
    assert shown.customer.name == "Ada"
    assert shown.traits == {"plan": "pro"}
    assert [(i.namespace, i.external_id) for i in shown.ids] == [("user", "u"), ("anonymous", "a")]
    assert shown.channels[0].source == "form"
    totals = shown.totals
    assert (totals.sessions, totals.orders) == (1, 1)
    assert (totals.revenue, totals.refunds, totals.net_revenue) == (1250, 300, 950)
    assert totals.first_seen == NOW - timedelta(days=1, minutes=5)
    assert totals.last_order == NOW - timedelta(days=1) + timedelta(minutes=1)


def test_totals_are_as_of_the_moment_asked_for(store: Store) -> None:
    customer = shop(store)
    facts = read_facts(store)
    ordered = NOW - timedelta(days=1) + timedelta(minutes=1)
    assert profile.totals(facts, customer, ordered).orders == 1
    before = profile.totals(facts, customer, ordered - timedelta(seconds=1))
    assert (before.orders, before.revenue, before.last_order) == (0, 0, None)


def test_the_timeline_is_newest_first_and_keeps_order_lines_together(store: Store) -> None:
    customer = shop(store)
    facts = read_facts(store)
    whole = timeline.of_customer(facts, customer)
    assert whole["name"].to_list() == [
        "order_refunded",
        "order_completed",
        "order_completed",
        "product_viewed",
    ]
    assert set(whole["product"].drop_nulls()) == {"Mug", "q"}
    first = timeline.of_customer(facts, customer, limit=2)
    rest = timeline.of_customer(facts, customer, until=first["ts"][-1], limit=2)
    assert (first.height, rest.height) == (3, 1)


def test_an_export_is_json_and_holds_everything(store: Store) -> None:
    customer = shop(store)
    with store.engine.begin() as conn:
        data = json.loads(json.dumps(erasure.export(conn, read_facts(store), customer)))
    assert data["customer"]["first_name"] == "Ada"
    assert {i["external_id"] for i in data["ids"]} == {"u", "a"}
    assert len(data["events"]) == 4
    assert {"note": "x"} in [e.get("properties") for e in data["events"]]


def test_an_erased_customer_is_gone_and_the_revenue_stays(store: Store) -> None:
    customer = shop(store)
    asked: list[list[int]] = []
    with store.engine.begin() as conn:
        ids = erasure.erase(conn, customer, NOW, also=[lambda _, ids: asked.append(ids)])
    assert asked == [ids]
    assert len(ids) == 2
    facts = read_facts(store)
    assert facts.customers.collect().is_empty()
    assert profile.totals(facts, customer, NOW).net_revenue == 950
    with store.engine.begin() as conn:
        with pytest.raises(queries.CustomerNotFound):
            queries.get(conn, customer)
        assert queries.search(conn, "ada").customers == ()
        assert identity.find(conn, "user", "u") is None
        assert (
            conn.execute(
                text("SELECT count(*) FROM event_recent WHERE properties IS NOT NULL")
            ).scalar()
            == 0
        )
        row = conn.execute(text("SELECT * FROM customer WHERE id = :i"), {"i": customer})
        left = {k for k, v in row.mappings().one().items() if v}
    assert left == {"id", "erased_at", "created_at", "changed_xid"}
    with store.engine.begin() as conn:
        assert identity.resolve(conn, user_id="u") not in ids


def test_the_trait_catalogue_knows_types_and_frequent_values(store: Store) -> None:
    person(store, "a", plan="pro", age=3, vip=True, since="2020-01-02", country="de", tags=["x"])
    person(store, "b", plan="pro", age=4.5, country="de", email="a@b.org")
    person(store, "c", plan="free", mixed=1)
    person(store, "d", mixed="one")
    with store.engine.begin() as conn:
        known = {t.name: t for t in trait_catalogue.read(conn)}
    types = {n: known[n].type for n in ("plan", "age", "vip", "since", "tags", "mixed")}
    assert types == {
        "plan": "text",
        "age": "number",
        "vip": "boolean",
        "since": "date",
        "tags": "list",
        "mixed": "text",
    }
    assert known["plan"].samples == ("pro", "free")
    assert known["plan"].filled == 0.75
    assert known["country"].samples == ("DE",)
    assert known["email"].samples == ()


def test_facts_are_the_same_object_until_something_changes(store: Store) -> None:
    customer = shop(store)
    first = read_facts(store)
    assert read_facts(store) is first
    with store.engine.begin() as conn:
        traits.set_traits(conn, customer, {"city": "Oslo"}, NOW)
    second = read_facts(store)
    assert second.version != first.version
    assert second.customers.select("city").collect()["city"].to_list() == ["Oslo"]
    assert first.customers.select("city").collect()["city"].to_list() == [None]
    columns.rebuild(store)
    third = read_facts(store)
    assert third.customers.collect().equals(second.customers.collect())


def test_facts_follow_the_workspaces_zone(store: Store) -> None:
    assert read_facts(store).zone.key == "UTC"
    with store.engine.begin() as conn:
        conn.execute(
            text("INSERT INTO setting (key, value) VALUES ('timezone', '\"Europe/Oslo\"')")
        )
    assert read_facts(store).zone.key == "Europe/Oslo"
