"""Who is in a segment now: a file of ids for each, replaced at every refresh."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import polars as pl
from sqlalchemy import Connection, select, update

from segmind.errors import Conflict, Unavailable
from segmind.events import catalogue, files
from segmind.events.catalogue import NewEntry
from segmind.events.tables import event_file

KIND: Final = "member"


class NotRefreshed(Conflict):
    """The segment has not been computed yet."""

    code = "not_refreshed"
    hint = "It is at the next refresh; membership.ensure does it at once."


class MembersMissing(Unavailable):
    """The file of the segment's members is missing or damaged."""

    hint = "The next refresh writes a new one."


@dataclass(frozen=True, slots=True)
class MemberFile:
    """One segment's present file: column customer_id (Int64), ascending, each once.

    ``facts`` is the version of the facts that it was computed from.
    """

    id: int
    path: Path
    rows: int
    facts: str

    def scan(self) -> pl.LazyFrame:
        """The ids, to be filtered before they are read."""
        return pl.scan_parquet(self.path, glob=False)

    def read(self) -> pl.Series:
        """All ids.

        Raises:
            MembersMissing: the file cannot be read, or is not what was written.
        """
        try:
            members = self.scan().collect()["customer_id"]
        except (OSError, pl.exceptions.PolarsError) as error:
            raise MembersMissing() from error
        if members.len() != self.rows:
            raise MembersMissing()
        return members


def find(conn: Connection, lake: Path, segment_id: int) -> MemberFile | None:
    """The present file of a segment; None before its first refresh."""
    query = select(event_file).where(
        event_file.c.kind == KIND, event_file.c.subject_id == segment_id
    )
    row = conn.execute(query.order_by(event_file.c.id.desc()).limit(1)).mappings().first()
    if row is None:
        return None
    facts = (row["detail"] or {}).get("facts", "")
    return MemberFile(row["id"], lake / row["path"], row["rows"], facts)


def replace(
    conn: Connection,
    lake: Path,
    segment_id: int,
    members: pl.Series,
    as_of: datetime,
    facts: str,
    before: MemberFile | None,
) -> None:
    """Write the members' file and put it in the place of the one before, when ``conn`` commits."""
    frame = pl.DataFrame({"customer_id": members})
    written = files.write(lake, files.new_path(KIND, None), frame)
    entry = NewEntry(
        written,
        KIND,
        min_ts=as_of,
        max_ts=as_of,
        detail={"facts": facts},
        subject_id=segment_id,
    )
    if before is not None:
        catalogue.retire(conn, [before.id])
    catalogue.insert_all(conn, [entry])


def confirm(conn: Connection, before: MemberFile, as_of: datetime, facts: str) -> None:
    """Say that the members are still those of the present file, when ``conn`` commits."""
    changed = {"min_ts": as_of, "max_ts": as_of, "detail": {"facts": facts}}
    conn.execute(update(event_file).where(event_file.c.id == before.id).values(changed))
