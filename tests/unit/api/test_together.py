"""What arrives together is done together; nobody pays for another's fault, nobody is forgotten."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from segmind.api.together import Together


class Work:
    """Doubles numbers; negative ones fail. The first group waits until it is told to go on."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.may_go_on = threading.Event()
        self.has_begun = threading.Event()

    def __call__(self, items: Sequence[int]) -> list[int]:
        self.groups.append(list(items))
        self.has_begun.set()
        assert self.may_go_on.wait(10)
        if any(item < 0 for item in items):
            raise ValueError(f"{min(items)} is negative")
        return [item * 2 for item in items]


def four_beside_one(work: Work, together: Together[int, int]) -> None:
    """One is at work when four more come; all get their answers, the four those of one group."""
    with ThreadPoolExecutor(6) as pool:
        first = pool.submit(together.run, 1)
        assert work.has_begun.wait(10)
        others = [pool.submit(together.run, n) for n in range(2, 6)]
        deadline = time.monotonic() + 10
        while len(together._waiting) < len(others):
            assert time.monotonic() < deadline
            time.sleep(0.001)
        work.may_go_on.set()
        assert [first.result(10), *(o.result(10) for o in others)] == [2, 4, 6, 8, 10]
    assert work.groups[0] == [1] and sorted(work.groups[1]) == [2, 3, 4, 5]


def test_who_comes_meanwhile_is_done_in_one_group() -> None:
    work = Work()
    four_beside_one(work, Together(work, lambda _: 1, most=100))


def test_a_fault_is_told_to_whose_it_is_alone() -> None:
    work = Work()
    together = Together(work, lambda _: 1, most=100)
    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(together.run, 1)
        assert work.has_begun.wait(10)
        good, bad = pool.submit(together.run, 2), pool.submit(together.run, -3)
        while len(together._waiting) < 2:
            pass
        work.may_go_on.set()
        assert (first.result(10), good.result(10)) == (2, 4)
        with pytest.raises(ValueError, match="-3 is negative"):
            bad.result(10)


def test_groups_are_no_larger_than_allowed_and_nobody_is_forgotten() -> None:
    work = Work()
    work.may_go_on.set()
    together = Together(work, lambda item: item, most=10)
    items = [7, 3, 12, 1, 9, 4, 6] * 20
    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(together.run, items)) == [item * 2 for item in items]
    assert sorted(item for group in work.groups for item in group) == sorted(items)
    assert all(len(group) == 1 or sum(group) <= 10 for group in work.groups)


def test_who_comes_while_a_group_makes_way_belongs_to_it() -> None:
    work = Work()
    work.may_go_on.set()
    asks, may_begin = threading.Event(), threading.Event()

    def make_way() -> None:
        asks.set()
        assert may_begin.wait(10)

    together = Together(work, lambda _: 1, most=100, make_way=make_way)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(together.run, 1)
        assert asks.wait(10)
        second = pool.submit(together.run, 2)
        while len(together._waiting) < 2:
            time.sleep(0.001)
        may_begin.set()
        assert (first.result(10), second.result(10)) == (2, 4)
    assert work.groups == [[1, 2]]
