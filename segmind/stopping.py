"""Stopping a question that is being answered: nobody waits for it any more, or its time is up.

Work that runs under a ``Stop`` looks at it at every file and every batch of rows that it reads.
Polars' own ``InProcessQuery.cancel`` is of no use here: measured with 2.1, it returns at once while
the query keeps both cores busy to its end.
"""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Final, Generic, TypeVar

import polars as pl

from segmind import precedence
from segmind.errors import SegmindError

T = TypeVar("T")


class Stopped(SegmindError):
    """The question was stopped before it was answered."""

    code = "stopped"


class OutOfTime(Stopped):
    """The question took longer than it was allowed to."""

    code = "out_of_time"
    hint = "Allow more time, or ask about fewer events."


class Stop:
    """Tells work to stop: when asked to, or ``seconds`` after it began (None: no limit)."""

    def __init__(self, seconds: float | None = None) -> None:
        self._asked = threading.Event()
        self._deadline = None if seconds is None else time.monotonic() + seconds

    def now(self) -> None:
        """Stop as soon as possible; from any thread, any number of times."""
        self._asked.set()

    def check(self) -> None:
        """Return if the work may go on.

        Raises:
            Stopped: it was told to stop.
            OutOfTime: its time is up.
        """
        if self._asked.is_set():
            raise Stopped()
        if self._deadline is not None and time.monotonic() > self._deadline:
            raise OutOfTime()


_current: Final[contextvars.ContextVar[Stop | None]] = contextvars.ContextVar("stop", default=None)


@contextmanager
def under(stop: Stop) -> Iterator[None]:
    """Work in the block, and in frames that are made in it, obeys ``stop``."""
    before = _current.set(stop)
    try:
        yield
    finally:
        _current.reset(before)


def is_watched() -> bool:
    """Whether the present work can be told to stop."""
    return _current.get() is not None


def check() -> None:
    """Raise Stopped if the present work was told to stop; does nothing where none can be."""
    stop = _current.get()
    if stop is not None:
        stop.check()


def watched(frame: pl.LazyFrame) -> pl.LazyFrame:
    """The same rows; reading them ends with Stopped once the present work is told to stop.

    Columns and filters asked for later are still pushed down into ``frame``.
    """
    stop = _current.get()
    if stop is None:
        return frame
    stop.check()

    def passed(batch: pl.DataFrame) -> pl.DataFrame:
        stop.check()
        return batch

    return frame.map_batches(
        passed,
        predicate_pushdown=True,
        projection_pushdown=True,
        slice_pushdown=True,
        streamable=True,
        validate_output_schema=False,
    )


class Running(Generic[T]):
    """Work in a thread of its own, which can be stopped. ``future`` gets what it gives.

    Somebody waits for it: what takes in events makes way while it is young.
    """

    def __init__(self, work: Callable[[], T], seconds: float | None = None) -> None:
        self.stop = Stop(seconds)
        self.began = time.monotonic()
        self.future: Future[T] = Future()
        context = contextvars.copy_context()
        thread = threading.Thread(
            target=context.run, args=(self._run, work), name="question", daemon=True
        )
        thread.start()

    def _run(self, work: Callable[[], T]) -> None:
        try:
            with under(self.stop), precedence.of_process.question():
                result = work()
                self.stop.check()
        except BaseException as error:
            self.future.set_exception(error)
        else:
            self.future.set_result(result)

    @property
    def is_done(self) -> bool:
        """Whether ``result`` answers at once."""
        return self.future.done()

    @property
    def seconds(self) -> float:
        """How long ago it began."""
        return time.monotonic() - self.began

    def result(self, timeout: float | None = None) -> T:
        """What the work gave; raises what it raised, Stopped among it, or TimeoutError."""
        return self.future.result(timeout)
