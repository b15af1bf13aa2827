"""What every test can ask for: a real PostgreSQL, a fresh database, a lake, a frozen clock."""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase
from hypothesis import settings as hypothesis_settings
from sqlalchemy import Engine, create_engine, text

from segmind import clock
from segmind.db import embedded, tables
from segmind.db.engine import Store, make_engine
from segmind.db.migrate import upgrade
from segmind.settings import ROOT, from_environment

# A run that decides about landing repeats itself; HYPOTHESIS_PROFILE=search looks for new examples.
# Deadlines measure the machine, not the code.
# Explaining failures traces every line of every example, which takes more time than the tests.
PHASES = tuple(phase for phase in Phase if phase is not Phase.explain)
hypothesis_settings.register_profile(
    "repeat", deadline=None, derandomize=True, phases=PHASES, max_examples=50
)
hypothesis_settings.register_profile("search", deadline=None, max_examples=1_000, phases=PHASES)
hypothesis_settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeat"))

#: The instant at which tests happen unless they say otherwise.
NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
TEMPLATE = "segmind_template"
#: Files that take long, or wait for other processes, begin first: begun last, one of them would
#: run alone at the end, on one of two cores.
FIRST = (
    "tests/integration/end_to_end/test_start",
    "tests/browser/test_marketers",
    "tests/chaos/test_chaos_killed",
    "tests/browser/",
    "tests/integration/scheduler/test_scheduler_process",
    "tests/contracts/test_emulator",
    "tests/pages/test_builder_rows",
    "tests/pages/test_every_page",
    "tests/unit/segments/test_segment_engine",
    "tests/integration/",
    "tests/api/",
    "tests/pages/",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def place(item: pytest.Item) -> int:
        path = item.path.relative_to(ROOT).as_posix()
        found = (n for n, prefix in enumerate(FIRST) if path.startswith(prefix))
        return next(found, len(FIRST))

    items.sort(key=place)


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


@dataclass(frozen=True)
class Original:
    """What a test's own store begins as a copy of."""

    database: str = TEMPLATE
    home: Path | None = None
    told: Any = None  #: what filling it gave


Keep = Callable[[str, Callable[[Store], Any]], Original]


@pytest.fixture(scope="session")
def admin(postgres: str) -> Iterator[Engine]:
    """The server of this session, to make and drop databases."""
    url = postgres.replace("postgresql://", "postgresql+psycopg://")
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def keep(admin: Engine, postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Keep:
    """Fills a store once in a session, so that each test has a copy of it within 50 ms."""
    kept: dict[str, Original] = {}

    def filled(name: str, fill: Callable[[Store], Any]) -> Original:
        if name not in kept:
            home = tmp_path_factory.mktemp(name) / "var"
            _create(admin, f"kept_{name}", TEMPLATE)
            with _opened(postgres.replace("/segmind?", f"/kept_{name}?"), home) as store:
                kept[name] = Original(f"kept_{name}", home, fill(store))
        return kept[name]

    return filled


@pytest.fixture
def original() -> Original:
    """Empty and migrated; a package whose tests share a shop has its own."""
    return Original()


@pytest.fixture
def database_url(admin: Engine, postgres: str, original: Original) -> Iterator[str]:
    """A database of this test's own, cloned (about 30 ms)."""
    with _database(admin, postgres, original.database) as url:
        yield url


@pytest.fixture
def other_store(
    admin: Engine, postgres: str, original: Original, tmp_path: Path
) -> Iterator[tuple[Store, str]]:
    """A second empty store, and its database, for a test that compares two."""
    with (
        _database(admin, postgres, original.database) as url,
        _opened(url, tmp_path / "other") as store,
    ):
        yield store, url


@pytest.fixture
def store(database_url: str, tmp_path: Path, original: Original) -> Iterator[Store]:
    """A store of this test's own: empty and migrated, or a copy of the package's original."""
    if original.home is not None:
        shutil.copytree(original.home, tmp_path / "var")
    with _opened(database_url, tmp_path / "var") as store:
        yield store


@contextmanager
def _database(admin: Engine, postgres: str, template: str) -> Iterator[str]:
    name = f"test_{uuid.uuid4().hex[:12]}"
    _create(admin, name, template)
    try:
        yield postgres.replace("/segmind?", f"/{name}?")
    finally:
        with admin.connect() as conn:
            conn.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))


def _create(admin: Engine, name: str, template: str) -> None:
    with admin.connect() as conn:
        conn.execute(text(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY"))


@contextmanager
def _opened(database_url: str, home: Path) -> Iterator[Store]:
    settings = from_environment({"SEGMIND_HOME": str(home), "SEGMIND_DATABASE_URL": database_url})
    settings.lake.mkdir(parents=True, exist_ok=True)
    engine = make_engine(database_url)
    try:
        yield Store(engine=engine, lake=settings.lake, settings=settings)
    finally:
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
