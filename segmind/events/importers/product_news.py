"""The products of a file: ours for the shop's ids, and what a block says anew of them."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from segmind.db.engine import Store
from segmind.events import products
from segmind.events.importers.numbering import NOWHERE, Notes, Numbering, Places

#: Attributes of a product by the columns of PARSED that tell them.
_TOLD_BY: Final = {"name": "product_name", "category": "category", "brand": "brand"}
_NEVER: Final = -1
_UNKNOWN: Final = 0
_NO_PRICE: Final = -1  # prices are not negative


class ProductNews:
    """Tells the database of products that are new, or of which a block says something new."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._numbering = Numbering()
        self._ids = Notes(_UNKNOWN, np.int32)
        self._words = Numbering()
        self._told = {name: Notes(NOWHERE, np.int64) for name in _TOLD_BY}
        self._prices = Notes(_NO_PRICE, np.int64)

    def ids(self, rows: pl.DataFrame) -> pl.Series:
        """``product_id`` (Int32) of rows of PARSED, null where ``product`` is."""
        places = self._numbering.places(rows["product"])
        named = places != NOWHERE
        if not named.any():
            return pl.repeat(None, rows.height, dtype=pl.Int32(), eager=True).alias("product_id")
        self._learn(rows, places)
        if named.all():
            return pl.Series("product_id", self._ids.at(places))
        found = np.zeros(rows.height, dtype=np.int32)
        found[named] = self._ids.at(places[named])
        return pl.Series("product_id", found).set(pl.Series(~named), None)

    def _learn(self, rows: pl.DataFrame, places: Places) -> None:
        at = _last_rows(places, places != NOWHERE)
        met = np.flatnonzero(at != _NEVER)
        columns = [rows["product"].gather(at[met]).alias("external_id")]
        news = self._ids.at(met) == _UNKNOWN
        for attribute, column in _TOLD_BY.items():
            said = _last_said(rows[column], places, met)
            words = self._words.places(said)
            known = self._told[attribute]
            is_new = (words != NOWHERE) & (words != known.at(met))
            known.put(met[is_new], words[is_new])
            news |= is_new
            columns.append(said.alias(attribute))
        price = _last_said(rows["price"], places, met)
        cents = price.fill_null(_NO_PRICE).to_numpy()
        is_new = (cents != _NO_PRICE) & (cents != self._prices.at(met))
        self._prices.put(met[is_new], cents[is_new])
        news |= is_new
        columns.append(price.alias("price"))
        if news.any():
            self._tell(pl.DataFrame(columns).filter(pl.Series(news)))

    def _tell(self, given: pl.DataFrame) -> None:
        with self._store.engine.begin() as conn:
            found = products.ids_of_frame(conn, given)
        at = self._numbering.places(found["external_id"])
        self._ids.put(at, found["product_id"].to_numpy())


def _last_rows(places: Places, of: npt.NDArray[np.bool_]) -> Places:
    """By place: the last row among ``of`` that has it, else _NEVER."""
    last = np.full(int(places.max(initial=0)) + 1, _NEVER, dtype=np.int64)
    rows = np.flatnonzero(of)
    last[places[rows]] = rows  # of several the last assignment stays
    return last


def _last_said(values: pl.Series, places: Places, met: Places) -> pl.Series:
    """The last value that is not null at each of the places ``met``."""
    if values.null_count() == values.len():
        return pl.repeat(None, len(met), dtype=values.dtype, eager=True)
    of = places != NOWHERE
    if values.null_count():
        of &= values.is_not_null().to_numpy()
    at = _last_rows(places, of)[met]
    return values.gather(np.maximum(at, 0)).set(pl.Series(at == _NEVER), None)
