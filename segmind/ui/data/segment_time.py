"""Segments in time: members at a moment, days, movements, migrations, overlaps, next moves."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl
import streamlit as st

from segmind.segments import history, segment
from segmind.segments.compile import matching_many
from segmind.segments.course import Course
from segmind.segments.history import DayFile, Filled
from segmind.segments.migration import Migration, rfm_rules
from segmind.segments.migration import migration as migrate
from segmind.segments.movements import Movements
from segmind.segments.movements import movements as find_movements
from segmind.segments.next_move import NextMove
from segmind.segments.next_move import next_move as find_next_move
from segmind.segments.notices import notice as notice_of
from segmind.segments.overlap import Overlap
from segmind.segments.overlap import overlap as find_overlap
from segmind.segments.rule import Rule, parse
from segmind.segments.segment import Segment
from segmind.ui.access import allow
from segmind.ui.data import facts, segments, workspace
from segmind.ui.store import now, store
from segmind.workspace.permissions import Action

#: Days computed by one press of the button: a page does not wait longer.
FILLED_AT_ONCE = 14


@dataclass(frozen=True, slots=True)
class MembersPage:
    """A page of members' ids, ascending, of ``total``; ``as_of`` is the moment asked about."""

    customer_ids: list[int]
    total: int
    as_of: datetime


def members_page(
    rule: Rule, number: int, size: int = 50, as_of: datetime | None = None
) -> MembersPage:
    """One page (from 1) of the members now, or at a past moment. Raises InvalidRule."""
    text = json.dumps(rule.as_json(), sort_keys=True)
    found, moment = _members(text, facts.version(), as_of)
    ids = found.slice((number - 1) * size, size).to_list()
    return MembersPage(ids, found.len(), moment)


@st.cache_data(ttl=60, max_entries=8, max_size="200MB", show_spinner=False)
def _members(rule: str, version: str, as_of: datetime | None) -> tuple[pl.Series, datetime]:
    del version
    moment = as_of or now()
    with store().engine.connect() as conn:
        resolve = segment.resolver(conn)
        return matching_many({0: parse(rule)}, facts.facts(), moment, resolve)[0], moment


@st.cache_data(ttl=15, max_entries=256, show_spinner=False)
def days(segment_id: int) -> list[DayFile]:
    """The kept days of a segment, oldest first."""
    with store().engine.connect() as conn:
        return history.days(conn, segment_id)


def course(of: Segment) -> Course | None:
    """How its size went by day and within a week; None before its first count."""
    if of.size is None:
        return None
    return Course.of(days(of.id), of.size, workspace.settings().zone)


def missing(of: Segment) -> int:
    """How many of the last 60 days are not kept and could be filled."""
    with store().engine.connect() as conn:
        return len(history.missing(conn, of, facts.facts(), now()))


def fill(segment_id: int) -> Filled:
    """Compute the newest missing days of a segment. Raises NotAllowed."""
    allow(Action.EDIT_SEGMENTS)
    done = history.fill(store(), now(), [segment_id], most_days=FILLED_AT_ONCE, as_job=True)
    days.clear()
    return done


def movements(rule: Rule, since: datetime, until: datetime) -> Movements:
    """Who came and went between two moments, and why. Raises InvalidRule."""
    return _movements(json.dumps(rule.as_json(), sort_keys=True), since, until, facts.version())


@st.cache_data(ttl=120, max_entries=32, show_spinner=False)
def _movements(rule: str, since: datetime, until: datetime, version: str) -> Movements:
    del version
    with store().engine.connect() as conn:
        return find_movements(
            parse(rule), facts.facts(), since, until, segment.resolver(conn), segments.words()
        )


def migration(
    ids: Sequence[int], since: datetime, until: datetime
) -> tuple[Migration[int], datetime]:
    """The moves between segments, the first of which come first, and the instant at which they were
    worked out: of a large shop up to half an hour ago. Raises InvalidRule."""
    return _migration(_rules(ids), since, until, facts.settled_version(facts.facts()))


@st.cache_data(ttl=900, max_entries=16, refresh_mode="background", show_spinner=False)
def _migration(
    rules: tuple[tuple[int, str], ...], since: datetime, until: datetime, version: str
) -> tuple[Migration[int], datetime]:
    del version
    known_at, asked = now(), {number: parse(text) for number, text in rules}
    with store().engine.connect() as conn:
        return migrate(asked, facts.facts(), since, until, segment.resolver(conn)), known_at


@st.cache_data(ttl=900, max_entries=16, refresh_mode="background", show_spinner=False)
def _rfm_migration(
    since: datetime, until: datetime, version: str
) -> tuple[Migration[str], datetime]:
    del version
    known_at = now()
    return migrate(rfm_rules(), facts.facts(), since, until), known_at


def rfm_migration(since: datetime, until: datetime) -> tuple[Migration[str], datetime]:
    """The moves between RFM groups by the orders of a year, and when they were worked out."""
    return _rfm_migration(since, until, facts.settled_version(facts.facts()))


def overlap(ids: Sequence[int], as_of: datetime | None) -> Overlap:
    """What these segments have in common, at a moment or now. Raises InvalidRule."""
    return _overlap(_rules(ids), as_of, facts.version())


@st.cache_data(ttl=120, max_entries=16, show_spinner=False)
def _overlap(rules: tuple[tuple[int, str], ...], as_of: datetime | None, version: str) -> Overlap:
    del version
    asked = {number: parse(text) for number, text in rules}
    with store().engine.connect() as conn:
        resolve = segment.resolver(conn)
        found = matching_many(asked, facts.facts(), as_of or now(), resolve)
    return find_overlap({number: found[number] for number in asked})


def next_move(rule: Rule, customer_id: int) -> NextMove:
    """When time alone changes this customer's membership. Raises NotFound, InvalidRule."""
    with store().engine.connect() as conn:
        return find_next_move(
            rule, facts.facts(), customer_id, now(), segment.resolver(conn), segments.words()
        )


def notice(as_of: datetime) -> str:
    """What to say beside an answer for this moment; empty if there is nothing."""
    return notice_of(facts.facts(), as_of)


def _rules(ids: Sequence[int]) -> tuple[tuple[int, str], ...]:
    known = {s.id: s for s in segments.listed()}
    return tuple(
        (number, json.dumps(known[number].rule.as_json())) for number in ids if number in known
    )


def ids_of(found: pl.Series, n: int) -> list[int]:
    """The first ``n`` of some customers."""
    chosen: list[Any] = found.head(n).to_list()
    return chosen
