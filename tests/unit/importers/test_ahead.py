"""A thread ahead changes nothing but the time: same items, same errors, and it ends."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from segmind.events.importers.ahead import ahead


def test_items_come_in_order_and_from_another_thread() -> None:
    made_in: set[str] = set()

    def items() -> Iterator[int]:
        for number in range(50):
            made_in.add(threading.current_thread().name)
            yield number

    assert list(ahead(items())) == list(range(50))
    assert made_in == {"ahead"}


def test_an_error_comes_after_the_items_before_it() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise LookupError("gone")

    got = ahead(items())
    assert next(got) == 1
    with pytest.raises(LookupError, match="gone"):
        next(got)


def test_who_stops_asking_stops_the_thread_and_closes_what_it_ran() -> None:
    closed = threading.Event()
    made: list[int] = []

    def items() -> Iterator[int]:
        try:
            for number in range(1_000_000):
                made.append(number)
                yield number
        finally:
            closed.set()

    got = ahead(items(), depth=2)
    assert next(got) == 0
    got.close()
    assert closed.is_set()
    assert len(made) < 10
    assert not [t for t in threading.enumerate() if t.name == "ahead"]
