"""Token buckets: exact between processes, in a hierarchy, and taught by "too many"."""

from __future__ import annotations

import threading
import time

from sending_bench import Bench

from segmind.messages import rates
from segmind.messages.rates import Limit


def reserve(bench: Bench, limits: list[Limit], want: int) -> int:
    with bench.store.engine.begin() as conn:
        return rates.reserve(conn, limits, want)


def test_many_at_once_never_get_more_than_the_bucket_earns(bench: Bench) -> None:
    limits = [Limit("provider:x", 200.0)]
    began = time.monotonic()
    got: list[int] = []

    def take() -> None:
        got.extend(reserve(bench, limits, 40) for _ in range(10))

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    passed = time.monotonic() - began
    assert sum(got) >= 200
    assert sum(got) <= 200 + 200 * passed + 1


def test_the_tightest_bucket_decides_and_the_others_keep_their_tokens(bench: Bench) -> None:
    wide, tight = Limit("provider:x", 100.0), Limit("source:1:7", 5.0)
    assert reserve(bench, [wide, tight], 50) == 5
    assert reserve(bench, [wide, tight], 50) == 0
    assert reserve(bench, [wide], 100) >= 95


def test_what_is_given_back_can_be_had_again(bench: Bench) -> None:
    limits = [Limit("provider:x", 10.0)]
    assert reserve(bench, limits, 10) == 10
    with bench.store.engine.begin() as conn:
        rates.give_back(conn, limits, 7)
    assert reserve(bench, limits, 10) >= 7


def test_too_many_halves_the_pace_and_it_grows_again(bench: Bench) -> None:
    with bench.store.engine.begin() as conn:
        assert rates.teach(conn, "provider:x", pace=100.0)
        assert not rates.teach(conn, "provider:x", pace=100.0)  # one decrease for all under way
    with bench.store.engine.connect() as conn:
        assert rates.taught(conn) == {"provider:x"}
    learned = "SELECT learned FROM send_bucket WHERE name = 'provider:x'"
    assert bench.value(learned) == 50.0
    bench.run("UPDATE send_bucket SET learned_at = now() - interval '60 seconds', filled_at = now()"
              " - interval '60 seconds'")  # fmt: skip
    # 50 a second, 5 % more every ten seconds: 67 after a minute, and one second's worth is kept.
    assert reserve(bench, [Limit("provider:x", None)], 1_000) == 67
    bench.run("UPDATE send_bucket SET learned_at = now() - interval '1 hour'")
    with bench.store.engine.connect() as conn:
        assert rates.taught(conn) == frozenset()
    assert reserve(bench, [Limit("provider:x", None)], 1_000) == 1_000
