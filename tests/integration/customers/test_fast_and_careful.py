"""However calls come, as text or as mappings, alone or together: the log holds the same."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from segmind.customers.reading_calls import Batch
from segmind.customers.tracking import CallResult, track, track_together
from segmind.db.engine import Store
from tests.trying import examples

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
Outcome = tuple[str, str | None, str | None]

properties = st.fixed_dictionaries(
    {},
    optional={
        "product_id": st.sampled_from(["p1", "p2", 7, ""]),
        "name": st.sampled_from(["Mug", " Mug ", None]),
        # The last is money within the limits, but too much of it for one row.
        "price": st.sampled_from([19.99, "5", None, "a lot", -1, 1e12]),
        "quantity": st.sampled_from([1, 3, 0, 1_000_000_000]),
        "order_id": st.sampled_from(["o1", "", 5]),
        "session_id": st.sampled_from(["s1", "8a1e7f2c-0000-4000-8000-00000000000a"]),
        "colour": st.sampled_from(["red", None]),
        "revenue": st.sampled_from([5, "x"]),
        "products": st.sampled_from([[{"product_id": "p1", "price": 2}, {"price": 3}], [{}], 1]),
    },
)
calls = st.fixed_dictionaries(
    {
        "type": st.sampled_from(["track", "track", "track", "page", "identify", "alias"]),
        "messageId": st.sampled_from(["m1", "m2", "m3", "8A1E7F2C-0000-4000-8000-000000000001"]),
        "event": st.sampled_from(
            ["Product Viewed", "product_added", "Order Completed", "Waved", "message_sent"]
        ),
        "timestamp": st.sampled_from(
            ["2026-03-02T11:00:00.125Z", "2026-03-02T11:00:00.125Z", "2026-03-02 10:00", "soon"]
        ),
        "properties": properties,
    },
    optional={
        "userId": st.sampled_from(["u1", "u2", 3, " "]),
        "anonymousId": st.sampled_from(["b1", "b2"]),
        "context": st.sampled_from([{"sessionId": "s2"}, {"device": {"token": "t"}}, [], None]),
        "traits": st.sampled_from([{"plan": "gold"}, {"email": "no address"}]),
    },
)


def emptied(store: Store) -> None:
    tables = "identity, customer, customer_merge, device, event_recent, event_seen, product"
    with store.engine.begin() as conn:
        conn.execute(text(f"TRUNCATE {tables}"))


def held(store: Store) -> list[list[tuple[Any, ...]]]:
    """What the log and the customers hold, under the names that the shop gave."""
    events = """
        SELECT e.event_id, e.ts, e.kind, e.session_key, e.order_key, e.quantity, e.value,
               e.currency, e.properties, p.external_id,
               (SELECT min(i.namespace || ':' || i.external_id) FROM identity i
                WHERE i.customer_id = coalesce(m.into_id, e.customer_id))
        FROM event_recent e LEFT JOIN product p ON p.id = e.product_id
        LEFT JOIN customer_merge m ON m.from_id = e.customer_id ORDER BY 1
    """
    customers = """
        SELECT external_id, is_anonymous, traits::text, email FROM customer c
        WHERE id NOT IN (SELECT from_id FROM customer_merge) ORDER BY 1
    """
    with store.engine.connect() as conn:
        return [[tuple(row) for row in conn.execute(text(query))] for query in (events, customers)]


def told(results: Sequence[CallResult]) -> list[Outcome]:
    assert [result.index for result in results] == list(range(len(results)))
    return [(result.status, result.reason, result.field) for result in results]


@settings(
    max_examples=examples(12),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    deadline=None,
)
@given(st.lists(st.lists(calls, max_size=4), min_size=1, max_size=3))
def test_text_and_mappings_alone_and_together_leave_the_same(
    store: Store, batches: list[list[dict[str, Any]]]
) -> None:
    written = [[json.dumps(call).encode() for call in batch] for batch in batches]
    emptied(store)
    careful = []
    for batch in batches:
        with store.engine.begin() as conn:
            careful.append(told(track(conn, batch, NOW)))
    expected = held(store)

    emptied(store)
    quick = []
    for texts in written:
        with store.engine.begin() as conn:
            quick.append(told(track(conn, texts, NOW)))
    assert quick == careful
    assert held(store) == expected

    emptied(store)
    with store.engine.begin() as conn:
        found = track_together(conn, [Batch(texts, {}) for texts in written], NOW)
    together = [told(results) for results in found]
    # Who is whom is settled for all at once; what is taken, and why not, is the same.
    assert together == careful
    assert [row[:10] for row in held(store)[0]] == [row[:10] for row in expected[0]]
