"""Segments: what is saved, what a rule means now, who is in it and why."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import polars as pl
import streamlit as st
from sqlalchemy import Connection

from segmind.automations import mentions as automation_mentions
from segmind.campaigns import mentions as campaign_mentions
from segmind.customers import trait_catalogue
from segmind.events import property_names
from segmind.segments import archiving, known, membership, naming, sizes
from segmind.segments import segment as segments
from segmind.segments.acts import known_events
from segmind.segments.compile import matching_many
from segmind.segments.cost import Cost
from segmind.segments.cost import cost as cost_of
from segmind.segments.describe import describe
from segmind.segments.explain import Explained
from segmind.segments.explain import explain as explain_rule
from segmind.segments.fault import Fault, InvalidRule
from segmind.segments.preview import Preview
from segmind.segments.preview import preview as preview_rule
from segmind.segments.rule import Rule, parse
from segmind.segments.segment import Segment
from segmind.segments.sizes import Size
from segmind.segments.words import Words
from segmind.stopping import Running
from segmind.ui.access import allow
from segmind.ui.components.rule_builder.inputs import Vocabulary
from segmind.ui.data import automations, campaigns, facts, workspace
from segmind.ui.store import now, store
from segmind.workspace.permissions import Action

#: Nobody waits longer for a count.
_MOST_SECONDS: Final = 120.0
#: A history shows each count up to here: 2,880 points at one a minute.
_EVERY_COUNT: Final = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class Answer:
    """A preview and the instant of which it speaks."""

    preview: Preview
    as_of: datetime


@st.cache_data(ttl=5, max_entries=2, show_spinner=False)
def listed() -> list[Segment]:
    """Every segment with its newest size: the built-ins first, then by name."""
    with store().engine.connect() as conn:
        return segments.list_segments(conn)


@st.cache_data(ttl=5, max_entries=2, show_spinner=False)
def archived() -> list[Segment]:
    """The segments that were put away, the newest of them first."""
    with store().engine.connect() as conn:
        return archiving.list_archived(conn)


@st.cache_data(ttl=15, max_entries=2, show_spinner=False)
def names() -> dict[int, str]:
    """Names by id, archived ones too."""
    with store().engine.connect() as conn:
        return naming.names(conn)


def get(segment_id: int) -> Segment:
    """One segment as it is now. Raises NotFound."""
    with store().engine.connect() as conn:
        return segments.get(conn, segment_id)


@st.cache_data(ttl=15, max_entries=256, show_spinner=False)
def history(segment_id: int, days: int = 90) -> list[Size]:
    """Its sizes of the last ``days``, oldest first: of each hour once they go back over two days,
    of each refresh before."""
    moment = now()
    since = moment - timedelta(days=days)
    with store().engine.connect() as conn:
        first = sizes.first(conn, segment_id, since)
        if first is not None and moment - first.as_of > _EVERY_COUNT:
            return sizes.hourly(conn, segment_id, since)
        return sizes.history(conn, segment_id, since)


def uncounted_sizes() -> dict[int, int]:
    """The sizes, asked live, of the segments that no refresh has counted yet."""
    waiting = [(s.id, json.dumps(s.rule.as_json())) for s in listed() if s.size is None]
    return _sizes(tuple(waiting), facts.version()) if waiting else {}


@st.cache_data(ttl=60, max_entries=4, show_spinner=False)
def _sizes(rules: tuple[tuple[int, str], ...], version: str) -> dict[int, int]:
    del version
    with store().engine.connect() as conn:
        found = matching_many(
            {number: parse(text) for number, text in rules},
            facts.facts(),
            now(),
            segments.resolver(conn),
        )
    return {number: members.len() for number, members in found.items()}


def preview(rule: dict[str, Any], as_of: datetime | None = None) -> Answer:
    """Count, sample and reach of a rule now, or at a past moment. Raises InvalidRule."""
    return _preview(json.dumps(rule, sort_keys=True), facts.version(), as_of)


@st.cache_data(ttl=60, max_entries=200, show_spinner=False)
def _preview(rule: str, version: str, as_of: datetime | None) -> Answer:
    del version
    moment = as_of or now()
    with store().engine.connect() as conn:
        found = preview_rule(parse(rule), facts.facts(), moment, segments.resolver(conn))
    return Answer(found, moment)


def cost(rule: dict[str, Any], as_of: datetime | None = None) -> Cost:
    """What it costs to ask the rule now, or of a past moment. Raises InvalidRule."""
    with store().engine.connect() as conn:
        return cost_of(parse(rule), facts.facts(), as_of or now(), segments.resolver(conn))


def counting(rule: dict[str, Any], as_of: datetime | None = None) -> Running[Answer]:
    """``preview`` beside the page, which can be stopped. Raises InvalidRule."""
    parsed, known_facts, engine = parse(rule), facts.facts(), store().engine
    moment = as_of or now()

    def work() -> Answer:
        with engine.connect() as conn:
            resolve = segments.resolver(conn)
            return Answer(preview_rule(parsed, known_facts, moment, resolve), moment)

    return Running(work, _MOST_SECONDS)


def faults(rule: dict[str, Any]) -> Sequence[Fault]:
    """What is wrong with the rule here and now: its form, and properties that do not exist."""
    try:
        known.check(parse(rule), facts.facts())
    except InvalidRule as error:
        return error.faults
    return ()


def describes(rule: Rule) -> str:
    """The rule in one sentence."""
    return describe(rule, words())


def explain(rule: Rule, customer_id: int, as_of: datetime | None = None) -> Explained:
    """Why this customer is in it or not, now or at a past moment. Raises NotFound, InvalidRule."""
    with store().engine.connect() as conn:
        return explain_rule(
            rule, facts.facts(), customer_id, as_of or now(), segments.resolver(conn), words()
        )


def memberships(customer_id: int) -> list[tuple[Segment, bool]]:
    """Every segment, and whether this customer is in it now."""
    found = _memberships(customer_id, facts.version())
    return [(each, each.id in found) for each in listed()]


@st.cache_data(ttl=30, max_entries=200, show_spinner=False)
def _memberships(customer_id: int, version: str) -> set[int]:
    del version
    return {each.id for each in listed() if explain(each.rule, customer_id).met}


def words() -> Words:
    """What sentences need of the workspace."""
    known = names()
    sources = {"campaign": campaigns.names(), "automation": automations.names()}
    return Words(
        currency=workspace.settings().currency,
        segment=lambda number: f"“{known[number]}”" if number in known else f"segment {number}",
        source=lambda kind, number: f"“{sources[kind].get(number, f'{kind} {number}')}”",
    )


def vocabulary() -> Vocabulary:
    """What rules can speak of here."""
    asked = facts.facts()
    traits, values = _traits(facts.settled_version(asked))
    return Vocabulary(
        events=known_events(asked.log.names()),
        traits=traits,
        properties=property_names.known(asked.log.rows),
        segments={s.id: s.name for s in listed()},
        campaigns=campaigns.names(),
        automations=automations.names(),
        values={**values, **_of_products(asked.log.version)},
        currency=workspace.settings().currency,
    )


@st.cache_data(ttl=300, max_entries=2, refresh_mode="background", show_spinner=False)
def _traits(version: str) -> tuple[list[str], dict[str, Sequence[str]]]:
    """The names of custom traits, and frequent values of traits."""
    del version
    with store().engine.connect() as conn:
        found = trait_catalogue.read(conn)
    values: dict[str, Sequence[str]] = {
        (trait.name if trait.standard else f"traits.{trait.name}"): [str(v) for v in trait.samples]
        for trait in found
        if trait.samples
    }
    return [trait.name for trait in found if not trait.standard], values


@st.cache_data(ttl=300, max_entries=2, show_spinner=False)
def _of_products(version: str) -> dict[str, Sequence[str]]:
    """Frequent values of what products are told apart by."""
    del version
    products = facts.facts().log.products().select("category", "brand", "name").collect()
    return {
        f"product.{column}": products[column]
        .drop_nulls()
        .value_counts(sort=True)
        .head(300)[column]
        .to_list()
        for column in products.columns
    }


def create(name: str, description: str, rule: dict[str, Any]) -> Segment:
    """Save a new segment. Raises InvalidRule, InvalidSegment."""
    who = allow(Action.EDIT_SEGMENTS)
    with store().engine.begin() as conn:
        made = segments.create(
            conn, name, rule, description=description, actor=who.email, now=now()
        )
    read_anew()
    return made


def update(
    segment_id: int,
    *,
    name: str | None = None,
    description: str | None = None,
    rule: dict[str, Any] | None = None,
) -> Segment:
    """Change what is given."""
    who = allow(Action.EDIT_SEGMENTS)
    with store().engine.begin() as conn:
        changed = segments.update(
            conn,
            segment_id,
            name=name,
            description=description,
            rule=rule,
            actor=who.email,
            now=now(),
        )
    read_anew()
    return changed


def archive(segment_id: int) -> None:
    """Take it out of lists and refreshes. Raises SegmentInUse."""
    who = allow(Action.EDIT_SEGMENTS)
    with store().engine.begin() as conn:
        archiving.archive(conn, segment_id, actor=who.email, now=now(), used_by=_used_by)
    read_anew()


def free_name(name: str) -> str:
    """The name, with a number behind it where a segment in use has it already."""
    with store().engine.connect() as conn:
        return archiving.free_name(conn, name)


def restore(segment_id: int, name: str) -> None:
    """Bring an archived one back under this name, counted at once.

    Raises NameTaken, RestsOnArchived, InvalidSegment.
    """
    who = allow(Action.EDIT_SEGMENTS)
    with store().engine.begin() as conn:
        archiving.restore(conn, segment_id, name=name, actor=who.email, now=now())
    # A rule that can no longer be asked stops nobody: its card says what it says of others.
    membership.refresh(store(), now(), [segment_id])
    read_anew()


def ensure_built_ins() -> None:
    """Create the built-in segments that are missing."""
    who = allow(Action.EDIT_SEGMENTS)
    with store().engine.begin() as conn:
        segments.ensure_built_ins(conn, who.email, now())
    read_anew()


def _used_by(conn: Connection, segment_id: int) -> list[str]:
    return campaign_mentions.using_segment(conn, segment_id) + automation_mentions.using_segment(
        conn, segment_id
    )


def read_anew() -> None:
    """Forget what was read of segments: one was made or changed."""
    for read in (listed, archived, names, history, _memberships):
        read.clear()


def members_page(
    rule: dict[str, Any], number: int, size: int = 50, as_of: datetime | None = None
) -> tuple[list[int], int]:
    """One page (from 1) of the members' ids, ascending, and how many members there are."""
    found = _members(json.dumps(rule, sort_keys=True), facts.version(), as_of)
    return found.slice((number - 1) * size, size).to_list(), found.len()


@st.cache_data(ttl=60, max_entries=8, max_size="200MB", show_spinner=False)
def _members(rule: str, version: str, as_of: datetime | None) -> pl.Series:
    del version
    with store().engine.connect() as conn:
        resolve = segments.resolver(conn)
        return matching_many({0: parse(rule)}, facts.facts(), as_of or now(), resolve)[0]
