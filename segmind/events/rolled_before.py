"""What has been rolled up so far in one go, as those that come after it ask for it."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from segmind.events.spans import Span

_SLOTS: Final = 1 << 26


class Made:
    """The sessions and orders that started on the days made so far."""

    def __init__(self) -> None:
        self._sessions: list[tuple[Span, pl.DataFrame]] = []
        # A slot for many keys: an empty one tells that none of them was seen.
        self._seen = np.zeros(_SLOTS, dtype=np.bool_)
        self.orders: list[tuple[Span, pl.DataFrame]] = []

    def add(self, span: Span, sessions: pl.DataFrame, orders: pl.DataFrame) -> None:
        """A day's START_COLUMNS and ORDER_START_COLUMNS."""
        self._sessions.append((span, sessions))
        self.orders.append((span, orders))
        self._seen[_slots(sessions["session_key"].drop_nulls())] = True

    def sessions_of(self, keys: pl.Series) -> list[tuple[Span, pl.DataFrame]]:
        """The START_COLUMNS of all days, at least those with one of these session keys."""
        slots = _slots(keys)
        again = keys.filter(pl.Series(self._seen[slots])).unique()
        is_asked = pl.col("session_key").is_in(again.implode())
        return [(span, starts.filter(is_asked)) for span, starts in self._sessions]


def _slots(keys: pl.Series) -> np.ndarray:
    return np.asarray(keys.to_numpy() & (_SLOTS - 1))
