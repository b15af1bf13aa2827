"""Arrays as one text each: what thousands of values are passed by in a single parameter.

The driver writes an array value by value, which costs more than everything else about a row. The
literal is bound like any other text, and the server reads it at the speed of COPY.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, Final
from uuid import UUID


def literal(values: Sequence[Any]) -> str:
    """``values`` as an array literal: all of one type (str, int, bool, UUID, date, aware datetime)
    or None.

    To be cast where it is used: ``CAST(:ids AS uuid[])``.
    """
    sample = next((v for v in values if v is not None), None)
    if isinstance(sample, str):
        return _texts(values)
    if isinstance(sample, UUID):
        return _array([None if v is None else v.hex for v in values])
    if isinstance(sample, date):  # a datetime is one too
        return _array([None if v is None else v.isoformat() for v in values])
    # Python writes a list of numbers itself, several times as fast as one by one. It writes a
    # member of an enum by its name, so that is made a plain number first.
    if not _PLAIN.issuperset(map(type, values)):
        values = [None if v is None else int(v) for v in values]
    return "{" + str(list(values))[1:-1].replace("None", "NULL") + "}"


def _array(written: list[str | None]) -> str:
    return "{" + ",".join(["NULL" if w is None else w for w in written]) + "}"


def _texts(values: Sequence[str | None]) -> str:
    """All of them escaped at once, parted by a sign that none of them has."""
    joined = _BETWEEN.join([_NULL if v is None else v for v in values])
    if joined.count(_BETWEEN) >= len(values) or joined.count(_NULL) != values.count(None):
        return _array([None if v is None else f'"{_escaped(v)}"' for v in values])
    quoted = '"' + _escaped(joined).replace(_BETWEEN, '","') + '"'
    return "{" + quoted.replace(f'"{_NULL}"', "NULL") + "}"


def _escaped(text: str) -> str:
    if "\\" in text:
        text = text.replace("\\", "\\\\")
    return text.replace('"', '\\"') if '"' in text else text


_PLAIN: Final = frozenset({int, bool, type(None)})
_BETWEEN: Final = "\x1e"
_NULL: Final = "\x1d"
