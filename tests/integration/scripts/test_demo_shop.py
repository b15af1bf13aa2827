"""The demo shop is made whole or not at all, and what it wrote beside the rows is what they say."""

from __future__ import annotations

from datetime import datetime

import polars as pl
import pytest
from sqlalchemy import text

from scripts.demo_shop import make as shop
from scripts.demo_shop.make import NotEmpty, make
from segmind.customers import columns
from segmind.customers.facts import read_facts
from segmind.db.engine import Store
from segmind.events.schema import Kind
from tests.conftest import NOW


def made(store: Store, now: datetime = NOW) -> shop.Made:
    return make(store, events=10_000, seed=7, now=now, history=(3,), say=lambda _: None)


def schema(store: Store) -> list[tuple[str, str]]:
    indexes = "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'"
    keys = "SELECT conrelid::regclass || conname, pg_get_constraintdef(oid) FROM pg_constraint"
    with store.engine.connect() as conn:
        rows = conn.execute(text(f"{indexes} UNION ALL {keys}")).all()
    return sorted((str(name), str(definition)) for name, definition in rows)


def test_the_shop_has_all_indexes_its_customers_as_columns_and_rows_that_agree(
    store: Store,
) -> None:
    before = schema(store)
    its = made(store)
    assert schema(store) == before
    facts = read_facts(store)
    customers = facts.customers.sort("customer_id").collect()
    assert customers.height == its.customers
    assert columns.rebuild(store)
    assert read_facts(store).customers.sort("customer_id").collect().equals(customers)
    events = facts.log.events(columns=["event_hi", "event_lo", "kind"]).collect()
    shops = events.filter(~pl.col("kind").is_in([Kind.SEGMENT_ENTERED, Kind.SEGMENT_LEFT]))
    assert shops.height == shops.unique(["event_hi", "event_lo"]).height == its.events
    assert facts.log.rolled.days
    assert {took.step for took in its.took} >= {"Customers", "Calendar days summed up"}
    assert disagreements(store) == []


def disagreements(store: Store) -> list[str]:
    """What the rows should say of each other and do not."""
    claims = {
        "an identity for each": "SELECT count(*) = (SELECT count(*) FROM customer) FROM identity",
        "the newest entry of the ledger is the customer's consent": """
            SELECT count(*) = 0 FROM customer c JOIN LATERAL (
                SELECT status FROM consent_entry e WHERE e.customer_id = c.id AND e.channel = 1
                ORDER BY id DESC LIMIT 1) last ON true
            WHERE c.email_consent IS DISTINCT FROM last.status""",
        "somebody opted out": "SELECT count(*) > 0 FROM suppression WHERE reason = 'unsubscribed'",
        "whose address is suppressed is marked": """
            SELECT count(*) = 0 FROM message m JOIN suppression s USING (channel, address_hash)
            JOIN customer c ON c.id = m.customer_id WHERE channel = 1 AND NOT c.email_suppressed""",
        "ids go on": """SELECT nextval(pg_get_serial_sequence('message', 'id')) >
            (SELECT max(id) FROM message)""",
    }
    with store.engine.connect() as conn:
        return [name for name, asked in claims.items() if not conn.execute(text(asked)).scalar()]


@pytest.mark.parametrize(
    ("moment", "kept"),
    [
        pytest.param("tell_campaigns", False, marks=pytest.mark.slow),
        pytest.param("compare", False, marks=pytest.mark.slow),
        ("membership", True),
    ],
)
def test_an_interrupted_run_is_cleared_away_and_begun_anew(
    store: Store, monkeypatch: pytest.MonkeyPatch, moment: str, kept: bool
) -> None:
    before = schema(store)

    class Interrupted:
        def __call__(self, *_: object) -> None:
            raise KeyboardInterrupt

        refresh_all = __call__

    with monkeypatch.context() as patched:
        patched.setattr(shop, moment, Interrupted())
        with pytest.raises(KeyboardInterrupt):
            made(store)
    assert schema(store) == before
    with store.engine.connect() as conn:
        left = conn.execute(text("SELECT count(*) FROM customer")).scalar_one()
    assert (left > 0) == kept, "customers are loaded in one go or not at all"
    assert made(store).customers > 0
    assert disagreements(store) == []
    with pytest.raises(NotEmpty):
        made(store)
