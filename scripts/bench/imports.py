"""How many rows a second an import takes in, beside the bare work of other engines.

Usage: imports.py [--rows N] [--seed S]

Emits a file in REES46's format from the synthetic shop (with repeated and bad rows), imports it
from the page cache into a workspace of its own, then imports it once more, and lets DuckDB and
PostgreSQL do the bare part of the work with the same file. Steps of the import run side by side:
their seconds add up to more than the whole.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from scripts.bench.bare_etl import duckdb_seconds, postgres_seconds  # noqa: E402
from scripts.bench.machine import Cpu, describe_machine  # noqa: E402
from scripts.bench.rees46_csv import emit  # noqa: E402
from scripts.bench.steps import Steps  # noqa: E402
from segmind import clock  # noqa: E402
from segmind.customers import imports  # noqa: E402
from segmind.customers.enrolment import Enrolment  # noqa: E402
from segmind.db import embedded, migrate  # noqa: E402
from segmind.db.engine import Store, open_store  # noqa: E402
from segmind.events import bulk, daily_files, double_ids  # noqa: E402
from segmind.events.importers import importing  # noqa: E402
from segmind.events.importers.blocks import Blocks  # noqa: E402
from segmind.events.importers.ids import Ids  # noqa: E402
from segmind.events.importers.importing import ImportReport  # noqa: E402
from segmind.events.importers.product_news import ProductNews  # noqa: E402
from segmind.events.importers.rees46 import Rees46  # noqa: E402
from segmind.settings import from_environment  # noqa: E402

#: (where a function is, its name, the step it is counted as)
STEPS = (
    (Blocks, "_take", "read: checksum"),
    (importing.tables, "read", "parse: text to columns"),
    (Rees46, "parsed", "parse: columns to values"),
    (Ids, "_customer_ids", "identity: known ones"),
    (Enrolment, "resolve", "identity: customer rows"),
    (ProductNews, "ids", "products"),
    (bulk, "_each_once", "duplicates"),
    (double_ids, "new_ones", "duplicates"),
    (daily_files, "by_day", "sort"),
    (daily_files, "in_order", "sort"),
    (daily_files.files, "write", "write"),
)


def main() -> int:
    options = _options()
    print(describe_machine(), flush=True)
    with tempfile.TemporaryDirectory(prefix="segmind-import-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # the embedded server runs as another user
        path = folder / "emitted.csv"
        began = time.perf_counter()
        file = emit(path, options.rows, options.seed)
        print(
            f"emitted {file.rows:,} rows, {file.bytes / 1e6:,.0f} MB, {file.repeated:,} repeated, "
            f"{file.bad:,} bad, in {time.perf_counter() - began:.1f} s",
            flush=True,
        )
        store = open_store(from_environment({"SEGMIND_HOME": str(folder / "home")}), wait=30)
        try:
            migrate.upgrade(store.engine)
            right = _measure(store, path, file.rows, folder)
        finally:
            store.engine.dispose()
            embedded.stop(store.settings.home)
    return 0 if right else 1


def _measure(store: Store, path: Path, rows: int, folder: Path) -> bool:
    _warm(path)
    steps = Steps()
    cpu = Cpu({"import": os.getpid()}, embedded.server_of(store.settings.home).data)
    began = time.perf_counter()
    with steps.watching(*STEPS):
        first = importing.run(store, path, Rees46(), imports.Resolver(store), clock.now())
    whole = time.perf_counter() - began
    shares = cpu.shares()
    _show("import", first, whole)
    for step, seconds in steps.seconds.items():
        print(f"  {step:<28}{seconds:>8.2f} s {rows / seconds:>14,.0f} rows/s")
    print("  processor                   " + ", ".join(f"{n} {s:.2f}" for n, s in shares.items()))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"  peak memory                 {peak:>8,.0f} MB")
    began = time.perf_counter()
    ready = imports.make_ready(store, clock.now())
    print(
        f"made ready in {time.perf_counter() - began:.1f} s: {ready.rolled.made} days summed up, "
        f"customers {'written' if ready.wrote_customers else 'not due'}",
        flush=True,
    )
    began = time.perf_counter()
    second = importing.run(store, path, Rees46(), imports.Resolver(store), clock.now())
    _show("import again", second, time.perf_counter() - began)
    for name, seconds in (
        ("DuckDB, bare: read, sort, write", duckdb_seconds(path, folder)),
        ("PostgreSQL, bare: COPY and one index", postgres_seconds(store.engine, path)),
    ):
        speed = f"{rows / seconds:,.0f} rows/s"
        print(f"{name:<38}{seconds:>8.2f} s, {speed}; the import takes {whole / seconds:.2f} x")
    return second.accepted == 0 and second.repeated == first.accepted + first.repeated


def _show(name: str, report: ImportReport, seconds: float) -> None:
    print(
        f"{name}: {report.rows:,} rows in {seconds:.2f} s = {report.rows / seconds:,.0f} rows/s: "
        f"{report.accepted:,} accepted, {report.repeated:,} repeated, {report.rejected:,} rejected",
        flush=True,
    )


def _warm(path: Path) -> None:
    with path.open("rb") as file:
        while file.read(1 << 24):
            pass


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=10_000_000, help="rows of the file")
    parser.add_argument("--seed", type=int, default=2019)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
