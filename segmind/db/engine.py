"""Opening the store: an engine on PostgreSQL (embedded or given) and the lake's folder."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine, create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

from segmind.db import embedded
from segmind.errors import Unavailable
from segmind.settings import Settings


class DatabaseDown(Unavailable):
    """PostgreSQL does not answer."""

    hint = "Check that the server runs and that SEGMIND_DATABASE_URL is right."


@dataclass(frozen=True, slots=True)
class Store:
    """What Segmind keeps: rows in PostgreSQL, event files in the lake."""

    engine: Engine
    lake: Path
    settings: Settings


def open_store(settings: Settings, *, wait: float = 0.0, pool_size: int = 10) -> Store:
    """A store on the given database, else on the embedded server, which is started if needed.

    Waits up to ``wait`` seconds for a database that is down.

    Raises:
        DatabaseDown: nothing answered in time.
    """
    url = settings.database_url or embedded.ensure_running(settings.home)
    engine = make_engine(url, pool_size=pool_size)
    _wait_until_up(engine, wait)
    settings.lake.mkdir(parents=True, exist_ok=True)
    return Store(engine=engine, lake=settings.lake, settings=settings)


def make_engine(url: str, *, pool_size: int = 10) -> Engine:
    """An engine whose sessions speak UTC and never sit idle in a transaction for long."""
    return create_engine(
        make_url(url).set(drivername="postgresql+psycopg"),
        pool_size=pool_size,
        max_overflow=10,
        pool_pre_ping=True,
        # The connection used last is used next: its statements are prepared, its caches are warm.
        pool_use_lifo=True,
        connect_args={
            "connect_timeout": 5,
            "options": "-c timezone=UTC -c idle_in_transaction_session_timeout=300000",
        },
    )


def _wait_until_up(engine: Engine, wait: float) -> None:
    deadline = time.monotonic() + wait
    while True:
        try:
            with engine.connect() as conn:
                conn.execute(text("SELECT 1"))
        except OperationalError as error:
            if time.monotonic() >= deadline:
                raise DatabaseDown() from error
            time.sleep(0.5)
        else:
            return
