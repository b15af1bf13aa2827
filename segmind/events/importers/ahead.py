"""Making the next while the last is used: an iterator that runs in a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from queue import Full, Queue
from typing import Final, Generic, TypeVar

T = TypeVar("T")

_LOOK_UP_SECONDS: Final = 0.1


@dataclass(frozen=True, slots=True)
class _Made(Generic[T]):
    item: T


@dataclass(frozen=True, slots=True)
class _Over:
    """The last word of the thread: no more items, or the error that ended them."""

    error: BaseException | None


def ahead(items: Iterator[T], depth: int = 1) -> Generator[T]:
    """The same items in the same order, at most ``depth`` of them made before they are asked for.

    An error in ``items`` is raised here, at its place. Closing waits until the thread has stopped
    and closes ``items`` if it is a generator.
    """
    made: Queue[_Made[T] | _Over] = Queue(maxsize=depth)
    unwanted = threading.Event()

    def hand_over(word: _Made[T] | _Over) -> bool:
        while not unwanted.is_set():
            try:
                made.put(word, timeout=_LOOK_UP_SECONDS)
            except Full:
                continue
            return True
        return False

    def work() -> None:
        error: BaseException | None = None
        try:
            for item in items:
                if not hand_over(_Made(item)):
                    break
        except BaseException as raised:
            error = raised
        if isinstance(items, Generator):
            items.close()
        hand_over(_Over(error))

    thread = threading.Thread(target=work, name="ahead", daemon=True)
    thread.start()
    try:
        while isinstance(word := made.get(), _Made):
            yield word.item
        if word.error is not None:
            raise word.error
    finally:
        unwanted.set()
        thread.join()
