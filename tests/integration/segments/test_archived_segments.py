"""Putting segments away and bringing them back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection, select

from segmind.db.engine import Store
from segmind.segments import archiving, member_files, membership, segment, sizes
from segmind.segments.archiving import NameTaken, RestsOnArchived, SegmentInUse
from segmind.workspace.tables import audit

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
LATER = NOW + timedelta(days=12)
EVERYBODY = {"type": "all", "conditions": []}


@pytest.fixture
def conn(store: Store):
    with store.engine.begin() as conn:
        yield conn


def made(conn: Connection, name: str, rule: dict | None = None) -> int:
    return segment.create(conn, name, rule or EVERYBODY, now=NOW).id


def reference(segment_id: int) -> dict:
    return {"type": "none", "conditions": [{"type": "in_segment", "segment_id": segment_id}]}


def test_what_is_used_cannot_be_archived(conn: Connection) -> None:
    used = made(conn, "Used")
    user = made(conn, "User", reference(used))
    with pytest.raises(SegmentInUse, match="the segment “User”"):
        archiving.archive(conn, used, now=NOW)
    archiving.archive(conn, user, now=NOW)
    with pytest.raises(SegmentInUse, match="the campaign “Spring”"):
        archiving.archive(conn, used, now=NOW, used_by=lambda *_: ["the campaign “Spring”"])
    assert archiving.archive(conn, used, now=LATER).archived
    assert segment.list_segments(conn) == []
    assert [s.name for s in archiving.list_archived(conn)] == ["Used", "User"]


def test_a_segment_that_is_brought_back_is_as_it_was_and_in_the_audit(conn: Connection) -> None:
    before = segment.get(conn, made(conn, "Lookers"))
    archiving.archive(conn, before.id, actor="ana@shop.example", now=NOW)
    back = archiving.restore(conn, before.id, actor="ben@shop.example", now=LATER)
    assert (back.name, back.rule, back.archived) == ("Lookers", before.rule, False)
    assert archiving.list_archived(conn) == []
    query = select(audit.c.actor, audit.c.action, audit.c.detail).order_by(audit.c.id)
    assert conn.execute(query).tuples().all()[-2:] == [
        ("ana@shop.example", "segment.archive", {"name": "Lookers"}),
        ("ben@shop.example", "segment.restore", {"name": "Lookers"}),
    ]


def test_bringing_back_what_is_in_use_changes_and_records_nothing(conn: Connection) -> None:
    before = segment.get(conn, made(conn, "Lookers"))
    assert archiving.restore(conn, before.id, now=LATER) == before
    archiving.archive(conn, before.id, now=NOW)
    archived = archiving.archive(conn, before.id, now=LATER)
    assert archived.updated_at == NOW
    said = conn.execute(select(audit.c.action).order_by(audit.c.id)).scalars().all()
    assert said == ["segment.create", "segment.archive"]


def test_a_name_that_was_taken_meanwhile_asks_for_another(conn: Connection) -> None:
    old = made(conn, "Lookers")
    archiving.archive(conn, old, now=NOW)
    made(conn, "LOOKERS")
    with pytest.raises(NameTaken, match="“Lookers”") as refused:
        archiving.restore(conn, old, now=LATER)
    assert refused.value.field == "name"
    assert segment.get(conn, old).archived
    free = archiving.free_name(conn, "Lookers")
    assert free == "Lookers (2)"
    assert archiving.restore(conn, old, name=free, now=LATER).name == free
    assert archiving.free_name(conn, "Lookers") == "Lookers (3)"


def test_a_segment_does_not_come_back_onto_one_that_is_archived(conn: Connection) -> None:
    used = made(conn, "Used")
    user = made(conn, "User", reference(used))
    for each in (user, used):
        archiving.archive(conn, each, now=NOW)
    with pytest.raises(RestsOnArchived, match="the segment “Used”"):
        archiving.restore(conn, user, now=LATER)
    archiving.restore(conn, used, now=LATER)
    assert not archiving.restore(conn, user, now=LATER).archived


def test_who_came_while_it_was_archived_does_not_enter_when_it_is_back(store: Store) -> None:
    with store.engine.begin() as conn:
        number = made(conn, "Everybody")
    membership.refresh(store, NOW, [number])
    with store.engine.begin() as conn:
        archiving.archive(conn, number, now=NOW)
        conn.exec_driver_sql("INSERT INTO customer (email) VALUES ('new@shop.example')")
    assert membership.refresh(store, LATER, [number]).refreshed == ()
    with store.engine.begin() as conn:
        archiving.restore(conn, number, now=LATER)
        assert member_files.find(conn, store.lake, number) is None
    (back,) = membership.refresh(store, LATER, [number]).refreshed
    assert (back.size, back.entered, back.left, back.is_baseline) == (1, 0, 0, True)
    with store.engine.begin() as conn:
        assert [each.size for each in sizes.history(conn, number)] == [0, 1]
        conn.exec_driver_sql("INSERT INTO customer (email) VALUES ('newer@shop.example')")
    (after,) = membership.refresh(store, LATER + timedelta(minutes=1), [number]).refreshed
    assert (after.size, after.entered) == (2, 1)
