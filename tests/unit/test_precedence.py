"""Questions pass first, and hold up nobody for longer than a moment."""

from __future__ import annotations

import threading
import time

from segmind import precedence
from segmind.precedence import Precedence
from segmind.stopping import Running

LONG = 30.0  # nobody waits for so long: what returns earlier was let go


def test_nobody_waits_where_nothing_is_asked() -> None:
    began = time.monotonic()
    Precedence(LONG).make_way()
    assert time.monotonic() - began < LONG / 2


def test_work_waits_for_a_young_question_and_goes_on_at_its_end() -> None:
    order: list[str] = []
    way = Precedence(LONG)

    def work() -> None:
        way.make_way()
        order.append("work")

    with way.question():
        thread = threading.Thread(target=work)
        thread.start()
        thread.join(0.05)
        order.append("question")
    thread.join(LONG)
    assert order == ["question", "work"]


def test_a_long_question_holds_up_work_for_a_moment_only() -> None:
    way = Precedence(0.02)
    with way.question():
        way.make_way()
        began = time.monotonic()
        way.make_way()  # it is not young any more
    assert time.monotonic() - began < LONG


def test_questions_one_after_the_other_hold_up_work_for_one_moment() -> None:
    way = Precedence(0.02)
    done = threading.Event()

    def ask() -> None:
        while not done.is_set():
            with way.question(), way.question():
                done.wait(0.001)

    asking = threading.Thread(target=ask)
    asking.start()
    way.make_way()
    done.set()
    asking.join(LONG)
    assert not asking.is_alive()


def test_what_runs_as_a_question_is_one() -> None:
    may_end = threading.Event()
    running = Running(lambda: may_end.wait(LONG))
    try:
        while not precedence.of_process._young_until:
            time.sleep(0.001)
    finally:
        may_end.set()
    assert running.result(LONG)
    assert not precedence.of_process._young_until
