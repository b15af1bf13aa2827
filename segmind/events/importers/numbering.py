"""Texts as small integers, so that what is known of them lies in arrays and is found by place."""

from __future__ import annotations

from typing import Any, Final, Generic, TypeVar

import numpy as np
import numpy.typing as npt
import polars as pl

Places = npt.NDArray[np.int64]
Value = TypeVar("Value", bound=np.generic)

#: The place of null.
NOWHERE: Final = -1


class Numbering:
    """Gives every different text a place from 0 on, and the same text the same place for ever."""

    def __init__(self) -> None:
        self._kind = pl.Categorical(pl.Categories.random())
        self._alive = pl.Series([], dtype=self._kind)  # the places last as long as a user of them

    def places(self, texts: pl.Series) -> Places:
        """The places of a column of texts, row by row; NOWHERE for null."""
        physical = texts.cast(self._kind).to_physical().cast(pl.Int64)
        return physical.fill_null(NOWHERE).to_numpy()


class Notes(Generic[Value]):
    """What is known of each text, by its place: one array that grows."""

    def __init__(self, unknown: Any, kind: type[Value]) -> None:
        self._unknown = unknown
        self._values = np.full(1024, unknown, dtype=kind)

    def at(self, places: Places) -> npt.NDArray[Value]:
        """The notes at these places (none of them NOWHERE), ``unknown`` where nothing was noted."""
        self._grow(int(places.max(initial=0)))
        return self._values[places]

    def put(self, places: Places, values: Any) -> None:
        """Note values, one for each place."""
        self._grow(int(places.max(initial=0)))
        self._values[places] = values

    def _grow(self, last: int) -> None:
        size = len(self._values)
        if last >= size:
            more = np.full(max(size, last + 1 - size), self._unknown, dtype=self._values.dtype)
            self._values = np.concatenate([self._values, more])
