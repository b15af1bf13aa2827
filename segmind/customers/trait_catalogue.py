"""Which traits there are, of which type, with which values: what the rule builder offers."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import islice
from typing import Any, Final, Literal

from sqlalchemy import Connection, RowMapping, text

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
_HOW_MANY_HAVE: Final = ", ".join(f"count({name}) AS {name}" for name in _STANDARD)


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
    sampled = _sampled(conn)
    known = _told(conn, f"{sampled} SELECT count(*) AS everybody, {_HOW_MANY_HAVE} FROM sampled")[0]
    everybody = max(known["everybody"], 1)
    common = _offered(conn, sampled)
    standard = [
        Trait(name, kind, True, common.get(name, ()), known[name] / everybody)
        for name, kind in _STANDARD.items()
    ]
    values = _custom(conn, sampled)
    custom = [
        Trait(name, _type_of(found), False, _frequent(found), found.total() / everybody)
        for name, found in sorted(values.items())
    ]
    return standard + custom


def _sampled(conn: Connection) -> str:
    """The customers to look at, as the beginning of a query: the server counts, row by row."""
    size = conn.execute(
        text("SELECT greatest(reltuples, 0)::bigint FROM pg_class WHERE oid = 'customer'::regclass")
    ).scalar_one()
    share = min(100.0, 100.0 * SAMPLE / max(int(size), 1))
    source = (
        "customer" if share >= 100 else f"customer TABLESAMPLE SYSTEM ({share:.6f}) REPEATABLE (1)"
    )
    return f"WITH sampled AS (SELECT * FROM {source} WHERE erased_at IS NULL LIMIT {2 * SAMPLE})"


def _offered(conn: Connection, sampled: str) -> dict[str, tuple[Any, ...]]:
    """The most frequent values of the standard traits whose values are offered."""
    sets = ", ".join(f"({name})" for name in _OFFERED)
    query = f"{sampled} SELECT {', '.join(_OFFERED)}, count(*) AS n FROM sampled"
    counted: dict[str, Counter[str]] = defaultdict(Counter)
    for row in _told(conn, f"{query} GROUP BY GROUPING SETS ({sets})"):
        for name in _OFFERED:
            if row[name] is not None:
                counted[name][json.dumps(row[name])] = row["n"]
    return {name: _frequent(found) for name, found in counted.items()}


def _custom(conn: Connection, sampled: str) -> dict[str, Counter[str]]:
    """How many have which value, as JSON, of every custom trait."""
    query = "SELECT each.key, each.value::text AS value, count(*) AS n"
    each = "FROM sampled, jsonb_each(traits) AS each WHERE jsonb_typeof(each.value) <> 'null'"
    values: dict[str, Counter[str]] = defaultdict(Counter)
    for row in _told(conn, f"{sampled} {query} {each} GROUP BY each.key, each.value"):
        values[row["key"]][row["value"]] = row["n"]
    return values


def _told(conn: Connection, query: str) -> Sequence[RowMapping]:
    return conn.execute(text(query)).mappings().all()


def _frequent(counted: Counter[str]) -> tuple[Any, ...]:
    """The most frequent single values, those as frequent in the order of their JSON."""
    known = sorted(counted.items(), key=lambda each: (-each[1], each[0]))
    values = (json.loads(value) for value, _ in known)
    single = (value for value in values if isinstance(value, str | int | float | bool))
    return tuple(islice(single, _VALUES_SHOWN))


def _type_of(values: Iterable[str]) -> TraitType:
    """The type that all values, given as JSON, have; text where they differ."""
    kinds = {_type_of_one(json.loads(value)) for value in values}
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
