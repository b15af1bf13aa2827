"""A process that writes to the log and tends it without end, until somebody kills it.

Prints "begin N" before and "done N" after each committed batch. Batch N has the events
"N:0" ... "N:39", so that the parent knows exactly which must be there.
"""

from __future__ import annotations

import random
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl

from segmind.db.engine import Store, make_engine
from segmind.events import bulk, compact, ingest, keys, rollup, seal, sweep
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


def tell(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> None:
    url, home, seed, batch = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    settings = from_environment({"SEGMIND_HOME": home, "SEGMIND_DATABASE_URL": url})
    store = Store(make_engine(url), Path(settings.lake), settings)
    now = BASE + timedelta(days=5)
    chance = random.Random(seed)
    compact.MANY = 2  # type: ignore[misc]
    while True:
        act = chance.choice(["live", "live", "bulk", "seal", "compact", "roll", "sweep"])
        if act in ("live", "bulk"):
            tell(f"begin {batch}")
            (append_live if act == "live" else append_in_bulk)(store, batch)
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


if __name__ == "__main__":
    main()
