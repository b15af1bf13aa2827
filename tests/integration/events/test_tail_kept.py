"""A process that keeps the recent tail has, at every look, exactly the rows of that snapshot."""

from __future__ import annotations

from datetime import timedelta

import polars as pl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from sqlalchemy import Connection, text

from segmind.db.engine import Store
from segmind.events import ingest, kept_tail, seal, tail
from segmind.events.ingest import NewEvent
from segmind.events.kept_tail import KeptTail
from segmind.events.schema import EVENT_COLUMNS
from tests.conftest import NOW
from tests.trying import examples

#: What the acts of a story do beside a reader: a writer's number, or a customer's.
ACTS = st.one_of(
    st.tuples(st.just("write"), st.integers(0, 2)),
    st.tuples(st.just("commit"), st.integers(0, 2)),
    st.tuples(st.just("roll back"), st.integers(0, 2)),
    st.tuples(st.just("forget"), st.integers(0, 2)),
    st.tuples(st.just("seal"), st.integers(1, 4)),
    st.tuples(st.just("look"), st.integers(0, 1)),
)


def look(store: Store, before: KeptTail) -> KeptTail:
    """What a reader has after another look, which is held against a whole read of the snapshot."""
    with store.engine.connect().execution_options(isolation_level="REPEATABLE READ") as conn:
        found = kept_tail.follow(conn, before)
        whole = tail.read(conn)
        assert whole["seq"].to_list() == sorted(found.seqs.tolist())
        rows = found.rows.with_columns(seq=pl.Series(found.seqs)).sort("seq")
        assert_frame_equal(rows.select(whole.columns), whole)
    return found


def write(conn: Connection, number: int, customer: int = 1) -> None:
    event = NewEvent(
        event_id=f"e{number}",
        name="product_viewed",
        ts=NOW + timedelta(seconds=number),
        customer_id=customer,
        value=number if number % 3 else None,
        properties={"n": number} if number % 2 else None,
    )
    ingest.append(conn, [event], NOW)


def forget(store: Store, customer: int) -> None:
    change = "UPDATE event_recent SET properties = NULL, seq = DEFAULT WHERE customer_id = :id"
    with store.engine.begin() as conn:
        conn.execute(text(change), {"id": customer})


def test_a_slow_transaction_that_brings_a_smaller_seq_is_not_missed(store: Store) -> None:
    slow = store.engine.connect()
    write(slow, 1)
    with store.engine.begin() as conn:
        write(conn, 2)
    first = look(store, KeptTail.nothing())
    slow.commit()
    second = look(store, first)
    slow.close()
    assert (first.seqs.size, second.seqs.size) == (1, 2)
    assert second.seqs[1] < second.seqs[0]
    assert first.fingerprint != second.fingerprint


def test_a_changed_row_that_takes_the_place_of_another_is_noticed(store: Store) -> None:
    """As many rows and the same largest seq as before, and yet other rows."""
    with store.engine.begin() as conn:
        write(conn, 1)
    changing = store.engine.connect()
    changing.execute(text("UPDATE event_recent SET properties = NULL, seq = DEFAULT"))
    with store.engine.begin() as conn:
        write(conn, 3)
    first = look(store, KeptTail.nothing())
    changing.commit()
    changing.close()
    second = look(store, first)
    assert first.seqs.size == second.seqs.size == 2
    assert first.seqs.max() == second.seqs.max()
    assert first.fingerprint != second.fingerprint


def test_sealed_rows_go_and_the_same_object_comes_back_when_nothing_changed(store: Store) -> None:
    with store.engine.begin() as conn:
        for number in range(5):
            write(conn, number)
    first = look(store, KeptTail.nothing())
    assert look(store, first) is first
    assert seal.seal(store, 3).rows == 3
    second = look(store, first)
    assert second.rows["value"].to_list() == [None, 4]
    seal.seal(store)
    assert look(store, second).rows.is_empty()


def test_of_a_long_tail_the_oldest_rows_are_followed(store: Store) -> None:
    with store.engine.begin() as conn:
        for number in range(6):
            write(conn, number)
    with store.engine.connect().execution_options(isolation_level="REPEATABLE READ") as conn:
        oldest = kept_tail.follow(conn, KeptTail.nothing(), 4)
    assert oldest.seqs.tolist() == sorted(oldest.seqs.tolist())
    assert oldest.rows["ts"].to_list() == [NOW + timedelta(seconds=n) for n in range(4)]
    assert oldest.rows.columns == list(EVENT_COLUMNS)


@settings(max_examples=examples(12), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(story=st.lists(ACTS, min_size=8, max_size=30))
def test_whatever_commits_in_whatever_order_each_look_is_its_snapshot(
    store: Store, story: list[tuple[str, int]]
) -> None:
    with store.engine.begin() as conn:
        conn.execute(text("TRUNCATE event_recent, event_seen, event_file, event_file_retired"))
    writers = [store.engine.connect() for _ in range(3)]
    kept = [KeptTail.nothing(), KeptTail.nothing()]
    try:
        for number, (act, which) in enumerate(story):
            match act:
                case "write":
                    write(writers[which], number, customer=which)
                case "commit":
                    writers[which].commit()
                case "roll back":
                    writers[which].rollback()
                case "forget":
                    forget(store, which)
                case "seal":
                    seal.seal(store, which)
                case _:
                    kept[which] = look(store, kept[which])
        for writer in writers:
            writer.commit()
        for before in kept:
            look(store, before)
    finally:
        for writer in writers:
            writer.close()
