"""Recording what changed: many segments in one transaction, or each alone where that breaks.

Two runners that are at the same segments wait for each other, in one order; the later one finds the
sizes and files of the faster one, and does what is left to do.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Final

import polars as pl
from sqlalchemy import Connection
from sqlalchemy.dialects.postgresql import insert

from segmind.customers.facts import Facts
from segmind.db.engine import Store
from segmind.db.locks import lock_all
from segmind.events import ingest
from segmind.events.ingest import NewEvent
from segmind.events.schema import Kind, Source
from segmind.segments import history, member_bits, member_files, reach
from segmind.segments.changes import Change, change
from segmind.segments.member_files import MemberFile
from segmind.segments.segment import Segment, get_all
from segmind.segments.sizes import Size
from segmind.segments.tables import segment_size

log = logging.getLogger(__name__)

#: Events per call of ingest: bounds the memory of a refresh in which many customers move.
_PORTION: Final = 20_000
#: Two runners are seconds apart; a moment that lies further back was set on purpose.
_SET_BACK: Final = timedelta(hours=1)


def is_due(segment: Segment, file: MemberFile | None, facts: Facts, as_of: datetime) -> bool:
    """Whether a refresh at this moment, from these facts, has something to write."""
    last = segment.size
    if last is None or file is None or as_of > last.as_of:
        return True
    if as_of == last.as_of:
        return last.rule_hash != segment.rule.hash or file.facts != facts.version
    return last.as_of - as_of > _SET_BACK


def record(
    store: Store, facts: Facts, changes: Sequence[Change], as_of: datetime
) -> dict[int, Change | None]:
    """Write the changes, by segment id; None for a segment of which somebody was faster.

    What cannot be written of one segment leaves the others right: it is raised after them.
    """
    if not changes:
        return {}
    try:
        return _record(store, facts, changes, as_of)
    except Exception:
        if len(changes) == 1:
            raise
        log.exception("Segments could not be recorded together; each is by itself")
    done: dict[int, Change | None] = {}
    errors: list[Exception] = []
    for each in changes:
        try:
            done |= _record(store, facts, [each], as_of)
        except Exception as error:
            errors.append(error)
    if errors:
        raise errors[0]
    return done


def _record(
    store: Store, facts: Facts, changes: Sequence[Change], as_of: datetime
) -> dict[int, Change | None]:
    ids = [each.found.segment.id for each in changes]
    with store.engine.begin() as conn:
        lock_all(conn, [member_files.lock_of(each) for each in ids])
        present, files = get_all(conn, ids), member_files.find_all(conn, store.lake, ids)
        done: dict[int, Change | None] = dict.fromkeys(ids)
        for each in changes:
            number = each.found.segment.id
            segment, file = present.get(number), files.get(number)
            if segment is None or not is_due(segment, file, facts, as_of):
                continue
            is_as_compared = segment.size == each.last and file == each.before
            done[number] = (
                each
                if is_as_compared
                else change(store, facts, each.found, segment.size, file, as_of)
            )
        due = [each for each in done.values() if each is not None]
        _write_members(conn, due, as_of, facts)
        _keep_days(conn, store, due, as_of, facts)
        _write_sizes(conn, [each.size for each in due], as_of)
        moved = _moves(due, facts, as_of)
        while portion := list(islice(moved, _PORTION)):
            ingest.append(conn, portion, received_at=as_of)
    return done


def _write_members(
    conn: Connection, changes: Sequence[Change], as_of: datetime, facts: Facts
) -> None:
    others = [each for each in changes if each.written is not None]
    same = [each for each in changes if each.written is None]
    written = {c.found.segment.id: c.written for c in others if c.written is not None}
    replaced = [each.before for each in others if each.before is not None]
    member_files.replace(conn, written, replaced, as_of, facts.version)
    confirmed = [each.before for each in same if each.before is not None]
    member_files.confirm(conn, confirmed, as_of, facts.version)


def _keep_days(
    conn: Connection, store: Store, changes: Sequence[Change], as_of: datetime, facts: Facts
) -> None:
    kept = history.kept(conn, [each.found.segment for each in changes], as_of, facts.zone)
    for each in changes:
        segment = each.found.segment
        if segment.id not in kept:
            members = member_bits.ids_of(each.found.members)
            history.keep(conn, store.lake, segment, members, as_of, facts.zone)


def _write_sizes(conn: Connection, sizes: Sequence[Size], as_of: datetime) -> None:
    """Write the sizes. Another one of the same moment and rule is brought up to date."""
    if not sizes:
        return
    table = segment_size
    mine = table.c.segment_id.in_([size.segment_id for size in sizes])
    conn.execute(table.delete().where(mine, table.c.as_of > as_of))
    rows: list[dict[str, Any]] = [
        {
            "segment_id": size.segment_id,
            "as_of": size.as_of,
            "size": size.size,
            "entered": size.entered,
            "left": size.left,
            "rule_hash": size.rule_hash,
            **{f"reach_{channel}": size.reach[channel] for channel in reach.CHANNELS},
        }
        for size in sizes
    ]
    new = insert(table).values(rows)
    changed: dict[str, Any] = {name: new.excluded[name] for name in rows[0]}
    changed["entered"] = table.c.entered + new.excluded.entered
    changed["left"] = table.c.left + new.excluded.left
    conn.execute(new.on_conflict_do_update(index_elements=["segment_id", "as_of"], set_=changed))


def _moves(changes: Iterable[Change], facts: Facts, as_of: datetime) -> Iterator[NewEvent]:
    """An event for everybody who entered or left."""
    for each in changes:
        number = each.found.segment.id
        yield from _events(number, Kind.SEGMENT_ENTERED, each.entered, as_of)
        left = _still_customers(each.left, facts)
        yield from _events(number, Kind.SEGMENT_LEFT, left, as_of)


def _events(
    segment_id: int, kind: Kind, customers: pl.Series, as_of: datetime
) -> Iterator[NewEvent]:
    for customer in customers:
        yield NewEvent(
            event_id=f"segment:{segment_id}:{customer}:{kind.event_name}:{as_of.isoformat()}",
            name=kind.event_name,
            ts=as_of,
            customer_id=customer,
            source_kind=int(Source.SEGMENT),
            source_id=segment_id,
        )


def _still_customers(ids: pl.Series, facts: Facts) -> pl.Series:
    """Those of ``ids`` who are not gone: nothing is written about the erased."""
    known = ids.filter(ids < facts.is_customer.size)
    return known.filter(pl.Series(facts.is_customer[known.to_numpy()]))
