"""What a process remembers of ids and products is what a query of the same moment would find."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from segmind.customers import erasure, identity, known_ids
from segmind.customers.resolving import Pair, customers_of
from segmind.customers.tracking import track
from segmind.db.engine import Store, make_engine
from segmind.events import known_products, products
from segmind.events.products import Product
from tests.trying import examples

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


def find(store: Store, user: str) -> int | None:
    with store.engine.begin() as conn:
        return known_ids.find(conn, [user], [])[0].get(user)


def resolve(store: Store, *pairs: Pair) -> list[int]:
    with store.engine.begin() as conn:
        found = customers_of(conn, set(pairs))
    return [found[pair] for pair in pairs]


def queries(store: Store, act: Callable[[], object]) -> int:
    """How often ``act`` asked for ids."""
    asked: list[str] = []
    read = known_ids._read

    def counted(conn: Any, users: list[str], anonymous: list[str]) -> Any:
        asked.extend([*users, *anonymous])
        return read(conn, users, anonymous)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(known_ids, "_read", counted)
        act()
    return len(asked)


def test_an_id_is_asked_for_once(store: Store) -> None:
    (ada,) = resolve(store, ("ada", None))
    assert find(store, "ada") == ada
    assert queries(store, lambda: find(store, "ada")) == 0
    assert queries(store, lambda: find(store, "bob")) == 1


def test_an_erased_customers_id_is_forgotten_by_every_process(
    store: Store, database_url: str
) -> None:
    (ada,) = resolve(store, ("ada", None))
    assert find(store, "ada") == ada
    other = make_engine(database_url)  # another process has an engine of its own
    with other.begin() as conn:
        erasure.erase(conn, ada, NOW)
    other.dispose()
    assert find(store, "ada") is None
    (again,) = resolve(store, ("ada", None))
    assert again != ada
    assert find(store, "ada") == again


def test_an_erasure_that_is_rolled_back_forgets_nobody_for_good(store: Store) -> None:
    (ada,) = resolve(store, ("ada", None))
    with store.engine.connect() as conn:
        erasure.erase(conn, ada, NOW)
        assert known_ids.find(conn, ["ada"], [])[0] == {}
        conn.rollback()
    assert find(store, "ada") == ada


def test_a_customer_of_a_transaction_that_is_rolled_back_is_not_remembered(store: Store) -> None:
    with store.engine.connect() as conn:
        made = customers_of(conn, {("ada", None)})
        assert known_ids.find(conn, ["ada"], [])[0] == {"ada": made["ada", None]}
        conn.rollback()
    assert find(store, "ada") is None


def test_a_remembered_browser_follows_a_merge(store: Store) -> None:
    browser, known = resolve(store, (None, "b1"), ("ada", None))
    assert resolve(store, (None, "b1")) == [browser]
    with store.engine.begin() as conn:
        identity.resolve(conn, "ada", "b1")
    assert resolve(store, (None, "b1"), ("ada", "b1")) == [known, known]


def test_many_new_customers_have_dense_numbers(store: Store) -> None:
    first = resolve(store, *[(f"u{i}", None) for i in range(50)])
    resolve(store, *[(f"u{i}", None) for i in range(60)], *[(None, f"b{i}") for i in range(40)])
    with store.engine.begin() as conn:
        ids = conn.execute(text("SELECT id FROM customer ORDER BY id")).scalars().all()
    assert len(first) == 50
    assert list(ids) == list(range(ids[0], ids[0] + 100))


PAIRS = st.tuples(
    st.one_of(st.none(), st.sampled_from(["u1", "u2", "u3"])),
    st.one_of(st.none(), st.sampled_from(["b1", "b2", "b3"])),
).filter(lambda pair: pair != (None, None))


def partition(store: Store, batches: list[set[Pair]], *, singly: bool) -> list[Any]:
    """Who is whom after these batches: for each customer his ids, and whether he is known."""
    with store.engine.begin() as conn:
        conn.execute(text("TRUNCATE identity, customer, customer_merge, device"))
    for batch in batches:
        with store.engine.begin() as conn:
            if singly:
                for user, browser in sorted(batch, key=lambda p: (p[0] or "", p[1] or "")):
                    identity.resolve(conn, user, browser)
            else:
                found = customers_of(conn, batch)
                assert found.keys() == batch
    query = """
        SELECT array_agg(i.namespace || ':' || i.external_id ORDER BY 1), c.external_id,
               c.is_anonymous
        FROM identity i JOIN customer c ON c.id = i.customer_id GROUP BY c.id ORDER BY 1
    """
    with store.engine.connect() as conn:
        rows = conn.execute(text(query)).all()
    return sorted((sorted(ids), name, flag) for ids, name, flag in rows)


@settings(max_examples=examples(15), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sets(PAIRS, min_size=1, max_size=6), min_size=1, max_size=3))
def test_a_batch_makes_the_same_people_as_one_call_after_the_other(
    store: Store, batches: list[set[Pair]]
) -> None:
    one_by_one = partition(store, batches, singly=True)
    assert partition(store, batches, singly=False) == one_by_one


def test_a_product_changed_elsewhere_is_known_at_once(store: Store, database_url: str) -> None:
    with store.engine.begin() as conn:
        products.ids_of(conn, [Product("p", name="Mug", price=100)])
    with store.engine.begin() as conn:
        assert known_products.find(conn, ["p"])["p"].price == 100
    other = make_engine(database_url)
    with other.begin() as conn:
        products.ids_of(conn, [Product("p", price=200)])
    other.dispose()
    with store.engine.begin() as conn:
        # It says what we remember, but no longer what is stored: the last one wins.
        products.ids_of(conn, [Product("p", price=100)])
    with store.engine.begin() as conn:
        assert known_products.find(conn, ["p"])["p"] == (1, "Mug", None, None, 100)


def test_a_product_of_a_transaction_that_is_rolled_back_is_not_remembered(store: Store) -> None:
    with store.engine.connect() as conn:
        products.ids_of(conn, [Product("p", name="Mug")])
        known_products.find(conn, ["p"])
        conn.rollback()
    with store.engine.begin() as conn:
        assert known_products.find(conn, ["p"]) == {}


def test_the_same_traits_again_touch_nobody(store: Store) -> None:
    call = {"type": "identify", "userId": "u", "traits": {"plan": "gold", "email": "A@x.org"}}

    def touched() -> Any:
        with store.engine.begin() as conn:
            track(conn, [call], NOW)
            return conn.execute(text("SELECT changed_xid::text FROM customer")).scalar_one()

    assert touched() == touched()
    call["traits"] = {"plan": "silver"}
    before = touched()
    call["traits"] = {"plan": "gold"}
    assert touched() != before
