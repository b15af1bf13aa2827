"""What every test can ask for: a real PostgreSQL, a fresh database, a lake, a frozen clock."""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import Phase
from hypothesis import settings as hypothesis_settings
from sqlalchemy import create_engine, text

from segmind import clock
from segmind.db import embedded, tables
from segmind.db.engine import Store, make_engine
from segmind.db.migrate import upgrade
from segmind.settings import ROOT, from_environment

# A run that decides about landing repeats itself; HYPOTHESIS_PROFILE=search looks for new examples.
# Deadlines measure the machine, not the code.
# Explaining failures traces every line of every example, which takes more time than the tests.
PHASES = tuple(phase for phase in Phase if phase is not Phase.explain)
hypothesis_settings.register_profile("repeat", deadline=None, derandomize=True, phases=PHASES)
hypothesis_settings.register_profile("search", deadline=None, max_examples=1_000, phases=PHASES)
hypothesis_settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeat"))

#: The instant at which tests happen unless they say otherwise.
NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
TEMPLATE = "segmind_template"


@pytest.fixture(scope="session")
def postgres(worker_id: str) -> Iterator[str]:
    """URL of a server of this test session, its database ``segmind_template`` migrated."""
    folder = tempfile.TemporaryDirectory(prefix=f"segmind-{worker_id}-", dir=_memory())
    home = Path(folder.name)
    home.chmod(0o755)
    url = embedded.ensure_running(home)
    with create_engine(
        url.replace("postgresql://", "postgresql+psycopg://"), isolation_level="AUTOCOMMIT"
    ).connect() as conn:
        # A test server need not outlive a power cut; cloning then takes 30 instead of 300 ms.
        for name in ("fsync", "full_page_writes", "synchronous_commit"):
            conn.execute(text(f"ALTER SYSTEM SET {name} = off"))
        conn.execute(text("SELECT pg_reload_conf()"))
        conn.execute(text(f"CREATE DATABASE {TEMPLATE}"))
    engine = make_engine(url.replace("/segmind?", f"/{TEMPLATE}?"))
    tables.load()
    upgrade(engine)
    engine.dispose()
    yield url
    embedded.stop(home)
    folder.cleanup()


def _memory() -> str | None:
    """A folder in memory, if there is one with room: cloning a database writes a thousand files,
    which took 45 ms there and 90 to 700 on a disk that others write to."""
    folder = "/dev/shm"
    if os.access(folder, os.W_OK) and shutil.disk_usage(folder).free > 4_000_000_000:
        return folder
    return None


@pytest.fixture(scope="session")
def worker_id(request: pytest.FixtureRequest) -> str:
    return os.environ.get("PYTEST_XDIST_WORKER", "main")


@pytest.fixture
def database_url(postgres: str) -> Iterator[str]:
    """A database of this test's own, cloned from the template (about 30 ms)."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    admin = create_engine(
        postgres.replace("postgresql://", "postgresql+psycopg://"), isolation_level="AUTOCOMMIT"
    )
    with admin.connect() as conn:
        conn.execute(text(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY FILE_COPY"))
    yield postgres.replace("/segmind?", f"/{name}?")
    with admin.connect() as conn:
        conn.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


@pytest.fixture
def store(database_url: str, tmp_path: Path) -> Iterator[Store]:
    """An empty, migrated store."""
    settings = from_environment(
        {"SEGMIND_HOME": str(tmp_path / "var"), "SEGMIND_DATABASE_URL": database_url}
    )
    settings.lake.mkdir(parents=True, exist_ok=True)
    engine = make_engine(database_url)
    yield Store(engine=engine, lake=settings.lake, settings=settings)
    engine.dispose()


@pytest.fixture
def frozen_clock() -> Iterator[datetime]:
    """The clock stands still at ``NOW``."""
    with clock.frozen(NOW):
        yield NOW


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of the real files; skips where it is missing."""
    folder = Path(os.environ.get("SEGMIND_REAL_DATA") or ROOT.parent / "shared" / "data")
    if not (folder / "uci_online_retail.csv.gz").exists():
        pytest.skip(f"The real data files are not in {folder} (SEGMIND_REAL_DATA).")
    return folder
