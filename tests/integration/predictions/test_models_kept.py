"""The day's model is fitted once, kept, read by every question, and fitted anew by the next day."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from sqlalchemy import text

from segmind.analytics import predicting
from segmind.customers import columns
from segmind.customers.facts import read_facts
from segmind.db.engine import Store
from segmind.events import bulk
from segmind.events.schema import Kind
from segmind.predictions import kept
from segmind.segments import membership, segment
from segmind.segments.explain import explain
from segmind.segments.preview import preview
from segmind.segments.rule import parse
from tests.conftest import Keep, Original

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
DAY = timedelta(days=1)
BUYERS = 150
LIKELY = {"type": "predicted", "what": "predicted_orders", "op": "at_least", "n": 6}


def customers(store: Store, n: int) -> None:
    with store.engine.begin() as conn:
        conn.execute(
            text(
                "INSERT INTO customer (id, external_id, created_at) OVERRIDING SYSTEM VALUE "
                "SELECT n, 'c' || n, CAST(:at AS timestamptz) FROM generate_series(1, :n) n "
                "ON CONFLICT DO NOTHING"
            ),
            {"n": n, "at": NOW - 200 * DAY},
        )


def orders(store: Store, buyers: range, seed: int, currency: str | None = None) -> None:
    """Each buyer orders at a rate of their own over 120 days."""
    chance = np.random.default_rng(seed)
    rows = []
    for customer in buyers:
        at = chance.uniform(0, 40)
        while at < 119:
            rows.append((customer, NOW - (120 - at) * DAY, int(chance.gamma(5, 400)) + 1))
            at += chance.exponential(6 + customer % 30)
    frame = pl.DataFrame(rows, schema=["customer_id", "ts", "value"], orient="row").with_columns(
        kind=pl.lit(int(Kind.ORDER_COMPLETED)),
        currency=pl.lit(currency, dtype=pl.String),
        order_key=pl.int_range(pl.len()) + 1_000_000 * seed,
        event_hi=pl.lit(seed, dtype=pl.Int64),
        event_lo=pl.int_range(pl.len()),
    )
    bulk.append_bulk(store, frame, NOW)


def filled(store: Store) -> None:
    customers(store, BUYERS)
    orders(store, range(1, BUYERS + 1), seed=1)
    columns.rebuild(store)


@pytest.fixture
def original(request: pytest.FixtureRequest, keep: Keep) -> Original:
    """Who asks for the shop gets a copy of it."""
    return keep("buyers", filled) if "shop" in request.fixturenames else Original()


@pytest.fixture
def shop(store: Store) -> Store:
    return store


def test_a_day_has_one_model_and_the_next_day_another(shop: Store) -> None:
    before = read_facts(shop).version
    made = predicting.fit_if_due(shop, NOW)
    assert made is not None
    assert (made.customers, made.day) == (BUYERS, NOW.date())
    assert made.spending is not None
    assert read_facts(shop).version != before
    assert predicting.fit_if_due(shop, NOW + timedelta(hours=3)) is None
    tomorrow = predicting.fit_if_due(shop, NOW + DAY)
    assert tomorrow is not None
    models = read_facts(shop).models
    assert [model.day for model in models.every] == [NOW.date(), (NOW + DAY).date()]
    assert models.every[0] == made
    assert models.at(NOW) == made
    assert models.at(NOW + DAY) == tomorrow
    assert models.at(NOW - 50 * DAY) == made  # the oldest there is


def test_a_large_import_of_the_same_day_is_learnt_from(shop: Store) -> None:
    predicting.fit_if_due(shop, NOW)
    customers(shop, BUYERS + 40)
    orders(shop, range(BUYERS + 1, BUYERS + 41), seed=2)
    again = predicting.fit_if_due(shop, NOW + timedelta(minutes=5))
    assert again is not None
    assert again.customers == BUYERS + 40
    assert len(read_facts(shop).models.every) == 1


def test_a_clock_that_was_set_back_forgets_the_models_of_the_future(shop: Store) -> None:
    predicting.fit_if_due(shop, NOW + 5 * DAY)
    predicting.fit_if_due(shop, NOW)
    assert [model.day for model in read_facts(shop).models.every] == [NOW.date()]


def test_too_few_who_came_back_and_several_currencies_are_said(store: Store) -> None:
    assert predicting.fit_if_due(store, NOW) is None
    assert "there are 0" in predicting.reason(read_facts(store), NOW)
    customers(store, BUYERS)
    orders(store, range(1, BUYERS + 1), seed=1, currency="EUR")
    made = predicting.fit_if_due(store, NOW)
    assert made is not None
    assert made.spending is None  # the workspace counts in dollars
    found = predicting.outlook(read_facts(store), NOW)
    assert found is not None
    assert found.value is None
    assert found.orders > 0


def test_a_segment_by_prediction_is_refreshed_and_explained(shop: Store) -> None:
    with shop.engine.begin() as conn:
        made = segment.create(conn, "Likely", LIKELY, now=NOW)
    membership.refresh_all(shop, NOW)
    assert membership.members(shop, made.id).is_empty()
    predicting.fit_if_due(shop, NOW)
    membership.refresh_all(shop, NOW)  # the same moment: the model makes other facts of it
    members = membership.members(shop, made.id)
    assert 0 < members.len() < BUYERS
    facts = read_facts(shop)
    model = facts.models.at(NOW)
    assert model is not None
    for customer in (int(members[0]), *({1, 2, 29} - set(members))):
        why = explain(parse(LIKELY), facts, customer, NOW)
        assert why.met == (customer in members)
        assert "ordered on" in why.detail
    past = membership.members(shop, made.id, NOW - 60 * DAY)
    assert 0 < past.len() <= BUYERS


def test_models_of_long_ago_go(shop: Store) -> None:
    predicting.fit_if_due(shop, NOW)
    with shop.engine.begin() as conn:
        conn.execute(text("UPDATE prediction_model SET day = day - 500"))
    predicting.fit_if_due(shop, NOW)
    with shop.engine.connect() as conn:
        days = [model.day for model in kept.read(conn).every]
    assert days == [NOW.date()]


def test_a_rule_that_asks_for_what_is_not_predicted_says_so(shop: Store) -> None:
    value = {"type": "predicted", "what": "predicted_value", "op": "at_least", "n": 1}
    found = preview(parse(value), read_facts(shop), NOW)
    assert (found.count, found.notice[:27]) == (0, "Nothing is predicted yet, s")
    predicting.fit_if_due(shop, NOW)
    found = preview(parse(value), read_facts(shop), NOW)
    assert (found.count > 0, found.notice) == (True, "")
