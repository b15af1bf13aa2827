"""What the aggregates of rules say of every customer: columns by customer id, on demand."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import polars as pl

from segmind.customers.roster import Roster
from segmind.segments.aggregates.base import Aggregate
from segmind.segments.sources import CUSTOMER, Sources

#: Columns kept at hand while several rules are asked: 30 MB each at 3.7M customers.
MOST_KEPT: Final = 6


class Answers(ABC):
    """Columns of aggregates, worked out when they are first asked for."""

    @abstractmethod
    def dtype(self, aggregate: Aggregate, column: str) -> pl.DataType:
        """The type of a column, told without working it out."""

    @abstractmethod
    def column(self, aggregate: Aggregate, column: str, roster: Roster) -> pl.Series:
        """A column in the order of the roster; null, or 0 in numbers, where nothing is known."""


class OfEverybody(Answers):
    """Columns by customer id, for many customers; the newest few are kept for the next rule."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._columns: OrderedDict[tuple[Aggregate, str], pl.Series] = OrderedDict()
        self._dtypes: dict[tuple[Aggregate, str], pl.DataType] = {}

    def dtype(self, aggregate: Aggregate, column: str) -> pl.DataType:
        key = (aggregate, column)
        if key not in self._dtypes:
            if aggregate.has_vector(self._sources):
                types: Mapping[str, pl.DataType] = aggregate.vector_types
            else:
                types = aggregate.frame(self._sources).to_native().collect_schema()
            self._dtypes |= {(aggregate, name): types[name] for name in aggregate.missing}
        return self._dtypes[key]

    def column(self, aggregate: Aggregate, column: str, roster: Roster) -> pl.Series:
        series = self._by_id(aggregate, column)
        stretch: Any = roster.stretch
        return series.gather(pl.Series(roster.ids)) if stretch is None else series[stretch]

    def _by_id(self, aggregate: Aggregate, column: str) -> pl.Series:
        """A column at the places of the customers' ids, as long as ``sources.size``."""
        key = (aggregate, column)
        if key not in self._columns:
            if not aggregate.has_vector(self._sources):
                self._keep_all(aggregate)
            else:
                self._keep(key, aggregate.vector(column, self._sources))
        self._columns.move_to_end(key)
        return self._columns[key]

    def _keep_all(self, aggregate: Aggregate) -> None:
        """The columns of an aggregate that is a table: read once, spread out by id."""
        names = list(aggregate.missing)
        table: pl.DataFrame = self._sources.collected(aggregate.frame(self._sources))
        ids = table[CUSTOMER].to_numpy()
        if ids.size and int(ids.max()) >= self._sources.size:
            table = table.filter(pl.col(CUSTOMER) < self._sources.size)
            ids = table[CUSTOMER].to_numpy()
        for name in names:
            spread = by_id(ids, table[name], self._sources.size, aggregate.missing[name])
            self._keep((aggregate, name), spread)

    def _keep(self, key: tuple[Aggregate, str], column: pl.Series) -> None:
        self._columns[key] = column
        while len(self._columns) > max(MOST_KEPT, len(key[0].missing)):
            self._columns.popitem(last=False)


class OfFew(Answers):
    """Columns for a few customers whose own events are all that the sources hold."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._tables: dict[Aggregate, pl.DataFrame] = {}

    def dtype(self, aggregate: Aggregate, column: str) -> pl.DataType:
        return self._table(aggregate).schema[column]

    def column(self, aggregate: Aggregate, column: str, roster: Roster) -> pl.Series:
        mine = pl.DataFrame({CUSTOMER: roster.ids})
        table = self._table(aggregate).select(CUSTOMER, column)
        return mine.join(table, on=CUSTOMER, how="left", maintain_order="left")[column]

    def _table(self, aggregate: Aggregate) -> pl.DataFrame:
        if aggregate not in self._tables:
            frame = aggregate.frame(self._sources)
            self._tables[aggregate] = self._sources.collected(frame)
        return self._tables[aggregate]


def by_id(ids: np.ndarray, values: pl.Series, size: int, missing: Any) -> pl.Series:
    """``values`` at the places ``ids`` of a column of ``size``, ``missing`` elsewhere."""
    if values.dtype.is_integer() and missing is not None and not values.null_count():
        vector = np.full(size, missing, dtype=values.to_numpy().dtype)
        vector[ids] = values.to_numpy()
        return pl.Series(values.name, vector)
    places = np.full(size, values.len(), dtype=np.int64)
    places[ids] = np.arange(values.len())
    padded = values.extend_constant(missing, 1)
    return padded.gather(pl.Series(places))
