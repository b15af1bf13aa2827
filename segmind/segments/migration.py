"""How customers moved between segments from one moment to another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Generic, TypeVar

import numpy as np
import polars as pl

from segmind.customers.facts import Facts
from segmind.segments import rfm
from segmind.segments.compile import matching_many
from segmind.segments.conditions.rfm import Rfm
from segmind.segments.linking import Resolve, no_segments
from segmind.segments.rule import Rule

#: More than these nobody can read in one table.
MOST_SEGMENTS: Final = 50

Key = TypeVar("Key", int, str)
Places = np.ndarray[tuple[int], np.dtype[np.int16]]


@dataclass(frozen=True, slots=True)
class Migration(Generic[Key]):
    """``counts[i][j]``: customers who were in group i at ``since`` and are in group j at ``until``.

    Groups 0 to n-1 are the segments (by their ``keys``) in the order given, group n is "in none of
    them". A customer in several counts in the first of them: every customer is in exactly one
    group at each moment, so rows add up to the sizes before, columns to the sizes after, and all
    to ``customers``.
    """

    keys: tuple[Key, ...]
    since: datetime
    until: datetime
    counts: tuple[tuple[int, ...], ...]

    @property
    def before(self) -> tuple[int, ...]:
        """How many were in each group at ``since``."""
        return tuple(sum(row) for row in self.counts)

    @property
    def after(self) -> tuple[int, ...]:
        """How many are in each group at ``until``."""
        return tuple(sum(column) for column in zip(*self.counts, strict=True))

    @property
    def customers(self) -> int:
        """All customers: each is in one cell."""
        return sum(self.before)

    @property
    def stayed(self) -> int:
        """Customers in the same segment at both moments ("in none" apart)."""
        return sum(self.counts[n][n] for n in range(len(self.keys)))

    @property
    def moved(self) -> int:
        """Customers who changed from one segment to another."""
        named = range(len(self.keys))
        return sum(self.counts[a][b] for a in named for b in named if a != b)

    @property
    def came(self) -> int:
        """Customers who were in none and are in one."""
        return sum(self.counts[-1][:-1])

    @property
    def left(self) -> int:
        """Customers who were in one and are in none."""
        return sum(row[-1] for row in self.counts[:-1])


def migration(
    rules: Mapping[Key, Rule],
    facts: Facts,
    since: datetime,
    until: datetime,
    resolve: Resolve = no_segments,
) -> Migration[Key]:
    """The moves between rules (by key, in order of priority), computed from the log.

    Both moments are asked with the present rules and the present fields of customers.

    Raises:
        InvalidRule: see ``compile.compiled``.
    """
    before = matching_many(rules, facts, since, resolve)
    after = matching_many(rules, facts, until, resolve)
    everybody = facts.customers.select("customer_id").collect()["customer_id"]
    return between({key: before[key] for key in rules}, after, everybody, since, until)


def rfm_rules() -> dict[str, Rule]:
    """A rule for each RFM group, by the group's key, over the orders of a year.

    Between them they part all who ordered.
    """
    return {group.key: Rule(Rfm(groups=(group.key,))) for group in rfm.GROUPS}


def between(
    before: Mapping[Key, pl.Series],
    after: Mapping[Key, pl.Series],
    everybody: pl.Series,
    since: datetime,
    until: datetime,
) -> Migration[Key]:
    """The moves between groups given as members; the keys of ``before`` give the priority.

    ``everybody`` are the ids of all customers; members who are not among them are left out.
    """
    ids = everybody.to_numpy()
    size = int(ids.max()) + 1 if ids.size else 1
    n = len(before)
    was = _places(list(before.values()), size)[ids]
    now = _places([after[key] for key in before], size)[ids]
    cells = np.bincount(was.astype(np.int64) * (n + 1) + now, minlength=(n + 1) ** 2)
    counts = cells.reshape(n + 1, n + 1)
    return Migration(
        keys=tuple(before),
        since=since,
        until=until,
        counts=tuple(tuple(int(each) for each in row) for row in counts),
    )


def _places(groups: Sequence[pl.Series], size: int) -> Places:
    """For every customer id the first group that holds it, or the number of groups."""
    places = np.full(size, len(groups), dtype=np.int16)
    for place in range(len(groups) - 1, -1, -1):
        ids = groups[place].to_numpy()
        places[ids[ids < size]] = place
    return places
