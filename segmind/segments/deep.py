"""Where a JSON text is nested too deeply, found without nesting anything: for what no parser reads.

Only the way down is followed, so that a text of any depth is read in one pass of a flat loop.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_MARK: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}:,]')


@dataclass
class _Level:
    """An open object or list: the key, or the number, of what is being read in it."""

    is_list: bool
    key: str = ""
    number: int = 0
    kind: str = ""


def path_at(text: str, deepest: int) -> str:
    """The path (``all[0].any[2]``) of the first value below ``deepest`` levels; "" if none is."""
    levels: list[_Level] = []
    before = ""
    for mark, follows in _marks(text):
        if mark in "[{":
            levels.append(_Level(is_list=mark == "["))
            if len(levels) > deepest:
                return _path(levels[:-1])
        elif mark in "]}":
            if levels:
                levels.pop()
        elif mark == "," and levels:
            levels[-1].number += 1
        elif mark[0] == '"' and levels:
            if follows == ":":
                levels[-1].key = mark[1:-1]
            elif before == ":" and levels[-1].key == "type":
                levels[-1].kind = mark[1:-1]
        before = mark
    return ""


def _marks(text: str) -> Iterator[tuple[str, str]]:
    """Every mark with the one that follows it."""
    last = ""
    for match in _MARK.finditer(text):
        if last:
            yield last, match.group()
        last = match.group()
    if last:
        yield last, ""


def _path(levels: list[_Level]) -> str:
    path = ""
    for level, below in zip(levels, [*levels[1:], None], strict=True):
        if level.is_list:
            path += f"[{level.number}]"
        elif level.key == "conditions" and level.kind and below is not None and below.is_list:
            path += f".{level.kind}"
        else:
            path += f".{level.key}"
    return path.lstrip(".")
