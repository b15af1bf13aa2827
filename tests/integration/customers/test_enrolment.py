"""Customers made in bulk: one for each id whoever else makes them, numbered without gaps."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import polars as pl
from sqlalchemy import text

from segmind.customers import identity
from segmind.customers.enrolment import Enrolment
from segmind.customers.imports import Resolver
from segmind.db.engine import Store


def wait_until(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < until, "it never came to that"
        time.sleep(0.02)


def is_waiting(store: Store) -> bool:
    """Whether a statement of somebody waits for another transaction."""
    with store.engine.connect() as conn:
        query = "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'"
        return bool(conn.execute(text(query)).scalar())


def numbers(store: Store) -> list[int]:
    with store.engine.connect() as conn:
        strays = conn.execute(
            text(
                "SELECT count(*) FROM customer c FULL JOIN identity i ON i.customer_id = c.id "
                "WHERE c.id IS NULL OR i.customer_id IS NULL"
            )
        ).scalar()
        assert strays == 0
        return list(conn.execute(text("SELECT id FROM customer ORDER BY id")).scalars())


def test_numbers_have_no_gaps_however_often_ids_are_asked_for(store: Store) -> None:
    resolve = Resolver(store)
    for start in (0, 50, 25, 90):
        resolve(pl.Series([str(i) for i in range(start, start + 60)]), "user", None)
        resolve(pl.Series([str(i) for i in range(start, start + 60)]), "anonymous", None)
    assert numbers(store) == list(range(1, 301))


def test_a_customer_made_by_the_live_door_meanwhile_is_taken_over(store: Store) -> None:
    enrolment = Enrolment()
    ids = pl.Series(["a", "b", "c"])
    with ThreadPoolExecutor(1) as pool:
        with store.engine.begin() as live:
            theirs = identity.resolve(live, "b")
            bulk: Future[pl.Series] = pool.submit(
                enrolment.run, store.engine, lambda c: enrolment.resolve(c, ids, "user")
            )
            wait_until(lambda: is_waiting(store))
        found = bulk.result(20).to_list()
    assert found[1] == theirs
    with store.engine.begin() as conn:
        assert [identity.resolve(conn, i) for i in ids] == found
    # The number that b did not need goes to the next one.
    enrolment.run(store.engine, lambda c: enrolment.resolve(c, pl.Series(["d"]), "user"))
    assert numbers(store) == [1, 2, 3, 4]


def test_two_writers_that_wait_for_each_other_both_come_through(store: Store) -> None:
    resolve = Resolver(store)
    with ThreadPoolExecutor(1) as pool:
        with store.engine.begin() as live:
            live.execute(text("SET LOCAL deadlock_timeout = '60s'"))  # so that the bulk is undone
            last = identity.resolve(live, "z")
            bulk = pool.submit(resolve, pl.Series(["a", "z"]), "user", None)
            wait_until(lambda: is_waiting(store))
            first = identity.resolve(live, "a")
        assert bulk.result(20).to_list() == [first, last]
    resolve(pl.Series(["m", "n"]), "user", None)
    assert numbers(store) == [1, 2, 3, 4]


def test_nobody_is_made_twice_when_everybody_makes_them_at_once(store: Store) -> None:
    everybody = [f"u{i:03}" for i in range(300)]
    start = threading.Barrier(4)

    def in_bulk(shift: int) -> list[int]:
        resolve, start_at = Resolver(store), shift * 40
        start.wait()
        turned = everybody[start_at:] + everybody[:start_at]
        found = {}
        for at in range(0, 300, 60):
            block = pl.Series(turned[at : at + 60])
            found |= dict(zip(block, resolve(block, "user", None), strict=True))
        return [found[i] for i in everybody]

    def live() -> list[int]:
        start.wait()
        found = []
        for external_id in everybody:
            with store.engine.begin() as conn:
                found.append(identity.resolve(conn, external_id))
        return found

    with ThreadPoolExecutor(4) as pool:
        answers = [pool.submit(in_bulk, n) for n in range(3)] + [pool.submit(live)]
        first, *others = [answer.result(60) for answer in answers]
    assert all(other == first for other in others)
    assert len(numbers(store)) == 300
