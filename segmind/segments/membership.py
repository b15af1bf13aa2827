"""Who is in which segment at the newest refresh, and at any other moment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import polars as pl
from sqlalchemy import Connection

from segmind.customers.facts import read_facts
from segmind.db.engine import Store
from segmind.segments import member_files
from segmind.segments.compile import compiled, matching_many
from segmind.segments.member_files import MemberFile, NotRefreshed
from segmind.segments.refresh import Refreshed, RefreshReport, refresh, refresh_all
from segmind.segments.segment import get, resolver

__all__ = [
    "Page",
    "RefreshReport",
    "Refreshed",
    "ensure",
    "members",
    "page",
    "refresh",
    "refresh_all",
]


@dataclass(frozen=True, slots=True)
class Page:
    """Some members, ascending by id. ``next_after`` fetches the page that follows; None: the end.

    ``total`` is the segment's size.
    """

    customer_ids: list[int]
    next_after: int | None
    total: int


def ensure(store: Store, segment_id: int, as_of: datetime) -> None:
    """Compute the segment now if it never was, or if its rule changed since.

    Raises:
        NotFound: there is no such segment.
        InvalidRule: its rule can no longer be asked.
    """
    with store.engine.connect() as conn:
        segment = get(conn, segment_id)
        file = member_files.find(conn, store.lake, segment_id)
    size = segment.size
    if file is not None and size is not None and size.rule_hash == segment.rule.hash:
        return
    report = refresh(store, as_of, [segment_id])
    if segment_id in report.failed:
        with store.engine.connect() as conn:
            compiled(segment.rule, read_facts(store), as_of, resolver(conn))


def members(store: Store, segment_id: int, as_of: datetime | None = None) -> pl.Series:
    """customer_id (Int64, ascending) of the members at the newest refresh, or at a past moment.

    A past moment is computed from the log with the present rule.

    Raises:
        NotFound: there is no such segment.
        NotRefreshed: it has not been computed yet, and no ``as_of`` is given.
        InvalidRule: its rule can no longer be asked.
    """
    with store.engine.connect() as conn:
        segment = get(conn, segment_id)
        if as_of is None:
            return _file(conn, store, segment_id).read()
        return matching_many({0: segment.rule}, read_facts(store), as_of, resolver(conn))[0]


def page(store: Store, segment_id: int, after: int = 0, limit: int = 100) -> Page:
    """The members at the newest refresh whose ids come after ``after``, at most ``limit``.

    Raises:
        NotFound, NotRefreshed: see ``members``.
    """
    with store.engine.connect() as conn:
        get(conn, segment_id)
        file = _file(conn, store, segment_id)
    everybody = file.read()
    ids: list[int] = everybody.slice(everybody.search_sorted(after, "right"), limit + 1).to_list()
    more = len(ids) > limit
    return Page(ids[:limit], ids[limit - 1] if more else None, file.rows)


def _file(conn: Connection, store: Store, segment_id: int) -> MemberFile:
    file = member_files.find(conn, store.lake, segment_id)
    if file is None:
        raise NotRefreshed()
    return file
