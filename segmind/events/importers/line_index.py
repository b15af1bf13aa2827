"""Where the lines of a block of bytes begin, without a list of millions of places."""

from __future__ import annotations

from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt

#: Bytes looked at together: small enough that what is compared stays in the processor's cache.
CHUNK: Final = 1 << 16
_NEWLINE: Final = 10

Places = npt.NDArray[np.int64]


class LineIndex:
    """The lines of ``data``, counted from 0. A line ends with its newline or with the data."""

    def __init__(self, data: bytes) -> None:
        self._bytes = np.frombuffer(data, np.uint8)

    @cached_property
    def lines(self) -> int:
        """How many there are."""
        size = len(self._bytes)
        return self._newlines + int(size > 0 and self._bytes[-1] != _NEWLINE)

    def count(self, byte: int) -> int:
        """How often a byte occurs in the data."""
        return int(self._counts(byte).sum())

    def start(self, line: int) -> int:
        """Where ``line`` begins; the data's end for the line after the last."""
        if line <= 0:
            return 0
        if line > self._newlines:
            return len(self._bytes)
        chunk = int(np.searchsorted(self._newlines_until, line))
        before = int(self._newlines_until[chunk - 1]) if chunk else 0
        inside = np.flatnonzero(self._bytes[chunk * CHUNK : (chunk + 1) * CHUNK] == _NEWLINE)
        return chunk * CHUNK + int(inside[line - before - 1]) + 1

    def places(self, byte: int) -> Places:
        """Where a byte occurs."""
        found = [np.flatnonzero(part == byte) + at for at, part in self._chunks()]
        return np.concatenate(found) if found else np.empty(0, np.int64)

    @property
    def _newlines(self) -> int:
        return int(self._newlines_until[-1]) if len(self._newlines_until) else 0

    @cached_property
    def _newlines_until(self) -> Places:
        return np.cumsum(self._counts(_NEWLINE))

    def _counts(self, byte: int) -> Places:
        counts = [np.count_nonzero(part == byte) for _, part in self._chunks()]
        return np.array(counts, dtype=np.int64)

    def _chunks(self) -> list[tuple[int, npt.NDArray[np.uint8]]]:
        return [(at, self._bytes[at : at + CHUNK]) for at in range(0, len(self._bytes), CHUNK)]
