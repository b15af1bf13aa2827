"""Tending the log: what the scheduler has done every few seconds, in one call."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from segmind.db.engine import Store
from segmind.events import compact, reading, rollup, seal, sweep
from segmind.events.compact import Compacted
from segmind.events.rollup import RolledUp
from segmind.events.seal import Sealed

UTC_ZONE: Final = ZoneInfo("UTC")
#: New merges of customers that are worth correcting rollups for before anything is sealed.
MANY_MERGES: Final = 200
#: Seconds between two looks for files and ids that nobody needs.
SWEEP_EVERY: Final = 300.0

_last_sweep: dict[Path, float] = {}


@dataclass(frozen=True, slots=True)
class Swept:
    """How many orphan files, retired files and remembered event ids were removed."""

    orphans: int = 0
    retired: int = 0
    seen: int = 0


@dataclass(frozen=True, slots=True)
class TendReport:
    """What there was to do, and was done."""

    sealed: Sealed
    rolled: RolledUp
    compacted: Compacted
    swept: Swept

    @property
    def did_something(self) -> bool:
        return self != _NOTHING


def tend(store: Store, zone: ZoneInfo, now: datetime) -> TendReport:
    """Seal if due, bring rollups up to date, merge small files and, now and then, clean up.

    Any number of processes may call it at any time: each part is done by one of them, and readers
    and writers of the log never wait for it.
    """
    sealed = seal_if_due(store, now)
    rolled = (
        rollup.roll(store, zone, now) if _rolling_is_due(store, zone, now, sealed) else _NO_ROLL
    )
    return TendReport(sealed, rolled, compact.compact(store, now), _sweep_if_due(store))


def catch_up(store: Store, now: datetime, zone: ZoneInfo = UTC_ZONE) -> TendReport:
    """Seal everything, roll up every closed day and merge what is small (after a bulk append)."""
    sealed = _seal_all(store)
    rolled = rollup.roll(store, zone, now)
    return TendReport(sealed, rolled, compact.compact(store, now), Swept())


def seal_if_due(store: Store, now: datetime) -> Sealed:
    """Seal when the recent tail is long or old: quick, and so a job that waits for no other.

    Asked once a second, it keeps the tail below 50,000 rows while 20,000 come in a second.
    """
    with store.engine.connect() as conn:
        due = seal.is_due(conn, now)
    return _seal_all(store) if due else Sealed(0, 0)


def _seal_all(store: Store) -> Sealed:
    rows = files = 0
    while (sealed := seal.seal(store)).rows:
        rows, files = rows + sealed.rows, files + sealed.files
        if sealed.rows < seal.MOST_ROWS:
            break
    return Sealed(rows, files)


def _rolling_is_due(store: Store, zone: ZoneInfo, now: datetime, sealed: Sealed) -> bool:
    engine = store.engine.execution_options(isolation_level="REPEATABLE READ")
    with engine.begin() as conn:
        rolled = reading.read(conn, store, zone).rolled
    if rollup.missing_days(rolled, now):
        return True
    # Corrections wait for company: what rollups do not know is read from raw rows meanwhile.
    is_late = any(file is not None for file, _ in rolled.unseen)
    merged = rolled.merged.len()
    return is_late or merged >= MANY_MERGES or (merged > 0 and sealed.rows > 0)


def _sweep_if_due(store: Store) -> Swept:
    now = time.monotonic()
    if now - _last_sweep.get(store.lake, -SWEEP_EVERY) < SWEEP_EVERY:
        return Swept()
    _last_sweep[store.lake] = now
    return Swept(
        orphans=sweep.sweep_orphans(store),
        retired=sweep.remove_retired(store),
        seen=sweep.prune_seen(store),
    )


_NO_ROLL: Final = RolledUp(0, 0)
_NOTHING: Final = TendReport(Sealed(0, 0), _NO_ROLL, Compacted(0, 0), Swept())
