"""Which traits there are, of which type, with which values: what the rule builder offers."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final, Literal

from sqlalchemy import Connection, text

TraitType = Literal["text", "number", "boolean", "date", "list", "object"]

#: Shops up to this size are read whole; larger ones by a sample of about as many customers.
SAMPLE: Final = 50_000
_VALUES_SHOWN: Final = 8

_STANDARD: Final[dict[str, TraitType]] = {
    "external_id": "text",
    "first_name": "text",
    "last_name": "text",
    "email": "text",
    "phone": "text",
    "country": "text",
    "city": "text",
    "language": "text",
    "timezone": "text",
    "birthday": "date",
    "created_at": "date",
    "is_anonymous": "boolean",
}
#: Standard traits with few different values: worth offering.
_OFFERED: Final = ("country", "city", "language", "timezone")


@dataclass(frozen=True, slots=True)
class Trait:
    """One trait. ``samples``: frequent values, none of personal fields. ``filled``: share 0..1."""

    name: str
    type: TraitType
    standard: bool
    samples: tuple[Any, ...]
    filled: float


def read(conn: Connection) -> list[Trait]:
    """Standard traits first, then the custom ones by name.

    Exact up to 50,000 customers; beyond that from a sample, in which a trait that fewer than one
    customer in ten thousand has may be missing.
    """
    rows = _sample(conn)
    standard = [_standard(name, kind, rows) for name, kind in _STANDARD.items()]
    values: dict[str, list[Any]] = defaultdict(list)
    for row in rows:
        for name, value in row["traits"].items():
            values[name].append(value)
    custom = [
        Trait(name, _type_of(found), False, _frequent(found), len(found) / len(rows))
        for name, found in sorted(values.items())
    ]
    return standard + custom


def _sample(conn: Connection) -> list[dict[str, Any]]:
    size = conn.execute(
        text("SELECT greatest(reltuples, 0)::bigint FROM pg_class WHERE oid = 'customer'::regclass")
    ).scalar_one()
    share = min(100.0, 100.0 * SAMPLE / max(int(size), 1))
    source = "customer" if share >= 100 else f"customer TABLESAMPLE SYSTEM ({share:.6f})"
    columns = ", ".join(_STANDARD)
    rows = conn.execute(
        text(f"SELECT {columns}, traits FROM {source} WHERE erased_at IS NULL LIMIT :most"),
        {"most": 2 * SAMPLE},
    )
    return [dict(row) for row in rows.mappings()]


def _standard(name: str, kind: TraitType, rows: list[dict[str, Any]]) -> Trait:
    found = [row[name] for row in rows if row[name] is not None]
    samples = _frequent(found) if name in _OFFERED else ()
    return Trait(name, kind, True, samples, len(found) / len(rows) if rows else 0.0)


def _frequent(values: list[Any]) -> tuple[Any, ...]:
    counted = Counter(json.dumps(v) for v in values if isinstance(v, str | int | float | bool))
    return tuple(json.loads(v) for v, _ in counted.most_common(_VALUES_SHOWN))


def _type_of(values: list[Any]) -> TraitType:
    """The type that all values have; text where they differ."""
    kinds = {_type_of_one(v) for v in values}
    return kinds.pop() if len(kinds) == 1 else "text"


def _type_of_one(value: Any) -> TraitType:
    match value:
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case list():
            return "list"
        case dict():
            return "object"
    return "date" if _is_date(value) else "text"


def _is_date(value: str) -> bool:
    if len(value) < 10 or value[4:5] != "-":
        return False
    try:
        datetime.fromisoformat(value) if len(value) > 10 else date.fromisoformat(value)
    except ValueError:
        return False
    return True
