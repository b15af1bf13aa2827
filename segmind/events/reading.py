"""Reading the log's parts in one snapshot of the store, each again only when it changed."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar
from zoneinfo import ZoneInfo

import polars as pl
from sqlalchemy import Connection, text

from segmind.db.engine import Store
from segmind.events import catalogue, kept_tail, merges, names, products
from segmind.events.catalogue import Entry
from segmind.events.files import fault_of
from segmind.events.kept_tail import KeptTail
from segmind.events.rolled import Rolled
from segmind.events.rows import Rows, SealedFile
from segmind.events.schema import empty_events
from segmind.events.usable import usable_rollups, with_recent

#: Kinds of files that the log consists of.
EVENT: Final = "event"
ROLLUP: Final = "customer_day"
STARTS: Final = "session_start"
ORDERS: Final = "order_start"
MERGES: Final = "merges"
KINDS: Final = (EVENT, ROLLUP, STARTS, ORDERS, MERGES)

T = TypeVar("T")


@dataclass(frozen=True)
class View:
    """What one snapshot of the store holds of the log."""

    version: str
    incomplete: tuple[str, ...]
    rows: Rows
    rolled: Rolled
    products: pl.DataFrame
    names: dict[str, int]


class _Memory:
    """What a process remembers of one store: for each part its fingerprint and its content."""

    def __init__(self) -> None:
        self._parts: dict[str, tuple[object, Any]] = {}
        self._tail = KeptTail.nothing()
        self._following = threading.Lock()

    def follow_tail(self, conn: Connection, most: int | None = None) -> KeptTail:
        """The recent rows in ``conn``'s snapshot; of those of the last look only the news.

        One thread at a time: news that several want at once are fetched once.
        """
        with self._following:
            found = kept_tail.follow(conn, self._tail, most)
            if most is None or found.seqs.size < most:
                self._tail = found
        return found

    def recall(self, part: str, fingerprint: object, make: Callable[[], T]) -> T:
        """The content of ``part``, made anew unless its fingerprint is the remembered one."""
        known = self._parts.get(part)
        if known is None or known[0] != fingerprint:
            known = (fingerprint, make())
            self._parts[part] = known
        content: T = known[1]
        return content


#: A process has one store; tests have many, one after the other.
_KEPT: Final = 4
_memories: OrderedDict[tuple[str, Path], _Memory] = OrderedDict()
_lock = threading.Lock()


def read(conn: Connection, store: Store, zone: ZoneInfo) -> View:
    """The log in ``conn``'s snapshot (REPEATABLE READ)."""
    memory = _memory_of(store)
    # Each part is fingerprinted inside the snapshot: whatever order threads run in, a remembered
    # part is used only for a snapshot that holds the very same rows.
    prints = _prints(conn)
    listing, merge_print, product_print = prints.listing, prints.merges, prints.products
    entries = memory.recall("entries", listing, lambda: catalogue.entries(conn, KINDS))
    faults = {e.path: fault for e in entries if (fault := _fault(store.lake, e))}
    recent = memory.follow_tail(conn)
    recent_print = f"{recent.fingerprint}.{listing[0][0]}.{listing[0][1]}"
    merged = memory.recall("merges", merge_print, lambda: merges.read(conn))
    its_products = memory.recall("products", product_print, lambda: products.frame(conn))
    its_names = memory.recall("names", prints.names, lambda: names.all_names(conn))
    version = "/".join(
        [recent_print, merge_print, str(product_print), str(len(its_names)), *sorted(faults)]
    )

    def of_files() -> Rolled:
        files = Rows(_sealed(store.lake, entries, faults), empty_events(), merged)
        return usable_rollups(store.lake, entries, faults, files, zone)

    def make() -> View:
        files_print = (listing, merge_print, zone.key, *sorted(faults.items()))
        known = memory.recall("files", files_print, of_files)
        rows = replace(known.rows, recent=recent.rows)
        return View(
            version=version,
            incomplete=tuple(f"{p} is {f}" for p, f in faults.items() if p.startswith(EVENT)),
            rows=rows,
            rolled=with_recent(known, rows),
            products=its_products,
            names=its_names,
        )

    return memory.recall("view", (version, listing, zone.key), make)


class _Prints(NamedTuple):
    """What changes whenever a part does: files come and go by their rows, merges and names are only
    added, and whoever changes a product stamps it last."""

    listing: tuple[tuple[int, int], tuple[int, int]]
    merges: str
    products: object
    names: int


def _prints(conn: Connection) -> _Prints:
    """All of them in one round trip: it is made for every question."""
    row = conn.execute(_PRINTS, {"event": EVENT, "rollup": ROLLUP}).one()
    merged = f"{row[4]}.{row[5].timestamp() if row[5] else 0}"
    return _Prints(((row[0], row[1]), (row[2], row[3])), merged, row[6], row[7])


_PRINTS: Final = text(
    """
    SELECT e.n, e.newest, r.n, r.newest, m.n, m.newest, p.newest, c.n
    FROM (SELECT count(*) AS n, coalesce(max(id), 0) AS newest FROM event_file
          WHERE kind = :event) AS e,
         (SELECT count(*) AS n, coalesce(max(id), 0) AS newest FROM event_file
          WHERE kind = :rollup) AS r,
         (SELECT count(*) AS n, max(merged_at) AS newest FROM customer_merge) AS m,
         (SELECT max(updated_at) AS newest FROM product) AS p,
         (SELECT count(*) AS n FROM event_name) AS c
    """
)


def recent_rows(conn: Connection, store: Store, most: int) -> KeptTail:
    """The oldest ``most`` recent rows in ``conn``'s snapshot (REPEATABLE READ)."""
    return _memory_of(store).follow_tail(conn, most)


def _memory_of(store: Store) -> _Memory:
    key = (str(store.engine.url), store.lake)
    with _lock:
        if key not in _memories:
            _memories[key] = _Memory()
        memory = _memories[key]
        _memories.move_to_end(key)
        while len(_memories) > _KEPT:
            _memories.popitem(last=False)
    return memory


def _fault(lake: Path, entry: Entry) -> str | None:
    return fault_of(lake, entry.path, entry.bytes, entry.checksum)


def _sealed(lake: Path, entries: Iterable[Entry], faults: dict[str, str]) -> tuple[SealedFile, ...]:
    return tuple(
        SealedFile(e.id, lake / e.path, e.rows, e.min_ts, e.max_ts)
        for e in entries
        if e.kind == EVENT and e.path not in faults and e.min_ts and e.max_ts
    )
