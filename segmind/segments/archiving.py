"""Putting segments away, and bringing them back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Connection, select

from segmind.db.locks import lock
from segmind.errors import Conflict
from segmind.segments import member_files
from segmind.segments.segment import Segment, checked_name, get, get_all, list_segments, references
from segmind.segments.tables import segment
from segmind.workspace import audit

#: Says who uses a segment, in words (``the campaign “Spring sale”``); empty: nobody.
UsedBy = Callable[[Connection, int], list[str]]


class SegmentInUse(Conflict):
    """The segment is used by {users}."""

    code = "segment_in_use"
    hint = "Take it out there first."


class NameTaken(Conflict):
    """Another segment is called “{name}” meanwhile."""

    code = "segment_name_taken"
    hint = "Bring this one back under another name."


class RestsOnArchived(Conflict):
    """Its rule refers to {others}, which is archived too."""

    code = "segment_rests_on_archived"
    hint = "Bring that back first."


def list_archived(conn: Connection) -> list[Segment]:
    """The segments that were put away, the newest of them first."""
    found = [s for s in list_segments(conn, include_archived=True) if s.archived]
    return sorted(found, key=lambda s: s.updated_at, reverse=True)


def archive(
    conn: Connection,
    segment_id: int,
    *,
    actor: str = "",
    now: datetime,
    used_by: UsedBy = lambda _conn, _id: [],
) -> Segment:
    """Take a segment out of lists and refreshes; its history stays. Of an archived one: nothing.

    ``used_by`` speaks for the floors above (campaigns, automations).

    Raises:
        NotFound: there is none of this id.
        SegmentInUse: another segment, or somebody of ``used_by``, refers to it.
    """
    lock(conn, "segment rules")
    before = get(conn, segment_id)
    if before.archived:
        return before
    users = [f"the segment “{s.name}”" for s in users_of(conn, segment_id)]
    users += used_by(conn, segment_id)
    if users:
        raise SegmentInUse(users=", ".join(users))
    values = {"archived": True, "updated_at": now}
    conn.execute(segment.update().where(segment.c.id == segment_id).values(values))
    audit.record(conn, actor, "segment.archive", str(segment_id), {"name": before.name})
    return get(conn, segment_id)


def restore(
    conn: Connection, segment_id: int, *, name: str | None = None, actor: str = "", now: datetime
) -> Segment:
    """Bring an archived segment back, under its own ``name`` or another. Of a present one: nothing.

    Its next count begins anew and moves nobody: whoever came or went while it was archived did so
    then, and must not set off automations now. Its days and sizes of before stay.

    Raises:
        NotFound: there is none of this id.
        InvalidSegment: the name is empty or too long.
        NameTaken: another segment in use is called so, upper and lower case aside.
        RestsOnArchived: its rule refers to a segment that is archived.
    """
    lock(conn, "segment rules")
    before = get(conn, segment_id)
    if not before.archived:
        return before
    called = before.name if name is None else checked_name(name)
    if is_taken(conn, called):
        raise NameTaken(name=called, field="name")
    others = get_all(conn, references(before.rule)).values()
    gone = [f"the segment “{each.name}”" for each in others if each.archived]
    if gone:
        raise RestsOnArchived(others=" and ".join(sorted(gone)))
    lock(conn, member_files.lock_of(segment_id))
    member_files.drop(conn, segment_id)
    values = {"archived": False, "name": called, "updated_at": now}
    conn.execute(segment.update().where(segment.c.id == segment_id).values(values))
    detail = {"name": called} if called == before.name else {"name": called, "was": before.name}
    audit.record(conn, actor, "segment.restore", str(segment_id), detail)
    return get(conn, segment_id)


def is_taken(conn: Connection, name: str) -> bool:
    """Whether a segment in use has this name, upper and lower case aside."""
    present = conn.execute(select(segment.c.name).where(~segment.c.archived)).scalars()
    return name.strip().casefold() in {each.casefold() for each in present}


def free_name(conn: Connection, name: str) -> str:
    """The name, with the first number behind it that nobody has where it is taken."""
    number, found = 2, name
    while is_taken(conn, found):
        found = f"{name[:190]} ({number})"
        number += 1
    return found


def users_of(conn: Connection, segment_id: int) -> list[Segment]:
    """The segments, not archived, whose rules refer to this one directly."""
    return [s for s in list_segments(conn) if segment_id in references(s.rule)]
