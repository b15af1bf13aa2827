"""Ids resolve to one customer each, whatever order and company they come in."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import polars as pl
import pytest
from sqlalchemy import text

from segmind.customers import identity
from segmind.db.engine import Store
from segmind.errors import InvalidInput


def test_the_same_id_is_the_same_customer(store: Store) -> None:
    with store.engine.begin() as conn:
        first = identity.resolve(conn, user_id="u1")
        assert identity.resolve(conn, user_id="u1") == first
        assert identity.resolve(conn, user_id="u2") != first


def test_user_and_anonymous_ids_are_different_worlds(store: Store) -> None:
    with store.engine.begin() as conn:
        assert identity.resolve(conn, user_id="7") != identity.resolve(conn, anonymous_id="7")


def test_naming_an_anonymous_customer_keeps_his_internal_id(store: Store) -> None:
    with store.engine.begin() as conn:
        anonymous = identity.resolve(conn, anonymous_id="a")
        assert identity.resolve(conn, "u", "a") == anonymous
        row = conn.execute(text("SELECT external_id, is_anonymous FROM customer")).one()
    assert tuple(row) == ("u", False)


def test_an_anonymous_customer_is_merged_into_the_known_one(store: Store) -> None:
    with store.engine.begin() as conn:
        anonymous = identity.resolve(conn, anonymous_id="a")
        known = identity.resolve(conn, user_id="u")
        conn.execute(
            text(
                "UPDATE customer SET city = 'Oslo', email_consent = 0, traits = '{\"x\": 1}' "
                "WHERE id = :i"
            ),
            {"i": anonymous},
        )
        conn.execute(
            text("UPDATE customer SET email_consent = 1, traits = '{\"x\": 2}' WHERE id = :i"),
            {"i": known},
        )
        assert identity.resolve(conn, "u", "a") == known
        assert identity.resolve(conn, anonymous_id="a") == known
        merged = conn.execute(text("SELECT from_id, into_id FROM customer_merge")).all()
        row = conn.execute(
            text("SELECT city, email_consent, traits FROM customer WHERE id = :i"), {"i": known}
        ).one()
    assert [tuple(m) for m in merged] == [(anonymous, known)]
    assert tuple(row) == ("Oslo", 0, {"x": 2})


def test_two_known_customers_on_one_browser_are_never_merged(store: Store) -> None:
    with store.engine.begin() as conn:
        first = identity.resolve(conn, "u1", "a")
        second = identity.resolve(conn, "u2", "a")
        assert first != second
        assert identity.resolve(conn, "u2", "a") == second
        assert identity.resolve(conn, anonymous_id="a") == first
        assert conn.execute(text("SELECT count(*) FROM customer_merge")).scalar() == 0


@pytest.mark.parametrize("bad", ["", "   ", "x" * 256, "a\x00b"])
def test_an_id_that_cannot_be_kept_is_refused(store: Store, bad: str) -> None:
    with store.engine.begin() as conn, pytest.raises(InvalidInput) as refused:
        identity.resolve(conn, user_id=bad)
    assert refused.value.field == "userId"


def test_a_call_without_ids_is_refused(store: Store) -> None:
    with store.engine.begin() as conn, pytest.raises(InvalidInput):
        identity.resolve(conn)


def test_many_ids_resolve_row_by_row_and_only_new_ones_are_made(store: Store) -> None:
    awkward = ["b", "a", None, "b", 'quo"te', "\\N", "com,ma", "line\nbreak", "é", "007"]
    with store.engine.begin() as conn:
        known = identity.resolve(conn, user_id="a")
        found = identity.resolve_many(conn, pl.Series("customer", awkward))
        again = identity.resolve_many(conn, pl.Series("customer", awkward))
        one_by_one = [None if x is None else identity.resolve(conn, user_id=x) for x in awkward]
        customers = conn.execute(text("SELECT count(*) FROM customer")).scalar()
    assert found.dtype == pl.Int64
    assert found.to_list() == again.to_list() == one_by_one
    assert found[1] == known
    assert customers == 8


def test_numeric_ids_are_the_same_as_their_digits(store: Store) -> None:
    with store.engine.begin() as conn:
        found = identity.resolve_many(conn, pl.Series([12, 7, 12, None]))
        assert found[0] == found[2] == identity.resolve(conn, user_id="12")
        assert found[3] is None


def test_everybody_who_asks_at_once_gets_the_same_customer(store: Store) -> None:
    def ask(number: int) -> list[int]:
        with store.engine.begin() as conn:
            if number % 2:
                many = identity.resolve_many(conn, pl.Series([f"u{i}" for i in range(20)]))
                return [int(i) for i in many]
            return [identity.resolve(conn, f"u{i}", f"a{i}") for i in range(20)]

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, range(8)))
    with store.engine.begin() as conn:
        final = [identity.resolve(conn, f"u{i}") for i in range(20)]
        strays = conn.execute(
            text(
                "SELECT count(*) FROM customer c WHERE NOT EXISTS "
                "(SELECT FROM identity i WHERE i.customer_id = c.id)"
            )
        ).scalar()
    assert all(answer == final for answer in answers)
    assert strays == 0
