"""The ticker: jobs repeat, fail alone, do not wait for each other, and stop in time."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any, cast

import pytest
from sqlalchemy.exc import OperationalError

from scheduler.context import Context
from scheduler.ticker import LONGEST_REST, STOP_SECONDS, Job, Ticker
from segmind.db.engine import Store

STORE = cast(Store, None)  # these jobs need none


def run_until(jobs: list[Job], done: Callable[[], bool], context: Context, **more: Any) -> float:
    """Run the ticker until ``done``; returns the seconds that stopping took."""
    ticker = Ticker(STORE, context, jobs, **more)
    took: list[float] = []

    def watch() -> None:
        deadline = time.monotonic() + 10
        while not done() and time.monotonic() < deadline:
            time.sleep(0.01)
        took.append(time.monotonic())
        ticker.stop()

    threading.Thread(target=watch).start()
    ticker.run()
    return time.monotonic() - took[0]


class Counting:
    """A job that counts its runs, and the most of them at one time."""

    def __init__(self, seconds: float = 0.0, error: Exception | None = None) -> None:
        self.runs = self.now = self.most = 0
        self.seconds, self.error = seconds, error

    def __call__(self, _store: Store, context: Context) -> None:
        self.runs += 1
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            context.stopping.wait(self.seconds)
            if self.error is not None:
                raise self.error
        finally:
            self.now -= 1


def job(name: str, run: Counting, every: float = 0.05) -> Job:
    return Job(name, f"do {name}", every, run)


def test_a_long_job_keeps_no_short_one_waiting_and_never_runs_beside_itself() -> None:
    long, short, context = Counting(seconds=60.0), Counting(), Context()
    stopping = run_until([job("long", long), job("short", short)], lambda: short.runs >= 8, context)
    assert (long.runs, long.most) == (1, 1)
    assert short.most == 1
    assert stopping < STOP_SECONDS


def test_a_job_that_has_had_its_share_of_the_time_lets_ticks_pass() -> None:
    greedy, modest, context = Counting(seconds=0.1), Counting(seconds=0.1), Context()
    shared = Job("modest", "do modest", 0.05, modest, share=0.1)
    run_until([job("greedy", greedy), shared], lambda: greedy.runs >= 6, context)
    assert modest.runs <= 2  # it rests 0.9 s after each run of 0.1 s
    assert shared.rest(0.0) == 0.0
    assert shared.rest(60.0) == LONGEST_REST


def test_a_job_that_raises_is_tried_again_and_harms_no_other(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bad, good, context = Counting(error=KeyError("ada@example.com")), Counting(), Context()
    with caplog.at_level(logging.INFO):
        run_until(
            [job("bad", bad), job("good", good)], lambda: min(bad.runs, good.runs) >= 5, context
        )
    told = [record.getMessage() for record in caplog.records if "bad" in record.getMessage()]
    assert len(told) == 1
    assert "KeyError in test_ticker.py" in told[0]
    assert "ada@example.com" not in caplog.text
    assert context.pulse.report()["bad"]["failing"] == "KeyError"
    assert context.pulse.report()["good"]["failing"] is None


def test_a_job_that_works_again_says_so_once(caplog: pytest.LogCaptureFixture) -> None:
    flaky, context = Counting(error=ValueError()), Context()

    def mended() -> bool:
        if flaky.runs >= 2:
            flaky.error = None
        return flaky.runs >= 6

    with caplog.at_level(logging.INFO):
        run_until([job("flaky", flaky)], mended, context)
    assert [r.getMessage() for r in caplog.records if "works" in r.getMessage()] == ["flaky works."]


def test_a_database_that_is_away_is_called_for_and_waited_for() -> None:
    away = Counting(error=OperationalError("SELECT", {}, Exception("gone")))
    calls: list[int] = []
    run_until(
        [job("asks", away)],
        lambda: away.runs >= 4,
        Context(),
        on_database_down=lambda: calls.append(1),
    )
    assert len(calls) >= 4


def test_lag_is_how_late_the_latest_idle_job_is() -> None:
    context = Context()
    context.pulse.expect("quick", 0.01)
    time.sleep(0.06)
    assert 0.04 < context.pulse.lag() < 1.0
    context.pulse.started("quick")
    assert context.pulse.lag() == 0.0
