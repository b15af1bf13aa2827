"""Arrays as one text each: what thousands of values are passed by in a single parameter.

The driver writes an array value by value, which costs more than everything else about a row. The
literal is bound like any other text, and the server reads it at the speed of COPY.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID


def literal(values: Sequence[Any]) -> str:
    """``values`` (of one type: str, int, bool, UUID, aware datetime; or None) as an array literal.

    To be cast where it is used: ``CAST(:ids AS uuid[])``.
    """
    sample = next((v for v in values if v is not None), None)
    if isinstance(sample, str):
        return _array([None if v is None else _quoted(v) for v in values])
    if isinstance(sample, UUID):
        return _array([None if v is None else v.hex for v in values])
    if isinstance(sample, datetime):
        return _array([None if v is None else v.isoformat() for v in values])
    return _array([None if v is None else str(v) for v in values])


def _array(written: list[str | None]) -> str:
    if None in written:
        return "{" + ",".join(["NULL" if w is None else w for w in written]) + "}"
    return "{" + ",".join(written) + "}"  # type: ignore[arg-type]


def _quoted(value: str) -> str:
    if "\\" in value or '"' in value:
        value = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{value}"'
