"""From the file's ids to ours: customers, products and names of a block of rows."""

from __future__ import annotations

from typing import Final, Literal, Protocol

import numpy as np
import numpy.typing as npt
import polars as pl

from segmind.db.engine import Store
from segmind.events import names
from segmind.events.importers.numbering import Notes, Numbering
from segmind.events.importers.product_news import ProductNews
from segmind.events.schema import EVENT_COLUMNS

Namespace = Literal["user", "anonymous"]


class ResolveCustomers(Protocol):
    """Internal ids (Int64) for the shop's (String, no nulls), row by row; creates missing ones.

    ``countries``, as long as ``ids``, tells what the file says of them (null: nothing).
    """

    def __call__(
        self, ids: pl.Series, namespace: Namespace, countries: pl.Series | None
    ) -> pl.Series: ...


_NAMESPACES: Final[tuple[Namespace, ...]] = ("user", "anonymous")
_UNKNOWN: Final = 0  # no customer and no event name has this number


class Ids:
    """Looks up in the database only what it has not met in this file before."""

    def __init__(self, store: Store, resolve_customers: ResolveCustomers) -> None:
        self._store = store
        self._customers = {n: _Customers(n, resolve_customers) for n in _NAMESPACES}
        self._products = ProductNews(store)
        self._names = Numbering()
        self._codes = Notes(_UNKNOWN, np.int16)

    def with_customers(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Rows of PARSED that are not rejected, with ``customer_id``."""
        return rows.with_columns(self._customer_ids(rows))

    def events(self, rows: pl.DataFrame) -> pl.DataFrame:
        """EVENT_COLUMNS that are known, for rows that have their customers.

        May run in another thread than ``with_customers``.
        """
        made = rows.with_columns(self._kinds(rows["name"]), self._products.ids(rows))
        return made.select(name for name in EVENT_COLUMNS if name in made.columns)

    def _kinds(self, given: pl.Series) -> pl.Series:
        places = self._names.places(given)
        fresh = given.gather(np.flatnonzero(self._codes.at(places) == _UNKNOWN)).unique()
        if fresh.len():
            with self._store.engine.begin() as conn:
                codes = names.codes_of(conn, fresh)
            self._codes.put(self._names.places(fresh), [codes[name] for name in fresh])
        return pl.Series("kind", self._codes.at(places))

    def _customer_ids(self, rows: pl.DataFrame) -> pl.Series:
        anonymous = rows["is_anonymous"]
        if not anonymous.any():
            return pl.Series("customer_id", self._customers["user"].ids(rows))
        ids = np.empty(rows.height, dtype=np.int64)
        for namespace in _NAMESPACES:
            mask = anonymous if namespace == "anonymous" else ~anonymous
            ids[mask.to_numpy()] = self._customers[namespace].ids(rows.filter(mask))
        return pl.Series("customer_id", ids)


class _Customers:
    """The customers of one namespace that this file has named so far."""

    def __init__(self, namespace: Namespace, resolve: ResolveCustomers) -> None:
        self._namespace = namespace
        self._resolve = resolve
        self._numbering = Numbering()
        self._ids = Notes(_UNKNOWN, np.int64)
        self._has_country = Notes(False, np.bool_)

    def ids(self, rows: pl.DataFrame) -> npt.NDArray[np.int64]:
        """Our ids for ``customer``; one whose ``country`` comes later is told of again."""
        places = self._numbering.places(rows["customer"])
        asked = self._ids.at(places) == _UNKNOWN
        if rows["country"].null_count() < rows.height:
            told = rows["country"].is_not_null().to_numpy()
            asked |= told & ~self._has_country.at(places)
        if asked.any():
            at = np.flatnonzero(asked)
            self._learn(
                rows.select("customer", "country")[at].with_columns(pl.Series("at", places[at]))
            )
        return self._ids.at(places)

    def _learn(self, fresh: pl.DataFrame) -> None:
        if fresh["country"].null_count() < fresh.height:
            fresh = fresh.sort(pl.col("country").is_null(), maintain_order=True)
        once = fresh.unique("at", keep="first", maintain_order=True)
        ids = self._resolve(once["customer"], self._namespace, once["country"])
        at = once["at"].to_numpy()
        self._ids.put(at, ids.to_numpy())
        self._has_country.put(at, once["country"].is_not_null().to_numpy())
