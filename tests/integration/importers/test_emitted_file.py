"""The benchmark's file: what it says of itself is what an import finds in it."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from scripts.bench import rees46_csv
from scripts.bench.steps import Steps
from segmind.customers.imports import Resolver, make_ready
from segmind.db import jobs
from segmind.db.engine import Store
from segmind.events.importers import importing
from segmind.events.importers.rees46 import Rees46

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


def test_an_emitted_file_goes_in_as_it_says(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rees46_csv, "BAD_SHARE", 0.004)
    path, twin = tmp_path / "shop.csv", tmp_path / "twin.csv"
    emitted = rees46_csv.emit(path, 20_000, seed=5)
    assert rees46_csv.emit(twin, 20_000, seed=5) == emitted
    assert twin.read_bytes() == path.read_bytes()
    assert emitted.rows == 20_000 == len(path.read_text().splitlines()) - 1
    steps = Steps()
    with steps.watching((importing.tables, "read", "parse")):
        report = importing.run(
            store, path, Rees46(), Resolver(store), NOW, block_bytes=path.stat().st_size // 7
        )
    assert steps.seconds["parse"] > 0
    assert report.rejected == emitted.bad > 40
    assert len(report.reasons) == len(rees46_csv.FAULTS)
    # Besides the repeats put in, a shop of whole seconds has a few of its own.
    assert emitted.repeated <= report.repeated <= emitted.repeated + 40
    again = importing.run(store, path, Rees46(), Resolver(store), NOW)
    assert (again.accepted, again.repeated) == (0, report.accepted + report.repeated)
    assert Counter(again.reasons) == Counter(report.reasons)


def test_what_was_imported_is_made_ready_as_a_job(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "shop.csv"
    rees46_csv.emit(path, 3_000, seed=5)
    importing.run(store, path, Rees46(), Resolver(store), NOW)
    assert make_ready(store, NOW).rolled.made == 30
    assert make_ready(store, NOW).rolled.made == 0
    with store.engine.connect() as conn:
        newest = jobs.recent(conn, 1)[0]
    assert (newest.kind, newest.state, newest.share) == ("ready", "done", 1.0)
