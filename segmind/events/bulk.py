"""The wide door of the log: millions of rows at once, straight into sealed files.

For importers and for the synthetic shop. Memory is bounded by the largest batch and the ids of the
days near it, so batches should come roughly in order of time.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

import polars as pl
from sqlalchemy import Connection

from segmind.db.engine import Store
from segmind.db.locks import lock
from segmind.errors import Conflict, InvalidInput
from segmind.events import catalogue, double_ids, tail
from segmind.events.catalogue import NewEntry
from segmind.events.daily_files import by_day, write_events
from segmind.events.files import fault_of
from segmind.events.rows import scan_files
from segmind.events.schema import EVENT_COLUMNS
from segmind.events.swap import BULK_LOCK


class LogDamaged(Conflict):
    """The event file {path} is {fault}: nothing can be compared with it."""

    code = "log_damaged"
    hint = "Bring the file back (the Data page lists what is missing), then import again."


_ID: Final = ["event_hi", "event_lo"]
#: Ids kept in memory between batches; 16 bytes each.
MOST_IDS: Final = 12_000_000


@dataclass(frozen=True, slots=True)
class Bulk:
    """How many rows were new, and how many were there already (or twice in the input)."""

    accepted: int
    repeated: int


def append_bulk(
    store: Store, batches: pl.DataFrame | Iterable[pl.DataFrame], received_at: datetime
) -> Bulk:
    """Append every row whose event id its UTC day does not hold yet; all of them or, on an error
    or a crash, none.

    ``batches`` have EVENT_COLUMNS: ids, ts, customer_id and kind are needed, other columns may be
    missing; ``received_at`` fills what has none. Appending the same rows again changes nothing.
    Waits while another bulk append runs. Ids that come in here are not remembered for the live
    door: ``ingest.append`` tells repeats of its own events only.
    """
    frames = [batches] if isinstance(batches, pl.DataFrame) else batches
    with store.engine.begin() as conn:
        lock(conn, BULK_LOCK)
        log = _Written(conn, store)
        given = sum(log.append(_completed(frame, received_at)) for frame in frames)
        catalogue.insert_all(conn, log.files)
    accepted = sum(f.written.rows for f in log.files)
    return Bulk(accepted=accepted, repeated=given - accepted)


class _Written:
    """The files of one bulk append, and the ids that each day holds beside them."""

    def __init__(self, conn: Connection, store: Store) -> None:
        self._conn = conn
        self._lake = store.lake
        self._ids: OrderedDict[date, pl.DataFrame] = OrderedDict()
        self._catalogue: tuple[int, int] | None = None
        self.files: list[NewEntry] = []

    def append(self, events: pl.DataFrame) -> int:
        """Write the events that are new; returns how many were given."""
        if events.is_empty():
            return 0
        # Recent ids first, then the catalogue: what is sealed in between is met twice, not missed.
        recent = tail.ids(self._conn)
        self._forget_ids_if_sealed()
        for day, given in by_day(events).items():
            fresh = _each_once(given)
            known = self._known(day)
            for before in (known, recent):
                if _may_share(fresh, before):
                    fresh = double_ids.new_ones(fresh, before)
            if fresh.height:
                self.files.append(write_events(self._lake, day, fresh))
                self._keep(day, pl.concat([known, fresh.select(_ID)]))
        return events.height

    def _known(self, day: date) -> pl.DataFrame:
        if day in self._ids:
            return self._ids[day]
        entries = catalogue.entries_of_day(self._conn, "event", day)
        for e in entries:
            if fault := fault_of(self._lake, e.path, e.bytes, e.checksum):
                raise LogDamaged(path=e.path, fault=fault)
        paths = [e.path for e in entries] + [f.written.path for f in self.files if f.day == day]
        if not paths:
            return pl.DataFrame(schema={name: EVENT_COLUMNS[name] for name in _ID})
        return scan_files(self._lake / path for path in paths).select(_ID).collect()

    def _keep(self, day: date, ids: pl.DataFrame) -> None:
        self._ids[day] = ids
        self._ids.move_to_end(day)
        while len(self._ids) > 1 and sum(i.height for i in self._ids.values()) > MOST_IDS:
            self._ids.popitem(last=False)

    def _forget_ids_if_sealed(self) -> None:
        newest = catalogue.newest(self._conn, "event")
        if newest != self._catalogue:
            self._ids.clear()
            self._catalogue = newest


def _each_once(events: pl.DataFrame) -> pl.DataFrame:
    """The events without repeats of an id; the first of each stays."""
    hi, lo = events["event_hi"], events["event_lo"]
    # Ids that are counted up cannot repeat: seen a hundred times quicker than by hashing them.
    rises = (hi > hi.shift(1)) | ((hi == hi.shift(1)) & (lo > lo.shift(1)))
    if rises.drop_nulls().all():
        return events
    return double_ids.first_of_each(events)


def _may_share(events: pl.DataFrame, ids: pl.DataFrame) -> bool:
    """Whether the two can have an id in common, told by the ranges in which their halves lie."""
    return bool(events.height and ids.height) and all(
        _overlap(events[half], ids[half]) for half in _ID
    )


def _overlap(one: pl.Series, other: pl.Series) -> bool:
    (low, high), (its_low, its_high) = ((int(s.min()), int(s.max())) for s in (one, other))  # type: ignore[arg-type]
    return low <= its_high and its_low <= high


def _completed(frame: pl.DataFrame, received_at: datetime) -> pl.DataFrame:
    unknown = set(frame.columns) - set(EVENT_COLUMNS)
    missing = {"event_hi", "event_lo", "ts", "customer_id", "kind"} - set(frame.columns)
    for name in sorted(unknown | missing):
        word = "unknown" if name in unknown else "missing"
        raise InvalidInput(f"Events in bulk: column {name} is {word}.", field=name)
    # Columns that are missing are null in the file; until then they would only be carried along.
    full = frame.select(
        (pl.col(name) if name in frame.columns else pl.lit(None)).cast(kind).alias(name)
        for name, kind in EVENT_COLUMNS.items()
        if name in frame.columns or name == "received_at"
    )
    for name in ("event_hi", "event_lo", "ts", "customer_id", "kind"):
        if full[name].null_count():
            raise InvalidInput(f"Events in bulk: column {name} has nulls.", field=name)
    return full.with_columns(pl.col("received_at").fill_null(received_at))
