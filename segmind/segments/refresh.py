"""Refreshing segments: who is in now, how many, and who entered and who left as events."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from segmind.customers.facts import Facts, read_facts
from segmind.db.engine import Store
from segmind.segments import member_files
from segmind.segments.changes import Change, Found, change
from segmind.segments.compile import compiled, plans
from segmind.segments.fault import InvalidRule
from segmind.segments.linking import Resolve
from segmind.segments.matched import Matched
from segmind.segments.member_files import MemberFile
from segmind.segments.recording import is_due, record
from segmind.segments.segment import Segment, list_segments, resolver

#: So many found segments may wait to be compared: 4 MB each at 3.7M customers.
_AHEAD: Final = 3


@dataclass(frozen=True, slots=True)
class Refreshed:
    """One segment's refresh. A baseline (first, or after a change of rule) moves nobody."""

    segment_id: int
    size: int
    entered: int
    left: int
    is_baseline: bool


@dataclass(frozen=True, slots=True)
class RefreshReport:
    """What a refresh did. ``skipped``: already refreshed at this moment or a little later.

    ``failed``: segments whose rule can no longer be asked, with the reason.
    """

    as_of: datetime
    refreshed: tuple[Refreshed, ...] = ()
    skipped: tuple[int, ...] = ()
    failed: Mapping[int, str] = field(default_factory=dict)


def refresh_all(store: Store, as_of: datetime) -> RefreshReport:
    """Recompute every segment that is not archived, in one pass over the log.

    Writes the members, a row of ``segment_size`` and the ``segment_entered`` and ``segment_left``
    events of those who moved since the refresh before, in one transaction. The first time, and the
    first time after a change of rule, is a baseline: nobody moved. What breaks of one segment is
    raised once the others are recorded.

    Asked again for the same moment it does nothing, unless rule or facts changed since. A moment
    more than an hour before the newest refresh means that the clock was set back: the sizes after
    it are dropped, and it is a baseline.
    """
    return refresh(store, as_of, None)


def refresh(store: Store, as_of: datetime, segment_ids: Collection[int] | None) -> RefreshReport:
    """``refresh_all`` for some segments (None: for all that are not archived)."""
    facts = read_facts(store)
    with store.engine.connect() as conn:
        segments = [s for s in list_segments(conn) if segment_ids is None or s.id in segment_ids]
        files = member_files.find_all(conn, store.lake, [s.id for s in segments])
        due = {s.id: s for s in segments if is_due(s, files.get(s.id), facts, as_of)}
        skipped = tuple(s.id for s in segments if s.id not in due)
        resolve = resolver(conn)
        failed = _unusable(due.values(), facts, as_of, resolve)
        usable = {number: each for number, each in due.items() if number not in failed}
        rules = {number: segment.rule for number, segment in usable.items()}
        finds = plans(rules, facts, as_of, resolve)
        done = _recorded(store, facts, usable, files, finds, as_of)
    overtaken = tuple(number for number, each in done.items() if each is None)
    refreshed = tuple(_refreshed(each) for each in done.values() if each is not None)
    return RefreshReport(as_of, refreshed, skipped + overtaken, failed)


def _unusable(
    segments: Iterable[Segment], facts: Facts, as_of: datetime, resolve: Resolve
) -> dict[int, str]:
    """The segments whose rules cannot be asked; they must not stop the others."""
    failed: dict[int, str] = {}
    for segment in segments:
        try:
            compiled(segment.rule, facts, as_of, resolve)
        except InvalidRule as error:
            failed[segment.id] = str(error)
    return failed


def _recorded(
    store: Store,
    facts: Facts,
    segments: Mapping[int, Segment],
    files: Mapping[int, MemberFile],
    finds: Iterable[tuple[int, Callable[[], Matched]]],
    as_of: datetime,
) -> dict[int, Change | None]:
    """Compare each segment's members while those of the next are found, and record all at the end.

    What breaks of one segment is raised at the end: the others are recorded all the same.
    """

    def compared(number: int, found: Matched) -> Change:
        one = segments[number]
        return change(store, facts, Found.of(one, found), one.size, files.get(number), as_of)

    changes: list[Change] = []
    errors: list[Exception] = []
    with ThreadPoolExecutor(1, thread_name_prefix="members") as writer:
        ahead: deque[Future[Change]] = deque()

        def take(most: int) -> None:
            while len(ahead) > most:
                try:
                    changes.append(ahead.popleft().result())
                except Exception as error:
                    errors.append(error)

        for number, find in finds:
            try:
                ahead.append(writer.submit(compared, number, find()))
            except Exception as error:
                errors.append(error)
            take(_AHEAD)
        take(0)
    done = record(store, facts, changes, as_of)
    if errors:
        raise errors[0]
    return done


def _refreshed(change: Change) -> Refreshed:
    size = change.size
    return Refreshed(size.segment_id, size.size, size.entered, size.left, change.is_baseline)
