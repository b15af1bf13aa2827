"""Audiences from rules on a real store, and one customer checked the same way."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from sqlalchemy import Connection, text

from segmind.audiences.audience import build
from segmind.audiences.check import check
from segmind.audiences.waterfall import Reason
from segmind.consent.purpose import Purpose
from segmind.customers.facts import read_facts
from segmind.db.engine import Store
from segmind.experiments.holdouts import in_holdout
from segmind.segments.rule import parse
from segmind.workspace.product_settings import ProductSettings

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
SETTINGS = ProductSettings()
EVERYBODY = parse({"type": "all", "conditions": []})


def country(code: str):
    return parse({"type": "trait", "field": "country", "op": "is", "value": code})


@pytest.fixture
def people(store: Store) -> list[int]:
    """400 customers: half in DE, half in FR; some without consent, suppressed or sharing."""
    with store.engine.begin() as conn:
        rows = conn.execute(
            text("""
                INSERT INTO customer (country, email, email_consent, email_suppressed)
                SELECT CASE WHEN g % 2 = 0 THEN 'DE' ELSE 'FR' END,
                       CASE WHEN g % 10 = 3 THEN NULL WHEN g % 10 = 5 THEN 'same@shop.example'
                            ELSE 'c' || g || '@shop.example' END,
                       CASE WHEN g % 7 = 0 THEN 0 ELSE 1 END, g % 11 = 0
                FROM generate_series(1, 400) g RETURNING id
            """)
        )
        return list(rows.scalars())


def contacted(conn: Connection, customer: int, times: int) -> None:
    conn.execute(
        text("INSERT INTO contact_book (customer_id, channel, days) VALUES (:c, 1, :d)"),
        {"c": customer, "d": [date(2026, 3, 2)] * times},
    )


def test_segments_are_joined_and_excluded_ones_taken_out(store: Store, people: list[int]) -> None:
    facts = read_facts(store)
    with store.engine.connect() as conn:
        audience = build(
            facts,
            conn,
            [country("DE"), country("FR")],
            exclude=[country("DE")],
            channel="email",
            settings=SETTINGS,
            as_of=NOW,
        )
    assert audience.waterfall.segment == 400
    assert audience.waterfall.removed(Reason.EXCLUDED_SEGMENT) == 200
    assert audience.waterfall.recipients == audience.recipients.height > 0


def test_caps_count_for_marketing_only(store: Store, people: list[int]) -> None:
    with store.engine.begin() as conn:
        contacted(conn, people[0], 2)
        contacted(conn, people[1], 1)
        facts = read_facts(store)
        ask = {"channel": "email", "settings": SETTINGS, "as_of": NOW, "holdout_percent": 50.0}
        marketing = build(facts, conn, [EVERYBODY], salt="a", **ask)
        service = build(facts, conn, [EVERYBODY], salt="a", purpose=Purpose.TRANSACTIONAL, **ask)
    capped = marketing.exclusions.filter(reason=Reason.FREQUENCY_CAP.value)
    assert capped["customer_id"].to_list() == [people[0]]
    assert service.waterfall.removed(Reason.FREQUENCY_CAP) == 0
    assert service.holdout.is_empty()
    assert not marketing.holdout.is_empty()
    assert all(in_holdout(n, "a", 50.0) for n in marketing.holdout)
    assert not any(in_holdout(n, "a", 50.0) for n in marketing.recipients["customer_id"])


def test_checking_one_customer_gives_the_verdict_of_the_audience(
    store: Store, people: list[int]
) -> None:
    facts = read_facts(store)
    ask = {
        "channel": "email",
        "settings": SETTINGS,
        "as_of": NOW,
        "holdout_percent": 20.0,
        "salt": "spring",
        "exclude": [parse({"type": "bucket", "to_percent": 10})],
    }
    with store.engine.begin() as conn:
        contacted(conn, people[8], 2)
        audience = build(facts, conn, [country("FR")], **ask)
        verdicts = {row[0]: row[1:] for row in audience.resolved.iter_rows()}
        seen = set()
        for customer in people[:80]:
            one = check(facts, conn, customer, [country("FR")], **ask)
            assert one.is_member == (customer in verdicts)
            if one.is_member:
                assert (one.address, one.reason) == verdicts[customer]
                assert one.receives == (one.reason is None)
                seen.add(one.reason)
    assert {None, Reason.NO_ADDRESS, Reason.DUPLICATE_ADDRESS, Reason.NO_CONSENT} <= seen


def test_an_audience_of_no_segment_is_empty(store: Store, people: list[int]) -> None:
    with store.engine.connect() as conn:
        audience = build(read_facts(store), conn, [], channel="sms", settings=SETTINGS, as_of=NOW)
    assert audience.waterfall.segment == audience.waterfall.recipients == 0
    assert audience.recipients.is_empty()
