"""Forgetting in the log: what was said of erased customers, and what is too old to be kept.

Events of an erased customer stay under the internal number, which leads to nobody any more, so that
yesterday's revenue stays what it was. Only ``properties`` may hold something personal.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import date, datetime
from typing import Final

import polars as pl
from sqlalchemy import Connection, text

from segmind.db.engine import Store
from segmind.events import catalogue, reading
from segmind.events.reading import ORDERS, ROLLUP, STARTS
from segmind.events.rewriting import Change, Rewritten, rewrite
from segmind.events.swap import REWRITE_LOCK, run_alone

#: So few ids are looked for one by one, which lets parts of files without them go unread.
_FEW: Final = 16


def forget_properties(
    store: Store,
    customer_ids: Collection[int],
    progress: Callable[[int, int], object] | None = None,
) -> Rewritten:
    """Empty the properties of these customers' events, in recent rows and in every file.

    ``customer_ids`` are the ids in the log, those merged into them included. See ``rewrite``.
    """
    ids = sorted(set(customer_ids))
    if not ids:
        return Rewritten(0, 0, complete=True)
    with store.engine.begin() as conn:
        # A new seq, so that readers who keep the tail see that it changed.
        conn.execute(
            text(
                "UPDATE event_recent SET properties = NULL, seq = DEFAULT "
                "WHERE customer_id = ANY(:ids) AND properties IS NOT NULL"
            ),
            {"ids": ids},
        )
    mine = (
        pl.any_horizontal(*(pl.col("customer_id") == each for each in ids))
        if len(ids) <= _FEW
        else pl.col("customer_id").is_in(pl.Series(ids, dtype=pl.Int64).implode())
    )
    rows = mine & pl.col("properties").is_not_null()
    change = Change(rows, "properties", pl.lit(None, dtype=pl.String))
    return rewrite(store, change, progress=progress)


def drop_months(store: Store, months: int, now: datetime) -> int:
    """Delete events older than ``months`` before the newest one (or ``now``, if that is earlier),
    whole calendar months (UTC) at a time; returns how many events went.

    Counted from the newest event, so that history imported years later is not old at once. All
    rollups go with the first deletion of a month and are made again: what was a second order line
    may now be the first.
    """
    return run_alone(store, REWRITE_LOCK, lambda conn: _drop(conn, months, now)) or 0


def _drop(conn: Connection, months: int, now: datetime) -> int:
    entries = [e for e in catalogue.entries(conn, (reading.EVENT,)) if e.day and e.max_ts]
    if not entries:
        return 0
    newest = min(now, max(e.max_ts for e in entries if e.max_ts))
    month = newest.year * 12 + newest.month - 1 - months
    first_kept = date(month // 12, month % 12 + 1, 1)
    old = [e for e in entries if e.day and e.day < first_kept]
    if not old:
        return 0
    sums = catalogue.entries(conn, (ROLLUP, STARTS, ORDERS))
    catalogue.retire(conn, [e.id for e in (*old, *sums)])
    return sum(e.rows for e in old)
