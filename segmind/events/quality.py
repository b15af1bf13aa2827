"""Figures by which one can tell whether the log is healthy and its data plausible."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import polars as pl
from sqlalchemy import Connection

from segmind.db.engine import Store
from segmind.events import catalogue, repeats, tallies
from segmind.events.files import checksum_of, fault_of
from segmind.events.log import LogSnapshot
from segmind.events.names import name_of
from segmind.events.reading import EVENT, KINDS


@dataclass(frozen=True)
class Quality:
    """The log in figures. Days are the workspace's; instants are UTC."""

    events: int
    by_name: pl.DataFrame  # name, events; most frequent first
    by_day: pl.DataFrame  # day, name, events; in order of day and name
    #: Purchase lines beyond the first of one product in one customer's session.
    repeated_lines: int
    #: Shop events that came without a session id (their sessions are told by 30-minute gaps).
    without_session: int
    first_ts: datetime | None
    last_ts: datetime | None
    recent_rows: int
    files: int
    file_rows: int
    incomplete: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Fault:
    """A file of the catalogue that is "missing" or "damaged"."""

    path: str
    kind: str
    fault: str
    rows: int


@dataclass(frozen=True, slots=True)
class Volume:
    """How many files of a kind there are, with their rows and bytes."""

    kind: str
    files: int
    rows: int
    bytes: int


def measure(log: LogSnapshot) -> Quality:
    """The figures of one snapshot."""
    names = log.names()
    tallied = tallies.tally(log.rows, log.zone)
    labels = {code: name_of(names, code) for code in tallied["kind"].unique()}
    name = pl.col("kind").replace_strict(labels, return_dtype=pl.String).alias("name")
    by_day = tallied.select("day", name, pl.col("n").alias("events")).sort("day", "name")
    by_name = by_day.group_by("name").agg(pl.col("events").sum())
    return Quality(
        events=int(by_name["events"].sum()),
        by_name=by_name.sort("events", "name", descending=[True, False]),
        by_day=by_day,
        repeated_lines=repeats.count(log.rows),
        without_session=int(tallied["bare"].sum()),
        first_ts=log.first_ts,
        last_ts=log.last_ts,
        recent_rows=log.rows.recent.height,
        files=len(log.rows.files),
        file_rows=sum(file.rows for file in log.rows.files),
        incomplete=log.incomplete,
    )


def faults(conn: Connection, store: Store, *, thorough: bool = False) -> list[Fault]:
    """The log's files that are missing or damaged, by name; events first.

    ``thorough`` reads every byte again; otherwise a file is read once per process, and later its
    size and times are compared.
    """
    found = []
    for entry in catalogue.entries(conn, KINDS):
        fault = fault_of(store.lake, entry.path, entry.bytes, entry.checksum)
        if thorough and fault is None and checksum_of(store.lake / entry.path) != entry.checksum:
            fault = "damaged"
        if fault is not None:
            found.append(Fault(entry.path, entry.kind, fault, entry.rows))
    return sorted(found, key=lambda f: (f.kind != EVENT, f.path))


def volumes(conn: Connection) -> list[Volume]:
    """What the log's files amount to, by kind."""
    entries = catalogue.entries(conn, KINDS)
    return [
        Volume(
            kind=kind,
            files=sum(e.kind == kind for e in entries),
            rows=sum(e.rows for e in entries if e.kind == kind),
            bytes=sum(e.bytes for e in entries if e.kind == kind),
        )
        for kind in KINDS
    ]
