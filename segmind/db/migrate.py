"""Bringing a database to the newest schema with Alembic."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, Engine, text

from segmind.db.locks import lock

MIGRATIONS = Path(__file__).parent / "migrations"


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Apply every missing migration, one process at a time, in one transaction."""
    with engine.begin() as conn:
        lock(conn, "migrate")
        if revision == "head" and _is_newest(conn):
            return
        # A thirteenth of the time that a process takes to start: for those that migrate.
        from alembic import command
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["connection"] = conn
        command.upgrade(config, revision)


def _is_newest(conn: Connection) -> bool:
    """Whether the last migration was applied; their files begin with their revisions, in order."""
    if conn.execute(text("SELECT to_regclass('alembic_version')")).scalar() is None:
        return False
    newest = max(path.name for path in (MIGRATIONS / "versions").glob("*.py"))
    applied = conn.execute(text("SELECT version_num FROM alembic_version")).scalars().all()
    return applied == [newest.partition("_")[0]]
