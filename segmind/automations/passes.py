"""A pass over what is new in the log, for one automation: what has been looked at, and the lock."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import polars as pl
from sqlalchemy import Connection, text

from segmind.automations.automation import Automation
from segmind.customers.facts import Facts
from segmind.db.engine import Store
from segmind.db.locks import lock, try_lock

_KEPT = 2_000


@dataclass(frozen=True, slots=True)
class Seen:
    """What this process looked at last for an automation."""

    facts: str
    changed_at: datetime
    files: frozenset[int]
    judged: pl.DataFrame | None = None


class Memory:
    """What this process has looked at, by store and automation: the same again says nothing."""

    def __init__(self) -> None:
        self._seen: OrderedDict[tuple[str, int], Seen] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, store: Store, automation: Automation) -> Seen | None:
        with self._lock:
            return self._seen.get((str(store.engine.url), automation.id))

    def files(self, store: Store, automation: Automation) -> frozenset[int]:
        """Sealed files that were looked through for what the automation still looks for."""
        last = self._usable(store, automation)
        return last.files if last is not None else frozenset()

    def judged(self, store: Store, automation: Automation) -> pl.DataFrame | None:
        """Triggers that were decided about at the last look, as ``scan.JUDGED`` has them."""
        last = self._usable(store, automation)
        return last.judged if last is not None else None

    def _usable(self, store: Store, automation: Automation) -> Seen | None:
        last = self.of(store, automation)
        return last if last is not None and last.changed_at == automation.updated_at else None

    def is_same(self, store: Store, automation: Automation, facts: Facts) -> bool:
        """Whether nothing has changed since the last look."""
        last = self.of(store, automation)
        return last is not None and (last.facts, last.changed_at) == (
            facts.version,
            automation.updated_at,
        )

    def keep(
        self,
        store: Store,
        automation: Automation,
        facts: Facts,
        now: datetime,
        judged: pl.DataFrame | None = None,
    ) -> None:
        """Note a committed look at ``facts`` as of ``now``."""
        last = facts.log.last_ts
        # Something happened after ``now`` was asked: the same facts will say more in a moment.
        is_ahead = last is not None and last > now
        files = frozenset() if is_ahead else frozenset(f.id for f in facts.log.rows.files)
        version = "" if is_ahead else facts.version
        seen = Seen(version, automation.updated_at, files, judged)
        with self._lock:
            self._seen[(str(store.engine.url), automation.id)] = seen
            while len(self._seen) > _KEPT:
                self._seen.popitem(last=False)


@dataclass(frozen=True, slots=True)
class Standing:
    """How far the passes of an automation have come. ``seen_to`` is the mark of this kind of pass:
    what arrived up to then has been looked at; None before the first."""

    live_since: datetime
    seen_to: datetime | None


@contextmanager
def turn(
    store: Store, automation: Automation, column: str
) -> Iterator[tuple[Connection, Standing] | None]:
    """A transaction for one pass, in which no other process makes the same; None when another one
    is at it, or the automation is not live any more. ``column``: where the mark is kept."""
    with store.engine.begin() as conn:
        if not try_lock(conn, _turn_name(automation.id, column)):
            yield None
            return
        row = conn.execute(
            text(
                f"SELECT live_since, {column} AS seen_to FROM automation"
                " WHERE id = :id AND state = 'live'"
            ),
            {"id": automation.id},
        ).one_or_none()
        if row is None or row.live_since is None:
            yield None
            return
        yield conn, Standing(row.live_since, row.seen_to)


def keep_out(conn: Connection, automation_id: int, column: str) -> None:
    """Wait until nobody makes such a pass, and let nobody begin one until the transaction ends:
    for whoever changes many runs, which a pass would lock in another order."""
    lock(conn, _turn_name(automation_id, column))


def _turn_name(automation_id: int, column: str) -> str:
    return f"automation.{column}:{automation_id}"


def mark(conn: Connection, automation: Automation, column: str, now: datetime) -> None:
    """Keep that everything that arrived up to ``now`` has been looked at."""
    conn.execute(
        text(f"UPDATE automation SET {column} = :now WHERE id = :id"),
        {"now": now, "id": automation.id},
    )
