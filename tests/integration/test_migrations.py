"""The migrations and the declared tables are one schema."""

from __future__ import annotations

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from segmind.db import tables
from segmind.db.engine import Store
from segmind.db.metadata import metadata
from segmind.db.migrate import upgrade


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
