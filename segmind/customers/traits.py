"""What is known of a customer: standard fields in columns, everything else as custom traits."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import Connection, TextClause, bindparam, text
from sqlalchemy.dialects.postgresql import JSONB

from segmind.customers import contact_points, merging
from segmind.customers.contact_points import BadValue

#: Standard traits (columns of ``customer``) and the names under which they may also arrive.
STANDARD: Final[dict[str, tuple[str, ...]]] = {
    "first_name": ("firstName", "firstname"),
    "last_name": ("lastName", "lastname"),
    "email": (),
    "phone": (),
    "country": (),
    "city": (),
    "language": ("locale",),
    "timezone": (),
    "birthday": (),
}
_NAMED: Final = {alias: name for name, more in STANDARD.items() for alias in (name, *more)}
#: Columns that a trait may not shadow: they are set by consent, devices and identity.
RESERVED: Final = frozenset(
    f"{c}_{what}" for c in ("email", "sms", "push") for what in ("consent", "suppressed")
) | {"push_token", "external_id", "customer_id", "id", "is_anonymous"}

MAX_TEXT: Final = 2_000
MAX_NAME: Final = 100
MAX_TRAITS_BYTES: Final = 32_768
_MAX_STANDARD_TEXT: Final = 300
_MAX_DEPTH: Final = 4
_LARGEST: Final = 2**53  # beyond it JSON readers disagree about integers


@dataclass(frozen=True, slots=True)
class Refused:
    """One value that was not kept: which, and why."""

    field: str
    reason: str


@dataclass(frozen=True, slots=True)
class Sorted:
    """Traits told apart: columns to set, custom ones to set, custom ones to drop, refused ones."""

    columns: dict[str, Any]
    custom: dict[str, Any]
    removed: tuple[str, ...]
    refused: tuple[Refused, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the given traits. ``addresses``: of ``email, phone``, those that changed.

    A changed address may be suppressed or not: the caller lets consent look it up anew.
    """

    refused: tuple[Refused, ...]
    addresses: frozenset[str]


def set_traits(
    conn: Connection, customer_id: int, traits: Mapping[str, Any], now: datetime
) -> Outcome:
    """Set traits; null clears one. Bad values are refused by name, the rest goes in.

    Standard traits (``STANDARD``, also in Segment's spelling and its ``address``) are checked and
    normalised: e-mail by form, phone to E.164 by the country given here or known before. Custom
    ones keep their JSON type (text, number, boolean, list of these, or a small object).
    """
    (outcome,) = set_many(conn, [(merging.current_id(conn, customer_id), traits)], now)
    return outcome


def set_many(
    conn: Connection, given: Sequence[tuple[int, Mapping[str, Any]]], now: datetime
) -> list[Outcome]:
    """``set_traits`` for customers as they are now, one after the other; an outcome for each.

    Reads all of them in one round trip, in the order of their ids, and writes only what changes: a
    library that says the same on every page touches nobody.
    """
    rows = conn.execute(_READ, {"ids": sorted({customer for customer, _ in given})}).mappings()
    before = {int(row["id"]): dict(row) for row in rows}
    after = {customer: dict(row) for customer, row in before.items()}
    outcomes = [_apply(after[customer], traits, now) for customer, traits in given]
    _write(conn, before, after)
    return outcomes


def _apply(row: dict[str, Any], traits: Mapping[str, Any], now: datetime) -> Outcome:
    """Change a customer's row as the traits say."""
    given = sort_traits(traits, row["country"], now)
    kept = {k: v for k, v in row["traits"].items() if k not in given.removed} | given.custom
    refused = list(given.refused)
    if len(json.dumps(kept).encode()) > MAX_TRAITS_BYTES:
        refused.append(Refused("traits", f"are larger than {MAX_TRAITS_BYTES} bytes together"))
        kept = row["traits"]
    changed = {n for n in ("email", "phone") if n in given.columns and given.columns[n] != row[n]}
    row |= given.columns | {"traits": kept}
    return Outcome(tuple(refused), frozenset(changed))


_Rows = Mapping[int, dict[str, Any]]


def _write(conn: Connection, before: _Rows, after: _Rows) -> None:
    """Those that differ; who changes in the same columns is sent together."""
    together: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for customer in sorted(after):
        row = after[customer]
        if changed := _changed(before[customer], row):
            values = {name: row[name] for name in changed}
            together.setdefault(changed, []).append(values | {"id": customer})
    for changed, rows in together.items():
        conn.execute(_update(changed), rows)


def _changed(before: dict[str, Any], after: dict[str, Any]) -> tuple[str, ...]:
    changed = [name for name in after if after[name] != before[name]]
    if "traits" not in changed and _is_retyped(before["traits"], after["traits"]):
        changed.append("traits")
    return tuple(changed)


@lru_cache(maxsize=128)
def _update(changed: tuple[str, ...]) -> TextClause:
    parts = [f"{name} = :{name}" for name in changed]
    # The flag was about the old address; consent sets it anew for the new one.
    parts += [
        f"{channel}_suppressed = false"
        for channel, name in (("email", "email"), ("sms", "phone"))
        if name in changed
    ]
    statement = text(f"UPDATE customer SET {', '.join(parts)} WHERE id = :id")
    if "traits" in changed:
        statement = statement.bindparams(bindparam("traits", type_=JSONB))
    return statement


def _is_retyped(before: dict[str, Any], after: dict[str, Any]) -> bool:
    """Whether equal values are written differently: 1, 1.0 and true."""
    return json.dumps(before, sort_keys=True) != json.dumps(after, sort_keys=True)


_READ: Final = text(
    f"SELECT id, traits, {', '.join(STANDARD)} FROM customer "
    "WHERE id = ANY(:ids) ORDER BY id FOR UPDATE"
)


def sort_traits(traits: Mapping[str, Any], known_country: str | None, now: datetime) -> Sorted:
    """Tell standard from custom traits and check each; touches nothing."""
    columns: dict[str, Any] = {}
    custom: dict[str, Any] = {}
    removed: list[str] = []
    refused: list[Refused] = []
    flat = _flattened(traits)
    country = flat.get("country") or known_country
    for name, value in flat.items():
        try:
            if name in STANDARD:
                columns[name] = None if value is None else _standard(name, value, country, now)
            elif value is None:
                removed.append(name)
            else:
                custom[_custom_name(name)] = _custom(value)
        except BadValue as reason:
            refused.append(Refused(f"traits.{name}", str(reason)))
    return Sorted(columns, custom, tuple(removed), tuple(refused))


def _flattened(traits: Mapping[str, Any]) -> dict[str, Any]:
    """Standard names instead of their aliases; country and city out of Segment's ``address``."""
    flat: dict[str, Any] = {}
    address = traits.get("address")
    if isinstance(address, Mapping):
        flat |= {k: address[k] for k in ("country", "city") if address.get(k)}
    return flat | {_NAMED.get(k, k): v for k, v in traits.items()}


def _standard(name: str, value: Any, country: Any, now: datetime) -> Any:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise BadValue("is no text")
    written = str(value).strip()
    if not written:
        raise BadValue("is empty; send null to clear it")
    if len(written) > _MAX_STANDARD_TEXT or "\x00" in written:
        raise BadValue(f"is longer than {_MAX_STANDARD_TEXT} characters or holds a NUL")
    if name == "phone":
        return contact_points.phone(written, country if isinstance(country, str) else None)
    if name == "birthday":
        return contact_points.birthday(written, now.date())
    return _NORMAL.get(name, str)(written)


_NORMAL: Final[dict[str, Callable[[str], str]]] = {
    "email": contact_points.email,
    "country": contact_points.country,
    "language": contact_points.language,
    "timezone": contact_points.timezone,
}


def _custom_name(name: str) -> str:
    if not name.strip() or len(name) > MAX_NAME or "\x00" in name:
        raise BadValue(f"has a name that is empty or longer than {MAX_NAME} characters")
    if name in RESERVED:
        raise BadValue("is a name that Segmind keeps for itself")
    return name


def _custom(value: Any, depth: int = 0) -> Any:
    if depth > _MAX_DEPTH:
        raise BadValue("is nested too deeply")
    match value:
        case bool():
            return value
        case int() if abs(value) > _LARGEST:
            raise BadValue("is a number too large to be kept exactly; send it as text")
        case float() if not math.isfinite(value):
            raise BadValue("is no number")
        case str() if "\x00" in value:
            raise BadValue("holds a NUL character")
        case str() if len(value) > MAX_TEXT:
            raise BadValue(f"is longer than {MAX_TEXT} characters")
        case int() | float() | str():
            return value
        case list():
            return [_custom(item, depth + 1) for item in value if item is not None]
        case Mapping():
            return {
                _custom(str(k)): _custom(v, depth + 1) for k, v in value.items() if v is not None
            }
    raise BadValue("has a type that traits cannot have")
