"""Versions never change; a template is its newest version."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from segmind.channels.channel import Channel
from segmind.db.engine import Store
from segmind.errors import InvalidInput, NotFound
from segmind.templates import versions
from segmind.templates.blocks import HeadingBlock
from segmind.templates.template import EmailDraft, SmsDraft

AT = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def test_a_saved_version_comes_back_as_it_was(store: Store) -> None:
    draft = EmailDraft(subject="Hi {{ first_name }}", blocks=(HeadingBlock(text="Ünï"),))
    with store.engine.begin() as conn:
        version_id = versions.save_version(conn, draft)
        assert versions.load_version(conn, version_id) == draft
        assert versions.version(conn, version_id).template_id is None


def test_editing_makes_a_new_version_and_leaves_the_old_one(store: Store) -> None:
    with store.engine.begin() as conn:
        made = versions.create(conn, "Spring  sale", SmsDraft(body="one"), AT)
        assert made.name == "Spring sale"
        assert made.version_id is not None
        second = versions.save_version(
            conn, SmsDraft(body="two"), made.id, now=AT + timedelta(hours=1)
        )
        assert versions.load_version(conn, made.version_id) == SmsDraft(body="one")
        now = versions.get(conn, made.id)
        assert (now.version_id, now.versions) == (second, 2)
        assert [v.draft for v in versions.history(conn, made.id)] == [
            SmsDraft(body="two"),
            SmsDraft(body="one"),
        ]


def test_saving_the_same_text_again_makes_no_version(store: Store) -> None:
    with store.engine.begin() as conn:
        made = versions.create(conn, "A", SmsDraft(body="one"), AT)
        assert versions.save_version(conn, SmsDraft(body="one"), made.id) == made.version_id
        assert versions.get(conn, made.id).versions == 1


def test_a_template_keeps_its_channel(store: Store) -> None:
    with store.engine.begin() as conn:
        made = versions.create(conn, "A", SmsDraft(body="one"), AT)
        with pytest.raises(InvalidInput, match="sms"):
            versions.save_version(conn, EmailDraft(subject="x"), made.id)


def test_templates_are_listed_by_name_and_put_away(store: Store) -> None:
    with store.engine.begin() as conn:
        b = versions.create(conn, "b", SmsDraft(body="one"), AT)
        versions.create(conn, "A", EmailDraft(subject="x"), AT)
        versions.save_version(conn, SmsDraft(body="inside a campaign"))
        assert [t.name for t in versions.list_templates(conn)] == ["A", "b"]
        assert [t.name for t in versions.list_templates(conn, Channel.SMS)] == ["b"]
        assert versions.archive(conn, b.id).archived
        assert [t.name for t in versions.list_templates(conn)] == ["A"]
        assert len(versions.list_templates(conn, archived=True)) == 2
        assert versions.rename(conn, b.id, "c").name == "c"


def test_what_is_not_there_is_said(store: Store) -> None:
    with store.engine.begin() as conn:
        for call in (versions.get, versions.load_version, versions.version, versions.archive):
            with pytest.raises(NotFound):
                call(conn, 4711)
        with pytest.raises(NotFound):
            versions.rename(conn, 4711, "x")
        with pytest.raises(InvalidInput):
            versions.create(conn, "  ", SmsDraft(body="x"), AT)
