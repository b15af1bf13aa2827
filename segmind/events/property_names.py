"""The names of properties that events carry, as far as rules may want to speak of them."""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from pathlib import Path
from typing import Final

import polars as pl

from segmind.events.rows import Rows, scan_files

#: Events of a file that are looked at, and names that are told at most.
_LOOKED_AT: Final = 2_000
MOST: Final = 200
_KEPT: Final = 20_000

_names: OrderedDict[Path, frozenset[str]] = OrderedDict()
_lock = threading.Lock()


def known(rows: Rows) -> list[str]:
    """Names of properties in alphabetical order, from the first events of each file that have any.

    A file is looked at once a process.
    """
    found = set(_of(rows.recent.lazy()))
    for file in rows.files:
        found |= _of_file(file.path)
    return sorted(found)[:MOST]


def _of_file(path: Path) -> frozenset[str]:
    with _lock:
        if path in _names:
            _names.move_to_end(path)
            return _names[path]
    made = _of(scan_files([path]))
    with _lock:
        _names[path] = made
        while len(_names) > _KEPT:
            _names.popitem(last=False)
    return made


def _of(events: pl.LazyFrame) -> frozenset[str]:
    some = events.select("properties").drop_nulls().head(_LOOKED_AT).collect()["properties"]
    found: set[str] = set()
    for text in some.unique():
        held = json.loads(text)
        found |= set(held) if isinstance(held, dict) else set()
    return frozenset(found)
