"""Products that this process has met, so that a batch asks the database only for new ones.

Whoever changes a product holds a lock and stamps it (``product.updated_at``), so that the newest
stamp is that of the last commit: a copy is brought up to date by what is stamped later than all
that it knows.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Final, NamedTuple
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine, text

from segmind.db.literals import literal

#: Products kept per store, about 500 bytes each.
MOST_PRODUCTS: Final = 50_000
#: With more news, it is quicker to forget everything.
MOST_NEWS: Final = 2_000


class KnownProduct(NamedTuple):
    """A product as it is stored. ``price`` in minor units."""

    product_id: int
    name: str | None
    category: str | None
    brand: str | None
    price: int | None


#: What an event tells of a product: its external id, name, category, brand, price.
Told = tuple[str, str | None, str | None, str | None, int | None]
_State = tuple[datetime | None, bool]


@dataclass
class _Known:
    newest: datetime | None = None
    products: dict[str, KnownProduct] = field(default_factory=dict)
    told: dict[Told, int] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)


_stores: WeakKeyDictionary[Engine, _Known] = WeakKeyDictionary()
_making: Final = threading.Lock()


def find(conn: Connection, external_ids: Collection[str]) -> dict[str, KnownProduct]:
    """Those of these products that are stored, as they are now; ``conn`` in READ COMMITTED."""
    known = _of_store(conn.engine)
    return _find(conn, known, _state(conn, known), external_ids)


def nothing_new(conn: Connection, told: Sequence[Told]) -> dict[str, int] | None:
    """Our ids by the shop's where all that is told of products is stored already; else None.

    ``conn`` is in READ COMMITTED. None in what is told: it does not say.
    """
    known = _of_store(conn.engine)
    state = _state(conn, known)
    with known.lock:
        kept = known.told if _is_current(known, state) else {}
        ids = [kept.get(its) for its in told]
    found = {its[0]: product_id for its, product_id in zip(told, ids, strict=True) if product_id}
    others = {its for its, product_id in zip(told, ids, strict=True) if not product_id}
    if others:
        stored = _find(conn, known, state, {its[0] for its in others})
        old = {i: at.product_id for i in others if (at := stored.get(i[0])) and _says(at, i)}
        _remember(known, state, old)
        if len(old) < len(others):
            return None
        found |= {its[0]: product_id for its, product_id in old.items()}
    return found


def _remember(known: _Known, state: _State, told: dict[Told, int]) -> None:
    with known.lock:
        if _is_current(known, state):
            if len(known.told) > MOST_PRODUCTS:
                known.told = {}
            known.told |= told


def _says(stored: KnownProduct, told: Told) -> bool:
    pairs = zip(stored[1:], told[1:], strict=True)
    return all(given is None or given == its for its, given in pairs)


def _of_store(engine: Engine) -> _Known:
    with _making:
        return _stores.setdefault(engine, _Known())


def _state(conn: Connection, known: _Known) -> _State:
    """The newest stamp, and whether this transaction wrote nothing; ``known`` up to date by it."""
    newest, is_clean = conn.execute(_STATE).one()
    if is_clean and known.newest != newest:
        _bring_up_to_date(conn, known, newest)
    return newest, is_clean


def _is_current(known: _Known, state: _State) -> bool:
    newest, is_clean = state
    return is_clean and known.newest == newest  # what was just written may be rolled back


def _find(
    conn: Connection, known: _Known, state: _State, external_ids: Collection[str]
) -> dict[str, KnownProduct]:
    with known.lock:
        kept = known.products if _is_current(known, state) else {}
        found = {i: kept[i] for i in external_ids if i in kept}
    missing = [i for i in external_ids if i not in found]
    if not missing:
        return found
    news = _read(conn, missing)
    with known.lock:
        if _is_current(known, state):
            known.products |= news
            excess = max(0, len(known.products) - MOST_PRODUCTS)
            for oldest in list(islice(known.products, excess)):
                del known.products[oldest]
    return found | news


def _bring_up_to_date(conn: Connection, known: _Known, newest: datetime | None) -> None:
    before = known.newest
    news = [] if before is None else conn.execute(_NEWS, {"since": before}).all()
    with known.lock:
        if known.newest != before:
            return  # another thread did it, maybe with later news
        if before is None or newest is None or newest < before or len(news) > MOST_NEWS:
            known.products = {}
        known.products |= {row[0]: KnownProduct(*row[1:]) for row in news}
        known.told = {}
        known.newest = newest


def _read(conn: Connection, external_ids: Collection[str]) -> dict[str, KnownProduct]:
    rows = conn.execute(_FIND, {"ids": literal(list(external_ids))})
    return {row[0]: KnownProduct(*row[1:]) for row in rows}


_STATE: Final = text(
    "SELECT max(updated_at), pg_current_xact_id_if_assigned() IS NULL FROM product"
)
_COLUMNS: Final = "external_id, id, name, category, brand, price"
_NEWS: Final = text(
    f"SELECT {_COLUMNS} FROM product WHERE updated_at > :since LIMIT {MOST_NEWS + 1}"
)
_FIND: Final = text(f"SELECT {_COLUMNS} FROM product WHERE external_id = ANY(CAST(:ids AS text[]))")
