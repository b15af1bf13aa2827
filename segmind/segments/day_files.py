"""A day's members as a file: what changed against an earlier day, or everybody.

One row for each customer who changed: ``gap`` (the id less the id of the row before; the smallest
unsigned type that holds them) and ``joined``. Ids ascend, so gaps are small numbers that compress
well: between 0.2 and 1.2 bytes for each member of a whole file where 70 to 1 % of 3.7 million
customers are in, and about as much for each customer who moved in the files between.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final, Literal

import polars as pl
from sqlalchemy import Connection, RowMapping, select

from segmind.errors import Unavailable
from segmind.events import catalogue, files
from segmind.events.catalogue import NewEntry
from segmind.events.tables import event_file

KIND: Final = "member_day"
#: A file with everybody comes after so many that only tell changes: bounds what a read opens.
LONGEST_CHAIN: Final = 7

Origin = Literal["refresh", "filled"]


class DayDamaged(Unavailable):
    """The members of {day} cannot be read: the file {path} is missing or damaged."""

    code = "members_damaged"
    hint = "Filling the history writes the day anew, with the present rule."


@dataclass(frozen=True, slots=True)
class DayFile:
    """One segment's members on one day.

    ``as_of`` is the moment whose members they are; ``rule_hash`` tells versions of the rule apart;
    ``origin`` says whether that day's refresh kept them or they were computed later. ``base`` is
    the file that the changes are against, None where everybody is listed.
    """

    id: int
    segment_id: int
    day: date
    path: str
    bytes: int
    checksum: str
    as_of: datetime
    size: int
    rule_hash: str
    origin: Origin
    base: int | None
    depth: int


def of_segment(
    conn: Connection, segment_id: int, since: date | None = None, until: date | None = None
) -> list[DayFile]:
    """The days kept of a segment from ``since`` to ``until``, both included, oldest first."""
    mine = [event_file.c.kind == KIND, event_file.c.subject_id == segment_id]
    if since is not None:
        mine.append(event_file.c.day >= since)
    if until is not None:
        mine.append(event_file.c.day <= until)
    query = select(event_file).where(*mine).order_by(event_file.c.day, event_file.c.id)
    return [_day_file(row) for row in conn.execute(query).mappings()]


def near(
    conn: Connection, segment_ids: Collection[int], day: date, as_of: datetime
) -> list[DayFile]:
    """The files of some segments that are of the day, or of a moment after ``as_of``."""
    query = select(event_file).where(
        event_file.c.kind == KIND,
        event_file.c.subject_id.in_(segment_ids),
        (event_file.c.day == day) | (event_file.c.min_ts > as_of),
    )
    return [_day_file(row) for row in conn.execute(query).mappings()]


def write(
    conn: Connection,
    lake: Path,
    *,
    segment_id: int,
    day: date,
    members: pl.Series,
    as_of: datetime,
    rule_hash: str,
    origin: Origin,
    base: DayFile | None,
    before: pl.Series | None,
) -> None:
    """Write a day and enter it into the catalogue with ``conn``'s transaction.

    ``members`` ascend. ``before`` are the members of ``base``; changes are written where they are
    fewer than the members, everybody otherwise.
    """
    changes = None if base is None or before is None else _changes(before, members)
    if changes is None or base is None or changes.height >= members.len():
        changes, base = _joined(members, joined=True), None
    written = files.write(lake, files.new_path(KIND, day), _packed(changes))
    detail = {
        "rule": rule_hash,
        "size": members.len(),
        "origin": origin,
        "base": base.id if base else None,
        "depth": base.depth + 1 if base else 0,
    }
    entry = NewEntry(
        written, KIND, day=day, min_ts=as_of, max_ts=as_of, detail=detail, subject_id=segment_id
    )
    catalogue.insert_all(conn, [entry])


def read(lake: Path, day: DayFile, known: Sequence[DayFile]) -> pl.Series:
    """customer_id (Int64, ascending) of the day's members, as they were written.

    ``known`` holds at least the files that the day's changes are against.

    Raises:
        DayDamaged: one of the files cannot be read, or is not what was written.
    """
    by_id = {each.id: each for each in known}
    chain = [day]
    while chain[-1].base is not None:
        base = by_id.get(chain[-1].base)
        if base is None:
            raise DayDamaged(day=day.day, path=day.path)
        chain.append(base)
    parts = [_unpacked(lake, each) for each in reversed(chain)]
    last = pl.concat(parts).unique(subset="customer_id", keep="last", maintain_order=False)
    members = last.filter("joined")["customer_id"].sort()
    if members.len() != day.size:
        raise DayDamaged(day=day.day, path=day.path)
    return members


def _changes(before: pl.Series, now: pl.Series) -> pl.DataFrame:
    joined = now.filter(~now.is_in(before.implode()))
    left = before.filter(~before.is_in(now.implode()))
    both = pl.concat([_joined(joined, joined=True), _joined(left, joined=False)])
    return both.sort("customer_id")


def _joined(ids: pl.Series, *, joined: bool) -> pl.DataFrame:
    return pl.DataFrame({"customer_id": ids.cast(pl.Int64)}).with_columns(joined=pl.lit(joined))


def _packed(changes: pl.DataFrame) -> pl.DataFrame:
    gaps = changes["customer_id"].diff().fill_null(changes["customer_id"].first() or 0)
    return pl.DataFrame(
        {"gap": gaps.cast(pl.UInt64).shrink_dtype(), "joined": changes["joined"]},
    )


def _unpacked(lake: Path, day: DayFile) -> pl.DataFrame:
    if files.fault_of(lake, day.path, day.bytes, day.checksum) is not None:
        raise DayDamaged(day=day.day, path=day.path)
    try:
        packed = pl.read_parquet(lake / day.path, glob=False, hive_partitioning=False)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DayDamaged(day=day.day, path=day.path) from error
    return packed.select(pl.col("gap").cast(pl.Int64).cum_sum().alias("customer_id"), "joined")


def _day_file(row: RowMapping) -> DayFile:
    detail: Mapping[str, Any] = row["detail"]
    return DayFile(
        id=row["id"],
        segment_id=row["subject_id"],
        day=row["day"],
        path=row["path"],
        bytes=row["bytes"],
        checksum=row["checksum"],
        as_of=row["min_ts"],
        size=detail["size"],
        rule_hash=detail["rule"],
        origin=detail["origin"],
        base=detail["base"],
        depth=detail["depth"],
    )
