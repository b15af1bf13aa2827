"""Saved segments: made, changed, and found again (``archiving`` puts them away)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, RowMapping, select

from segmind.db.locks import lock
from segmind.errors import InvalidInput, NotFound
from segmind.events import names
from segmind.segments import linking, sizes
from segmind.segments.built_ins import BUILT_INS
from segmind.segments.conditions.membership import InSegment
from segmind.segments.linking import Resolve
from segmind.segments.rule import Rule, parse, walk
from segmind.segments.sizes import Size
from segmind.segments.tables import segment
from segmind.workspace import audit

_LONGEST_NAME: Final = 200
_LONGEST_DESCRIPTION: Final = 2_000


class InvalidSegment(InvalidInput):
    """The segment cannot be saved."""

    code = "invalid_segment"


@dataclass(frozen=True, slots=True)
class Segment:
    """A saved rule. ``key`` names a built-in; ``size`` is the newest one, None before the first.

    A size that belongs to an earlier version of the rule has another ``rule_hash``.
    """

    id: int
    key: str | None
    name: str
    description: str
    rule: Rule
    archived: bool
    created_by: str
    created_at: datetime
    updated_at: datetime
    size: Size | None = None

    @property
    def is_built_in(self) -> bool:
        return self.key is not None


def list_segments(conn: Connection, *, include_archived: bool = False) -> list[Segment]:
    """Every segment with its newest size: the built-ins first, then by name."""
    query = select(segment).order_by(segment.c.key.is_(None), segment.c.name, segment.c.id)
    if not include_archived:
        query = query.where(~segment.c.archived)
    newest = sizes.latest(conn)
    rows = conn.execute(query).mappings().all()
    return [_segment(row, newest.get(row["id"])) for row in rows]


def get(conn: Connection, segment_id: int) -> Segment:
    """One segment, archived or not.

    Raises:
        NotFound: there is none of this id.
    """
    row = conn.execute(select(segment).where(segment.c.id == segment_id)).mappings().first()
    if row is None:
        raise NotFound(what="segment", key=segment_id)
    return _segment(row, sizes.latest(conn, [segment_id]).get(segment_id))


def get_all(conn: Connection, segment_ids: Collection[int]) -> dict[int, Segment]:
    """Those of the segments that there are, archived or not."""
    rows = conn.execute(select(segment).where(segment.c.id.in_(segment_ids))).mappings().all()
    newest = sizes.latest(conn, segment_ids)
    return {row["id"]: _segment(row, newest.get(row["id"])) for row in rows}


def by_key(conn: Connection, key: str) -> Segment:
    """A built-in by its key.

    Raises:
        NotFound: there is none.
    """
    row = conn.execute(select(segment).where(segment.c.key == key)).mappings().first()
    if row is None:
        raise NotFound(what="segment", key=key)
    return _segment(row, sizes.latest(conn, [row["id"]]).get(row["id"]))


def resolver(conn: Connection) -> Resolve:
    """Looks up the rules of saved segments while ``conn`` is open, each once."""
    known: dict[int, Rule | None] = {}

    def resolve(segment_id: int) -> Rule | None:
        if segment_id not in known:
            query = select(segment.c.rule).where(segment.c.id == segment_id)
            found = conn.execute(query).scalar()
            known[segment_id] = None if found is None else parse(found)
        return known[segment_id]

    return resolve


def create(
    conn: Connection,
    name: str,
    rule: Rule | Any,
    *,
    description: str = "",
    actor: str = "",
    now: datetime,
) -> Segment:
    """Save a new segment; ``rule`` may be JSON.

    Raises:
        InvalidRule: the rule is none, names unknown events or segments, or refers to itself.
        InvalidSegment: the name is empty or too long.
    """
    checked = _checked(conn, rule, own_id=None)
    values = {
        "name": checked_name(name),
        "description": _description(description),
        "rule": checked.as_json(),
        "created_by": actor,
        "created_at": now,
        "updated_at": now,
    }
    new_id = conn.execute(segment.insert().values(values).returning(segment.c.id)).scalar_one()
    audit.record(conn, actor, "segment.create", str(new_id), {"name": values["name"]})
    return get(conn, new_id)


def update(
    conn: Connection,
    segment_id: int,
    *,
    name: str | None = None,
    description: str | None = None,
    rule: Rule | Any | None = None,
    actor: str = "",
    now: datetime,
) -> Segment:
    """Change what is given. A changed rule begins a new baseline at the next refresh.

    Raises:
        NotFound, InvalidRule, InvalidSegment: see ``get`` and ``create``.
    """
    # One change at a time: two that are fine alone could refer to each other in a circle.
    lock(conn, "segment rules")
    before = get(conn, segment_id)
    changes: dict[str, Any] = {}
    if name is not None:
        changes["name"] = checked_name(name)
    if description is not None:
        changes["description"] = _description(description)
    if rule is not None:
        changes["rule"] = _checked(conn, rule, own_id=segment_id).as_json()
    if changes:
        values = {**changes, "updated_at": now}
        conn.execute(segment.update().where(segment.c.id == segment_id).values(values))
        detail = {"name": before.name, "changed": sorted(changes)}
        audit.record(conn, actor, "segment.update", str(segment_id), detail)
    return get(conn, segment_id)


def references(rule: Rule) -> set[int]:
    """The segments that a rule refers to directly."""
    return {c.segment_id for _, c in walk(rule) if isinstance(c, InSegment)}


def ensure_built_ins(conn: Connection, actor: str, now: datetime) -> list[Segment]:
    """Create the built-in segments that are missing; an edited or archived one stays as it is."""
    lock(conn, "segment built-ins")
    present = set(conn.execute(select(segment.c.key).where(segment.c.key.is_not(None))).scalars())
    for built_in in BUILT_INS:
        if built_in.key not in present:
            made = create(
                conn,
                built_in.name,
                built_in.rule,
                description=built_in.description,
                actor=actor,
                now=now,
            )
            conn.execute(segment.update().where(segment.c.id == made.id).values(key=built_in.key))
    return [s for s in list_segments(conn) if s.is_built_in]


def _checked(conn: Connection, rule: Rule | Any, own_id: int | None) -> Rule:
    checked = rule if isinstance(rule, Rule) else parse(rule)
    linking.check_events(checked, names.all_names(conn))
    linking.linked(checked, resolver(conn), own_id)
    return checked


def checked_name(given: str) -> str:
    """The name as it is kept.

    Raises:
        InvalidSegment: it is empty or too long.
    """
    name = given.strip()
    if not name or len(name) > _LONGEST_NAME or "\x00" in name:
        message = f"A segment's name has 1 to {_LONGEST_NAME} characters."
        raise InvalidSegment(message, field="name")
    return name


def _description(given: str) -> str:
    text = given.strip()
    if len(text) > _LONGEST_DESCRIPTION or "\x00" in text:
        message = f"A description has at most {_LONGEST_DESCRIPTION:,} characters."
        raise InvalidSegment(message, field="description")
    return text


def _segment(row: RowMapping, size: Size | None) -> Segment:
    return Segment(**{**row, "rule": parse(row["rule"])}, size=size)
