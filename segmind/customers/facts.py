"""Everything that a question is put to: the log and the customers of the same instant."""

from __future__ import annotations

import itertools
import threading
from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
from sqlalchemy import Connection, text

from segmind.customers import columns, roster
from segmind.customers.columns import CUSTOMER_COLUMNS
from segmind.customers.roster import Roster
from segmind.db.engine import Store
from segmind.events import log
from segmind.events.log import LogSnapshot
from segmind.events.vectors.vector import Vectors
from segmind.predictions import kept
from segmind.predictions.kept import NO_MODELS, Models
from segmind.workspace import product_settings


@dataclass(frozen=True)
class Facts:
    """Log and customers in one snapshot.

    ``customers`` has ``CUSTOMER_COLUMNS`` and holds nobody erased or merged away; ``rosters``
    hold the same ones in fixed orders. ``version`` changes whenever an answer could change.
    ``zone`` is the workspace's: calendar days are its. ``models`` predict what customers will do.
    """

    log: LogSnapshot
    customers: pl.LazyFrame
    version: str
    zone: ZoneInfo
    rosters: tuple[Roster, ...]
    population: tuple[Roster, ...] | None = None  # all customers, where rosters hold but some
    models: Models = NO_MODELS

    @cached_property
    def vectors(self) -> Vectors:
        """The log's totals by customer id, long enough for every customer, and for every one who
        was merged into another: what such a one did is found under the id of then.
        """
        gone = self.log.rows.merges.frame["from_id"]
        sizes = [r.size for r in self.everybody] + [int(n) + 1 for n in gone.tail(1)]
        return self.log.vectors(max(sizes, default=0))

    @cached_property
    def is_customer(self) -> np.ndarray:
        """By id, as long as a vector: whether there is such a customer."""
        vector = np.zeros(self.vectors.size, dtype=np.bool_)
        for its in self.everybody:
            vector[: its.size] |= its.flagged
        return vector

    @cached_property
    def count(self) -> int:
        """How many customers there are in the rosters."""
        return sum(r.count for r in self.rosters)

    @property
    def everybody(self) -> tuple[Roster, ...]:
        """The rosters of all customers, whoever is asked about: ranks are among all of them."""
        return self.rosters if self.population is None else self.population

    def among(self, customer_ids: Collection[int]) -> Facts:
        """The same facts to be asked about these customers only."""
        wanted = np.fromiter(customer_ids, dtype=np.int64)
        rosters = tuple(r.among(wanted) for r in self.rosters)
        frame = pl.concat([r.frame for r in rosters])
        return replace(self, customers=frame, rosters=rosters, population=self.everybody)

    def of_customer(self, customer_id: int) -> Facts:
        """What is known of one customer: his own events, and himself alone in the roster."""
        rosters = tuple(r.among(np.array([customer_id])) for r in self.rosters)
        rosters = tuple(r for r in rosters if r.height)
        frames = [r.frame for r in rosters] or [self.customers.clear()]
        log = self.log.of_customers([customer_id])
        return replace(self, log=log, customers=pl.concat(frames), rosters=rosters)

    @classmethod
    def of(
        cls,
        events: pl.DataFrame,
        customers: pl.DataFrame,
        *,
        products: pl.DataFrame | None = None,
        names: dict[str, int] | None = None,
        zone: str = "UTC",
        version: str | None = None,
        models: Models | None = None,
        merges: pl.DataFrame | None = None,
    ) -> Facts:
        """Facts in memory, for tests: missing customer columns are null (flags: false).

        Every call makes a version of its own unless one is given.
        """
        snapshot = LogSnapshot.of(events, products=products, names=names, zone=zone, merges=merges)
        own = version or f"in memory {next(_made)}"
        people = _completed(customers)
        rosters = (roster.of_frame(people),)
        return cls(
            snapshot, people.lazy(), own, ZoneInfo(zone), rosters, models=models or NO_MODELS
        )


@dataclass(frozen=True)
class _Read:
    mirror: columns.Mirror
    facts: Facts


#: Newest reads by store; a process has one store, tests have many.
_KEPT: Final = 4
_reads: OrderedDict[tuple[str, str], _Read] = OrderedDict()
_lock = threading.Lock()
_made: Final = itertools.count()


def read_facts(store: Store, zone: ZoneInfo | None = None) -> Facts:
    """The present facts, read in one REPEATABLE READ transaction; ``zone``: the workspace's.

    Remembers the last read of a store: only what changed since is fetched, and the same object
    comes back when nothing did.
    """
    key = (str(store.engine.url), str(store.lake))
    with _lock:
        last = _reads.get(key)
    with store.engine.connect() as conn:
        conn = conn.execution_options(isolation_level="REPEATABLE READ")
        with conn.begin():
            conn.execute(text("SET TRANSACTION READ ONLY"))
            read = _read(conn, store, zone, last)
    with _lock:
        _reads[key] = read
        _reads.move_to_end(key)
        while len(_reads) > _KEPT:
            _reads.popitem(last=False)
    return read.facts


def _read(conn: Connection, store: Store, zone: ZoneInfo | None, last: _Read | None) -> _Read:
    zone = zone or product_settings.load(conn).zone
    mirror = columns.read(conn, store, last.mirror if last else None)
    snapshot = log.read(conn, store, zone)
    models = kept.read(conn, last.facts.models if last else None)
    version = f"{snapshot.version}|{mirror.version}|{zone.key}|{models.version}"
    if last is not None and last.facts.version == version:
        return last
    is_same = last is not None and mirror is last.mirror
    rosters = last.facts.rosters if last is not None and is_same else mirror.rosters()
    facts = Facts(snapshot, mirror.frame(), version, zone, rosters, models=models)
    return _Read(mirror, facts)


_FALSE_WHEN_MISSING: Final = frozenset(
    {"email_suppressed", "sms_suppressed", "push_suppressed", "is_anonymous"}
)


def _completed(customers: pl.DataFrame) -> pl.DataFrame:
    given = set(customers.columns)
    unknown = given - CUSTOMER_COLUMNS.keys()
    if unknown:
        raise ValueError(f"Customers have no column {sorted(unknown)[0]!r}.")
    return customers.select(
        pl.col(name).cast(kind) if name in given else pl.lit(_default(name), dtype=kind).alias(name)
        for name, kind in CUSTOMER_COLUMNS.items()
    )


def _default(name: str) -> Any:
    if name in _FALSE_WHEN_MISSING:
        return False
    return "{}" if name == "traits" else None
