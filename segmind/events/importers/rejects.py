"""Rows that were not taken, in a file of their own: line, reason and the row as it was."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import IO, Any

COLUMNS = ("line", "reason", "row")


class Rejects:
    """Writes ``path`` when the first row is rejected; counts rows by reason."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[str] | None = None
        self._writer: Any = None
        self.reasons: Counter[str] = Counter()

    @property
    def count(self) -> int:
        return self.reasons.total()

    @property
    def path(self) -> Path | None:
        """The file; None while nothing was rejected."""
        return self._path if self._file else None

    def add(self, rows: Iterable[tuple[int, str, str]]) -> None:
        """Write rows as (line, reason, the row as it was)."""
        for line, reason, raw in rows:
            if self._file is None:
                self._open()
            self._writer.writerow((line, reason, raw))
            self.reasons[reason] += 1

    def __enter__(self) -> Rejects:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file:
            self._file.close()

    def _open(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._path.open("w", newline="", encoding="utf-8")
        self._writer = csv.writer(self._file)
        self._writer.writerow(COLUMNS)
