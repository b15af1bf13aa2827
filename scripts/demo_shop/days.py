"""The shop's days on their way into the log."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Iterator
from datetime import date
from typing import Final

import polars as pl

from segmind.events.schema import Kind

_ACTS: Final = [int(Kind.PRODUCT_ADDED), int(Kind.ORDER_COMPLETED)]
#: Days that wait to be written, at most.
_AHEAD: Final = 2


def keeping_acts(
    days: Iterator[tuple[date, pl.DataFrame]], acts: list[pl.DataFrame]
) -> Iterator[tuple[date, pl.DataFrame]]:
    """Pass the days on; keep cart additions and order lines for the story of cart recovery."""
    for day, frame in days:
        acts.append(frame.filter(pl.col("kind").is_in(_ACTS)).select("customer_id", "kind", "ts"))
        yield day, frame


def with_past(
    days: Iterator[tuple[date, pl.DataFrame]], told: pl.DataFrame
) -> Iterator[pl.DataFrame]:
    """The days' events with those that are ``told`` of the same days (in order of time), so that
    a day is one file; then what is told of other days."""
    parts = told.with_columns(pl.col("ts").dt.date().alias("day")).partition_by(
        "day", as_dict=True, include_key=False, maintain_order=True
    )
    for day, frame in days:
        its = parts.pop((day,), None)
        yield frame if its is None else pl.concat([its, frame], how="diagonal")
    yield from parts.values()


def ahead(frames: Iterator[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """The same frames, made in a thread of its own while the ones before are written."""
    made: queue.Queue[pl.DataFrame | BaseException | None] = queue.Queue(_AHEAD)
    over = threading.Event()

    def hand_over(item: pl.DataFrame | BaseException | None) -> None:
        while not over.is_set():
            with contextlib.suppress(queue.Full):
                made.put(item, timeout=0.2)
                return

    def make() -> None:
        try:
            for frame in frames:
                hand_over(frame)
                if over.is_set():
                    return
            hand_over(None)
        except BaseException as error:  # raised where the frames are asked for
            hand_over(error)

    threading.Thread(target=make, name="demo shop days", daemon=True).start()
    try:
        while (item := made.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        over.set()
