"""Names of events and their codes: the standard ones are fixed, custom ones are numbered here."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine, func, select

from segmind.db.locks import lock
from segmind.errors import InvalidInput
from segmind.events.schema import DERIVED, FIRST_CUSTOM_CODE, Kind
from segmind.events.tables import event_name

#: Names that the log knows from the start.
STANDARD: Final[dict[str, int]] = {k.event_name: int(k) for k in Kind if k not in DERIVED}
LONGEST_NAME: Final = 200
MOST_NAMES: Final = 20_000

_cache: WeakKeyDictionary[Engine, dict[str, int]] = WeakKeyDictionary()


class InvalidEventName(InvalidInput):
    """An event's name has 1 to 200 characters; "{name}" has not."""

    code = "invalid_event_name"


class TooManyNames(InvalidInput):
    """There are already 20,000 different event names."""

    code = "too_many_event_names"
    hint = "Put what varies into the event's properties, not into its name."


def code_of(conn: Connection, name: str) -> int:
    """The code of an event's name; a new name gets the next one.

    A new name is committed at once, on a connection of its own: ingest of other names never waits
    for it, and a rolled-back caller leaves only a name without events behind.

    Raises:
        InvalidEventName: empty, too long, or the name of a derived kind.
        TooManyNames: names are being made from data.
    """
    return codes_of(conn, [name])[name]


def codes_of(conn: Connection, names: Iterable[str]) -> dict[str, int]:
    """``code_of`` for many names in at most one round trip when none is new."""
    wanted = set(names)
    known = _cache.setdefault(conn.engine, dict(STANDARD))
    if not wanted <= known.keys():
        known.update(_stored(conn))
    for name in sorted(wanted - known.keys()):
        known[name] = _create(conn.engine, name)
    return {name: known[name] for name in wanted}


def all_names(conn: Connection) -> dict[str, int]:
    """Every name that an event may have so far, standard and custom, with its code."""
    return STANDARD | _stored(conn)


def name_of(names: dict[str, int], code: int) -> str:
    """The name with ``code`` among ``names``; ``event 123`` for one that is not there."""
    return next((name for name, its in names.items() if its == code), f"event {code}")


def _stored(conn: Connection) -> dict[str, int]:
    rows = conn.execute(select(event_name.c.name, event_name.c.code))
    return {row.name: row.code for row in rows}


def _create(engine: Engine, name: str) -> int:
    if not name.strip() or len(name) > LONGEST_NAME or "\x00" in name or name in _RESERVED:
        raise InvalidEventName(name=name[:60])
    with engine.begin() as conn:
        lock(conn, "event_name")
        if (code := _stored(conn).get(name)) is not None:
            return code
        last = conn.execute(select(func.max(event_name.c.code))).scalar()
        code = FIRST_CUSTOM_CODE if last is None else int(last) + 1
        if code >= FIRST_CUSTOM_CODE + MOST_NAMES:
            raise TooManyNames()
        conn.execute(event_name.insert().values(code=code, name=name))
    return code


_RESERVED: Final = frozenset(k.event_name for k in DERIVED)
