"""The recent tail as a process keeps it: whoever looks again reads only the rows that came since.

Why that is exact. A ``seq`` is drawn once and never again, and a row's values never change under
it: whoever changes a recent row gives it a new ``seq`` in the same statement (erasing, forgetting,
judging opens again). So in one REPEATABLE READ snapshot the set of numbers says everything. Rows
that are kept under a number of the set are those of the snapshot; rows under any other number are
gone from it (sealed, or changed); rows under numbers that are not kept are read. Nothing is assumed
about the order of commits: a slow transaction's smaller ``seq`` is a number that is not kept, and
is found like every other. The numbers are asked for whole each time, which costs a tenth of reading
the rows: 8 bytes each, and of the table's columns only the first is looked at.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl
from sqlalchemy import Connection

from segmind.events import tail
from segmind.events.schema import EVENT_COLUMNS, empty_events

#: Pieces of which the frame may consist; more make every question slower, fewer cost copies.
_MOST_PIECES: Final = 8


@dataclass(frozen=True, eq=False)
class KeptTail:
    """The recent rows of one snapshot: EVENT_COLUMNS, and each row's ``seq`` (Int64) beside it."""

    rows: pl.DataFrame
    seqs: npt.NDArray[np.int64]

    @classmethod
    def nothing(cls) -> KeptTail:
        return cls(empty_events(), np.zeros(0, np.int64))

    @cached_property
    def fingerprint(self) -> str:
        """Differs where the rows do."""
        told = np.sort(self.seqs, kind="stable").tobytes()
        return f"{self.seqs.size}.{hashlib.blake2b(told, digest_size=12).hexdigest()}"


def follow(conn: Connection, before: KeptTail, most: int | None = None) -> KeptTail:
    """The recent rows in ``conn``'s snapshot, given those of any other snapshot of this store.

    ``conn`` is in REPEATABLE READ. ``before`` itself comes back when nothing differs. Of more than
    ``most`` rows those with the smallest ``seq``.
    """
    present = tail.seqs(conn)[:most]
    stays, missing = _compared(before.seqs, present)
    if stays.all():
        kept = before
    else:
        kept = KeptTail(before.rows.filter(pl.Series(stays)), before.seqs[stays])
    if not missing.size:
        return kept
    news = tail.read(conn, first=int(missing[0]), last=int(missing[-1]))
    if news.height > missing.size:  # between the new ones lie rows that are kept already
        news = news.filter(pl.Series(np.isin(news["seq"].to_numpy(), missing)))
    rows = pl.concat([kept.rows, news.select(list(EVENT_COLUMNS))], rechunk=False)
    if rows.n_chunks() > _MOST_PIECES:
        rows = rows.rechunk()
    return KeptTail(rows, np.concatenate([kept.seqs, news["seq"].to_numpy()]))


def _compared(
    kept: npt.NDArray[np.int64], present: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.int64]]:
    """Which of the kept numbers are ``present`` (ascending), and which of these are not kept."""
    if not present.size or not kept.size:
        return np.zeros(kept.size, np.bool_), present
    if np.array_equal(kept, present):
        return np.ones(kept.size, np.bool_), present[:0]
    places = np.searchsorted(present, kept)
    places[places == present.size] = 0
    stays = present[places] == kept
    is_kept = np.zeros(present.size, np.bool_)
    is_kept[places[stays]] = True
    return stays, present[~is_kept]
