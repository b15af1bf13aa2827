"""Who is in a segment now: a file of ids for each, replaced at every refresh."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
from sqlalchemy import Connection, RowMapping, select, update

from segmind.errors import Conflict, Unavailable
from segmind.events import catalogue, files
from segmind.events.catalogue import NewEntry
from segmind.events.files import Written
from segmind.events.tables import event_file
from segmind.events.vectors.ranges import narrow
from segmind.segments import member_bits
from segmind.segments.member_bits import Bits

KIND: Final = "member"


class NotRefreshed(Conflict):
    """The segment has not been computed yet."""

    code = "not_refreshed"
    hint = "It is at the next refresh; membership.ensure does it at once."


class MembersMissing(Unavailable):
    """The file of the segment's members is missing or damaged."""

    hint = "The next refresh writes a new one."


def lock_of(segment_id: int) -> str:
    """The name of the lock of whoever replaces a segment's members."""
    return f"segment members {segment_id}"


@dataclass(frozen=True, slots=True)
class MemberFile:
    """One segment's present file: a row for each member, by ascending id.

    Its column ``gap`` is the id less the one before: half the bytes, and a third of the time to
    write, of ids themselves, which files of before 0.3.0 have in ``customer_id``.
    ``facts`` is the version of the facts that it was computed from.
    """

    id: int
    path: Path
    rows: int
    bytes: int
    checksum: str
    facts: str

    def read(self) -> pl.Series:
        """customer_id (Int64), ascending, each once.

        Raises:
            MembersMissing: the file cannot be read, or is not what was written.
        """
        try:
            (column,) = pl.read_parquet(self.path, glob=False).get_columns()
            is_gap = column.name == "gap"
            members = column.cast(pl.Int64).cum_sum() if is_gap else column
            members = members.rename("customer_id")
        except (OSError, pl.exceptions.PolarsError) as error:
            raise MembersMissing() from error
        if members.len() != self.rows:
            raise MembersMissing()
        return members

    def bits(self) -> Bits:
        """``read`` as bits; those of the newest files are at hand as long as the files are there.

        Raises:
            MembersMissing: see ``read``.
        """
        kept = member_bits.OF_FILES.get(self.path)
        if kept is None:
            return keep(self.path, member_bits.of_ids(self.read().to_numpy()))
        if files.fault_of(self.path.parent, self.path.name, self.bytes, self.checksum) is not None:
            raise MembersMissing()
        return kept[0]


def keep(path: Path, bits: Bits) -> Bits:
    """Have the members of a file at hand."""
    return member_bits.OF_FILES.keep(path, (bits,))[0]


def find(conn: Connection, lake: Path, segment_id: int) -> MemberFile | None:
    """The present file of a segment; None before its first refresh."""
    return find_all(conn, lake, [segment_id]).get(segment_id)


def find_all(conn: Connection, lake: Path, segment_ids: Collection[int]) -> dict[int, MemberFile]:
    """The present files of those of the segments that were refreshed, by segment id."""
    query = select(event_file).where(
        event_file.c.kind == KIND, event_file.c.subject_id.in_(segment_ids)
    )
    # The newest comes last, and stays.
    rows = conn.execute(query.order_by(event_file.c.id)).mappings()
    return {row["subject_id"]: _file(row, lake) for row in rows}


def _file(row: RowMapping, lake: Path) -> MemberFile:
    facts = (row["detail"] or {}).get("facts", "")
    path = lake / row["path"]
    return MemberFile(row["id"], path, row["rows"], row["bytes"], row["checksum"], facts)


def write(lake: Path, bits: Bits) -> Written:
    """Write a file of these members; it is no segment's before ``replace`` makes it one's."""
    gaps = narrow(np.diff(member_bits.ids_of(bits).to_numpy(), prepend=0))
    written = files.write(lake, files.new_path(KIND, None), pl.DataFrame({"gap": gaps}))
    keep(lake / written.path, bits)
    return written


def replace(
    conn: Connection,
    written: Mapping[int, Written],
    before: Collection[MemberFile],
    as_of: datetime,
    facts: str,
) -> None:
    """Put files (by segment id) in the place of those ``before``, when ``conn`` commits."""
    catalogue.retire(conn, [each.id for each in before])
    detail = {"facts": facts}
    entries = [
        NewEntry(each, KIND, min_ts=as_of, max_ts=as_of, detail=detail, subject_id=segment_id)
        for segment_id, each in written.items()
    ]
    catalogue.insert_all(conn, entries)


def drop(conn: Connection, segment_id: int) -> None:
    """Let a segment have no members' file, when ``conn`` commits: its next refresh begins anew.

    The caller holds the segment's lock (``lock_of``).
    """
    mine = (event_file.c.kind == KIND) & (event_file.c.subject_id == segment_id)
    catalogue.retire(conn, conn.execute(select(event_file.c.id).where(mine)).scalars().all())


def confirm(conn: Connection, before: Collection[MemberFile], as_of: datetime, facts: str) -> None:
    """Say that members are still those of their present files, when ``conn`` commits."""
    if not before:
        return
    changed = {"min_ts": as_of, "max_ts": as_of, "detail": {"facts": facts}}
    mine = event_file.c.id.in_([each.id for each in before])
    conn.execute(update(event_file).where(mine).values(changed))
