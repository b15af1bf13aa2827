"""Processes that write to the log and tend it without end, until somebody kills them.

Prints "act NAME" before each thing it does, "begin N" before and "done N" after each committed
batch. Batch N has the events "N:0" ... "N:39", so that the parent knows exactly which must be
there, whichever door they came by.
"""

from __future__ import annotations

import os
import random
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import polars as pl

from segmind.customers import imports, tracking
from segmind.db.engine import Store, make_engine
from segmind.events import bulk, compact, ingest, keys, rollup, seal, sweep
from segmind.events.importers.csv_mapped import CsvMapped
from segmind.events.ingest import NewEvent
from segmind.settings import from_environment

SIZE = 40
BASE = datetime(2026, 3, 1, tzinfo=UTC)


def identifiers(batch: int) -> list[str]:
    return [f"{batch}:{i}" for i in range(SIZE)]


def instant(batch: int, number: int) -> datetime:
    return BASE + timedelta(hours=(batch * 7 + number * 3) % 72, seconds=batch)


def append_live(store: Store, batch: int) -> None:
    events = [
        NewEvent(
            event_id=identifier,
            name="product_viewed",
            ts=instant(batch, i),
            customer_id=i % 5,
            session_id=f"s{batch % 9}",
        )
        for i, identifier in enumerate(identifiers(batch))
    ]
    with store.engine.begin() as conn:
        ingest.append(conn, events, BASE)


def append_in_bulk(store: Store, batch: int) -> None:
    halves = [keys.halves(keys.event_id(identifier)) for identifier in identifiers(batch)]
    frame = pl.DataFrame(
        {
            "event_hi": [hi for hi, _ in halves],
            "event_lo": [lo for _, lo in halves],
            "ts": [instant(batch, i) for i in range(SIZE)],
            "customer_id": [i % 5 for i in range(SIZE)],
            "kind": [1] * SIZE,
            "session_key": [keys.key64(f"s{batch % 9}")] * SIZE,
        }
    )
    bulk.append_bulk(store, frame, BASE)


def calls(batch: int) -> list[dict[str, Any]]:
    """The batch as tracking calls of somebody known, somebody new, and browsers."""
    return [
        {
            "type": "track",
            "event": "Product Viewed",
            "messageId": identifier,
            "timestamp": instant(batch, i).isoformat(),
            "userId": f"user {i % 3}" if i % 2 else f"user {batch}-{i % 5}",
            "anonymousId": f"browser {batch}-{i % 7}",
            "properties": {"product_id": f"p{i % 4}", "session_id": f"s{batch % 9}"},
        }
        for i, identifier in enumerate(identifiers(batch))
    ]


def track(store: Store, batch: int) -> None:
    with store.engine.begin() as conn:
        results = tracking.track(conn, calls(batch), BASE + timedelta(days=5))
    assert {r.status for r in results} == {"accepted"}


def import_batch(store: Store, batch: int) -> None:
    """The batch as a file, imported; importing it again adds nothing."""
    path = store.settings.home / f"batch {batch}.csv"
    rows = [
        f"{identifier},{instant(batch, i).isoformat()},product_viewed,user {batch}-{i % 5}"
        for i, identifier in enumerate(identifiers(batch))
    ]
    path.write_text("\n".join(["event_id,time,event,customer", *rows]) + "\n")
    mapping = {name: name for name in ("event_id", "time", "event", "customer")}
    report = imports.import_file(store, path, CsvMapped(mapping, {}), BASE + timedelta(days=5))
    assert report.accepted + report.repeated == SIZE


DOORS: Final = {
    "live": append_live,
    "bulk": append_in_bulk,
    "track": track,
    "import": import_batch,
}


def tell(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def write_without_end(store: Store, seed: int, batch: int) -> None:
    now = BASE + timedelta(days=5)
    chance = random.Random(seed)
    compact.MANY = 2  # type: ignore[misc]
    while True:
        act = chance.choice([*DOORS, "live", "seal", "compact", "roll", "sweep"])
        tell(f"act {act}")
        if act in DOORS:
            tell(f"begin {batch}")
            DOORS[act](store, batch)
            tell(f"done {batch}")
            batch += 1
        elif act == "seal":
            seal.seal(store, limit=chance.choice([30, 1_000]))
        elif act == "compact":
            compact.compact(store, now)
        elif act == "roll":
            rollup.roll(store, ZoneInfo("Europe/Berlin"), now)
        else:
            sweep.remove_retired(store, older_than=timedelta(0))


def main() -> None:
    """For each line "SEED BATCH": a process that writes; "pid N" says which, "ended" how.

    Forked before it has done anything, so that the next life begins without a second of imports.
    """
    url, home = sys.argv[1], sys.argv[2]
    settings = from_environment({"SEGMIND_HOME": home, "SEGMIND_DATABASE_URL": url})
    for line in sys.stdin:
        seed, batch = map(int, line.split())
        pid = os.fork()
        if pid == 0:
            store = Store(make_engine(url), Path(settings.lake), settings)
            write_without_end(store, seed, batch)
        tell(f"pid {pid}")
        _, status = os.waitpid(pid, 0)
        tell(f"ended {os.waitstatus_to_exitcode(status)}")


if __name__ == "__main__":
    main()
