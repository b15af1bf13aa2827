"""The migrations and the declared tables are one schema."""

from __future__ import annotations

from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from segmind.db import tables
from segmind.db.engine import Store
from segmind.db.metadata import metadata
from segmind.db.migrate import MIGRATIONS, upgrade


def test_the_migrations_build_exactly_the_declared_tables(store: Store) -> None:
    tables.load()
    with store.engine.connect() as conn:
        context = MigrationContext.configure(conn, opts={"compare_type": True})
        differences = compare_metadata(context, metadata)
    assert differences == []


def test_migrating_again_changes_nothing(store: Store) -> None:
    upgrade(store.engine)
    with store.engine.connect() as conn:
        assert conn.execute(text("SELECT count(*) FROM alembic_version")).scalar() == 1


def test_a_database_that_lacks_the_last_migration_is_migrated(store: Store) -> None:
    last = ScriptDirectory(str(MIGRATIONS)).get_revision("head")
    applied = text("SELECT version_num FROM alembic_version")
    with store.engine.begin() as conn:
        conn.execute(text("DROP SCHEMA public CASCADE"))
        conn.execute(text("CREATE SCHEMA public"))
    upgrade(store.engine, str(last.down_revision))
    with store.engine.connect() as conn:
        assert conn.execute(applied).scalars().all() == [last.down_revision]
    upgrade(store.engine)
    with store.engine.connect() as conn:
        assert conn.execute(applied).scalars().all() == [last.revision]


def test_migrations_lie_in_files_that_begin_with_their_revisions() -> None:
    for each in ScriptDirectory(str(MIGRATIONS)).walk_revisions():
        assert each.module.__file__ is not None
        assert Path(each.module.__file__).name.partition("_")[0] == each.revision


def test_touching_a_customer_marks_it_for_the_column_mirror(store: Store) -> None:
    with store.engine.begin() as conn:
        conn.execute(text("INSERT INTO customer (first_name) VALUES ('Ada')"))
        before = conn.execute(text("SELECT changed_xid::text FROM customer")).scalar()
    with store.engine.begin() as conn:
        conn.execute(text("UPDATE customer SET first_name = 'Grace'"))
        after = conn.execute(text("SELECT changed_xid::text FROM customer")).scalar()
    assert before is not None
    assert after is not None
    assert int(after) > int(before)
