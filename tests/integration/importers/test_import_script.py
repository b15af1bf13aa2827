"""The command line: a report for people, an exit code for scripts, a clock that stands still."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from segmind.db.engine import Store
from segmind.events.importers import importing
from segmind.settings import ROOT
from segmind.workspace import product_settings

ROWS = "t,e,c,p\n2020-01-01 10:00:00,Product Viewed,u1,1.50\n2020-01-02 10:00:00,x,u2,-1\n"


SCRIPT = (sys.executable, str(ROOT / "scripts" / "import_events.py"))


def run(
    store: Store, *arguments: str, command: tuple[str, ...] = SCRIPT, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    environ = {k: v for k, v in os.environ.items() if not k.startswith("SEGMIND_")}
    environ |= {
        "SEGMIND_HOME": str(store.settings.home),
        "SEGMIND_DATABASE_URL": str(store.settings.database_url),
    }
    return subprocess.run(
        [*command, *arguments],
        cwd=cwd,
        env=environ,
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_a_file_is_imported_reported_and_the_clock_frozen_at_its_end(
    store: Store, tmp_path: Path
) -> None:
    path = tmp_path / "own.csv"
    path.write_text(ROWS)
    columns = ("--map", "time=t", "--map", "event=e", "--map", "customer=c", "--map", "price=p")
    done = run(store, "--format", "csv", *columns, "--freeze-clock", str(path))
    assert done.returncode == 0, done.stderr
    assert "accepted             1" in done.stdout
    assert "1  price is negative" in done.stdout
    with store.engine.connect() as conn:
        frozen = product_settings.load(conn).clock_frozen_at
    assert frozen is not None
    assert frozen.isoformat() == "2020-01-01T10:00:00+00:00"


def test_what_cannot_be_imported_is_said_in_a_sentence(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_text(ROWS)
    wrong = run(store, "--format", "rees46", str(path), str(tmp_path / "nowhere.csv"))
    assert wrong.returncode == 1
    assert "column event_time" in wrong.stderr
    assert "There is no file" in wrong.stderr
    (tmp_path / "noise.csv").write_bytes(b"\x1b[2J\x07,b\n1,2\n")
    noise = run(store, "--format", "rees46", str(tmp_path / "noise.csv"))
    assert noise.returncode == 1
    assert "The file has: ?[2J?, b." in noise.stderr
    bad = run(store, "--format", "csv", "--map", "time", str(path))
    assert bad.returncode == 1
    assert "NAME=COLUMN" in bad.stderr
    assert "Traceback" not in wrong.stderr + bad.stderr


@pytest.mark.skipif(not (ROOT / ".venv/installed").exists(), reason="run.sh has no .venv yet")
def test_the_command_in_the_readme_works_in_any_folder(store: Store, tmp_path: Path) -> None:
    readme = (ROOT / "README.md").read_text()
    columns = re.findall(r"--map \w+=\w+", readme[readme.index("### Import a CSV") :])
    given = [word for column in columns for word in column.split()]
    path = tmp_path / "events.csv"
    path.write_text(
        "event_time,event_type,user_id,sku,price\n2020-01-01 10:00:00,Product Viewed,u1,a,1.5\n"
    )
    command = (str(ROOT / "run.sh"), "python", "scripts/import_events.py")
    done = run(store, "--format", "csv", *given, path.name, command=command, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "accepted             1" in done.stdout


def test_an_import_goes_on_when_nobody_reads_its_report(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_text(ROWS)
    columns = ("--map", "time=t", "--map", "event=e", "--map", "customer=c", "--map", "price=p")
    piped = ("bash", "-c", 'set -o pipefail; "$@" | true', "bash", *SCRIPT)
    done = run(store, "--format", "csv", *columns, str(path), command=piped)
    assert (done.returncode, done.stderr) == (0, "")
    with store.engine.connect() as conn:
        assert importing.recent(conn)[0]["accepted"] == 1
