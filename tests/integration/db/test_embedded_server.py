"""The embedded PostgreSQL: found again after a kill, closed to the network, fit to its machine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from segmind.db import embedded
from segmind.db.engine import DatabaseDown, make_engine, open_store
from segmind.settings import ROOT, from_environment

HOLDER = """
import sys, time
from pathlib import Path
from segmind.db import embedded
embedded.ensure_running(Path(sys.argv[1]))
print("up", flush=True)
time.sleep(60)
"""


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="segmind-home-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # closed to others, root's server would lie elsewhere
        yield folder
        embedded.stop(folder)


def ask(url: str, question: str) -> str:
    engine = make_engine(url)
    with engine.connect() as conn:
        answer = conn.execute(text(question)).scalar()
    engine.dispose()
    return str(answer)


def test_it_survives_a_kill_of_whoever_started_it_and_is_found_again(home: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(home)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert holder.stdout is not None
    assert holder.stdout.readline().strip() == "up"
    url = embedded.server_of(home).url
    before = ask(url, "SELECT pg_postmaster_start_time()")
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    holder.stdout.close()
    assert embedded.is_running(embedded.server_of(home))
    assert ask(embedded.ensure_running(home), "SELECT pg_postmaster_start_time()") == before


def test_it_never_listens_on_tcp(home: Path) -> None:
    url = embedded.ensure_running(home)
    assert ask(url, "SHOW listen_addresses") == ""
    assert ask(url, "SELECT inet_server_addr() IS NULL") == "True"


def test_its_folder_is_closed_to_other_accounts(home: Path) -> None:
    embedded.ensure_running(home)
    server = embedded.server_of(home)
    assert server.data.stat().st_mode & 0o077 == 0
    assert server.socket.stat().st_mode & 0o077 == 0


def test_stopping_keeps_the_data(home: Path) -> None:
    url = embedded.ensure_running(home)
    engine = make_engine(url)
    with engine.begin() as conn:
        conn.execute(text("CREATE TABLE kept AS SELECT 42 AS n"))
    engine.dispose()
    embedded.stop(home)
    assert not embedded.is_running(embedded.server_of(home))
    assert ask(embedded.ensure_running(home), "SELECT n FROM kept") == "42"


def test_a_server_that_lost_its_socket_is_started_anew(home: Path) -> None:
    url = embedded.ensure_running(home)
    for socket in embedded.server_of(home).socket.glob(".s.PGSQL.*"):
        socket.unlink()
    assert not embedded.is_running(embedded.server_of(home))
    assert ask(embedded.ensure_running(home), "SELECT 1") == "1"
    assert embedded.server_of(home).url == url


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's server lies outside a closed folder")
def test_a_deleted_home_does_not_find_its_old_database_again(tmp_path: Path) -> None:
    home = tmp_path / "closed"
    home.mkdir(mode=0o700)
    first = embedded.server_of(home)
    assert embedded.server_of(home) == first
    assert not first.data.is_relative_to(home)
    (home / "postgres.place").unlink()
    assert embedded.server_of(home).data != first.data


def test_memory_settings_follow_the_machine() -> None:
    small = embedded.configuration(2 * 2**30, 2)
    large = embedded.configuration(256 * 2**30, 64)
    assert "shared_buffers = 128MB" in small
    assert "shared_buffers = 2048MB" in large
    assert "listen_addresses = ''" in small


def test_a_database_that_is_down_is_a_clear_error(tmp_path: Path) -> None:
    settings = from_environment(
        {
            "SEGMIND_HOME": str(tmp_path),
            "SEGMIND_DATABASE_URL": f"postgresql://nobody@/none?host={tmp_path}",
        }
    )
    with pytest.raises(DatabaseDown, match="does not answer"):
        open_store(settings, wait=0.0)
