"""Several dispatchers at once: each message leaves by one of them."""

from __future__ import annotations

import threading

from sending_bench import NOON, Bench

from segmind.messages import sources
from segmind.messages.carriers import open_registry
from segmind.messages.dispatch import Dispatcher
from segmind.messages.lifecycle import State
from segmind.workspace.product_settings import ProductSettings

OPEN = ProductSettings(quiet_hours={})


def together(bench: Bench, count: int) -> None:
    registry = open_registry(bench.store)
    failures: list[BaseException] = []

    def work(seed: int) -> None:
        try:
            Dispatcher(
                bench.store, registry, OPEN, now=lambda: NOON, claim_size=25, seed=seed
            ).run_until_idle()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_four_at_once_send_each_message_once(bench: Bench) -> None:
    people, version = bench.customers(400), bench.version()
    for source_id in (1, 2):
        bench.broadcast(people, version, source_id=source_id)
    together(bench, 4)
    assert bench.rows("SELECT count(*), max(times) FROM sandbox_parcel") == [(800, 1)]
    assert bench.states(1) == bench.states(2) == {State.ACCEPTED: 400}
    assert bench.rows("SELECT DISTINCT cardinality(days) FROM contact_book") == [(2,)]


def test_a_rate_holds_for_all_of_them_together(bench: Bench) -> None:
    bench.broadcast(bench.customers(40), bench.version())
    with bench.store.engine.begin() as conn:
        sources.set_rate(conn, 1, 1, 20)
    before = bench.value("SELECT clock_timestamp()")
    together(bench, 3)
    took = bench.value("SELECT clock_timestamp() - :t", t=before)
    # One second's worth is in the bucket at once, the rest has to flow in.
    assert took.total_seconds() >= 0.9  # type: ignore[union-attr, attr-defined]
    assert bench.states() == {State.ACCEPTED: 40}
