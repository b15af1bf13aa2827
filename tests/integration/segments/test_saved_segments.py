"""Saving segments: validation, circles, use, built-ins."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import Connection

from segmind.db.engine import Store
from segmind.errors import NotFound
from segmind.events import names
from segmind.segments import archiving, segment
from segmind.segments.built_ins import BUILT_INS
from segmind.segments.fault import InvalidRule
from segmind.segments.segment import InvalidSegment

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
EVERYBODY = {"type": "all", "conditions": []}


@pytest.fixture
def conn(store: Store):
    with store.engine.begin() as conn:
        yield conn


def reference(segment_id: int) -> dict:
    return {"type": "none", "conditions": [{"type": "in_segment", "segment_id": segment_id}]}


def test_a_saved_segment_reads_back_as_it_was_written(conn: Connection) -> None:
    rule = {"type": "did", "event": "order", "n": 2}
    made = segment.create(
        conn, " Buyers ", rule, description="Twice", actor="ana@shop.example", now=NOW
    )
    again = segment.get(conn, made.id)
    assert again == made
    assert (again.name, again.description, again.created_by) == (
        "Buyers",
        "Twice",
        "ana@shop.example",
    )
    assert again.rule.as_json()["n"] == 2
    assert again.size is None
    assert not again.is_built_in


def test_a_rule_over_an_unknown_event_names_the_path(conn: Connection) -> None:
    rule = {"type": "any", "conditions": [EVERYBODY, {"type": "did", "event": "product_veiwed"}]}
    with pytest.raises(InvalidRule) as refused:
        segment.create(conn, "Typo", rule, now=NOW)
    assert refused.value.field == "any[1].event"
    assert "product_viewed" in refused.value.hint


def test_a_custom_event_can_be_used_once_the_log_knows_its_name(conn: Connection) -> None:
    rule = {"type": "did", "event": "quiz_done"}
    with pytest.raises(InvalidRule):
        segment.create(conn, "Quiz", rule, now=NOW)
    names.code_of(conn, "quiz_done")
    assert segment.create(conn, "Quiz", rule, now=NOW).id


def test_a_reference_to_nothing_is_refused(conn: Connection) -> None:
    with pytest.raises(InvalidRule, match="There is no segment 77") as refused:
        segment.create(conn, "Lost", reference(77), now=NOW)
    assert refused.value.field == "none[0].segment_id"


def test_segments_cannot_go_round_in_a_circle(conn: Connection) -> None:
    first = segment.create(conn, "First", EVERYBODY, now=NOW).id
    second = segment.create(conn, "Second", reference(first), now=NOW).id
    third = segment.create(conn, "Third", reference(second), now=NOW).id
    with pytest.raises(InvalidRule, match=f"{first} → {third} → {second} → {first}"):
        segment.update(conn, first, rule=reference(third), now=NOW)
    with pytest.raises(InvalidRule, match=f"{first} → {first}"):
        segment.update(conn, first, rule=reference(first), now=NOW)


def test_references_cannot_multiply_without_end(conn: Connection) -> None:
    last = segment.create(conn, "0", {"type": "all", "conditions": []}, now=NOW).id
    with pytest.raises(InvalidRule, match="more than 2,000 conditions"):
        for n in range(1, 30):
            twice = {"type": "any", "conditions": [reference(last), reference(last)]}
            last = segment.create(conn, str(n), twice, now=NOW).id
    assert n < 12


@pytest.mark.parametrize("name", ["", "   ", "x" * 201, "a\x00b"])
def test_a_segment_needs_a_name(conn: Connection, name: str) -> None:
    with pytest.raises(InvalidSegment) as refused:
        segment.create(conn, name, EVERYBODY, now=NOW)
    assert refused.value.field == "name"


def test_an_unknown_segment_is_not_found(conn: Connection) -> None:
    for ask in (segment.get, archiving.archive, archiving.restore, segment.update):
        with pytest.raises(NotFound):
            ask(conn, 5, **({} if ask is segment.get else {"now": NOW}))
    with pytest.raises(NotFound):
        segment.by_key(conn, "high_value")


def test_the_six_built_ins_come_once_and_edits_stay(conn: Connection) -> None:
    made = segment.ensure_built_ins(conn, "system", NOW)
    assert {s.key for s in made} == {b.key for b in BUILT_INS}
    edited = segment.by_key(conn, "window_shoppers")
    segment.update(conn, edited.id, name="Lookers", rule=EVERYBODY, now=NOW)
    again = segment.ensure_built_ins(conn, "system", NOW)
    assert len(again) == 6
    assert segment.by_key(conn, "window_shoppers").name == "Lookers"
