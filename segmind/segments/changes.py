"""What a refresh has to write of one segment: its size, its members' file, and who moved."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import polars as pl

from segmind.customers.facts import Facts
from segmind.db.engine import Store
from segmind.events.files import Written
from segmind.segments import member_bits, member_files, reach
from segmind.segments.matched import Matched
from segmind.segments.member_bits import Bits
from segmind.segments.member_files import MemberFile, MembersMissing
from segmind.segments.segment import Segment
from segmind.segments.sizes import Size


@dataclass(frozen=True, slots=True)
class Found:
    """Who meets a segment's rule: members as bits, and by channel whom marketing may reach."""

    segment: Segment
    members: Bits
    reach: dict[str, int]

    @classmethod
    def of(cls, segment: Segment, matched: Matched) -> Found:
        """The customers who meet the segment's rule."""
        reached = {str(channel): matched.reached(channel) for channel in reach.CHANNELS}
        return cls(segment, matched.bits, reached)


@dataclass(frozen=True, slots=True)
class Change:
    """What comes of ``found`` after the refresh before, whose size is ``last`` and whose members
    are in ``before``.

    ``written``: the new file; None where everybody stayed. A baseline moves nobody.
    """

    found: Found
    last: Size | None
    before: MemberFile | None
    size: Size
    entered: pl.Series
    left: pl.Series
    written: Written | None
    is_baseline: bool


def change(
    store: Store,
    facts: Facts,
    found: Found,
    last: Size | None,
    before: MemberFile | None,
    as_of: datetime,
) -> Change:
    """Compare with the refresh before, and write the members' file if they are others."""
    then = _members(before)
    is_baseline = then is None or _begins_anew(last, found.segment, as_of)
    came, went = _moved(then, found.members)
    is_same = then is not None and not came.any() and not went.any()
    if then is not None and not (is_baseline or is_same):
        came, went = _moved(member_bits.as_now(then, facts.log.rows.merges), found.members)
    nobody = found.members[:0]
    entered, left = (member_bits.ids_of(nobody if is_baseline else moved) for moved in (came, went))
    return Change(
        found=found,
        last=last,
        before=before,
        size=Size(
            segment_id=found.segment.id,
            as_of=as_of,
            size=member_bits.count(found.members),
            entered=entered.len(),
            left=left.len(),
            reach=found.reach,
            rule_hash=found.segment.rule.hash,
        ),
        entered=entered,
        left=left,
        written=None if is_same else member_files.write(store.lake, found.members),
        is_baseline=is_baseline,
    )


def _members(file: MemberFile | None) -> Bits | None:
    """The members of the refresh before, under the ids that they had then; None: unknown."""
    if file is None:
        return None
    try:
        return file.bits()
    except MembersMissing:
        return None


def _begins_anew(last: Size | None, segment: Segment, as_of: datetime) -> bool:
    """Whether there is nothing to compare with: no size, another rule, or the future."""
    return last is None or last.rule_hash != segment.rule.hash or last.as_of > as_of


def _moved(before: Bits | None, now: Bits) -> tuple[Bits, Bits]:
    """Who entered and who left."""
    then = now[:0] if before is None else before
    return member_bits.without(now, then), member_bits.without(then, now)
