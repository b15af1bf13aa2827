"""How time, memory and bytes on disk grow with the shop.

Usage: growth.py [--sizes N ...] [--homes HOME ...] [--engines A,B] [--repeats N]
                 [--markdown [FILE]]

For each size a new demo shop is made (and gone afterwards); homes with a shop are taken as they
are, and nothing is written into them. Each is asked the six built-in segments, by Segmind and by
DuckDB on the same files, as ``segments.py`` does it, answers compared.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from sqlalchemy import text  # noqa: E402

from scripts.bench import report  # noqa: E402
from scripts.bench.document import BENCHMARKS, megabytes, put, size_name, table  # noqa: E402
from scripts.bench.home import Shop, Unsuitable, home_of, opened, shop_of  # noqa: E402
from scripts.bench.machine import describe_machine  # noqa: E402
from scripts.bench.plan import Plan, Run, selected  # noqa: E402
from scripts.bench.runner import run  # noqa: E402
from scripts.bench.segments import THREADS  # noqa: E402
from scripts.bench.statistics import median, percentile  # noqa: E402
from segmind.db.engine import Store  # noqa: E402

#: Kinds of files in the catalogue by what they are called in the table.
_FILES: Final = {
    "events": ("event",),
    "rollups": ("customer_day", "session_start", "order_start"),
    "customers": ("customer",),
}


@dataclass(frozen=True, slots=True)
class Size:
    """One shop: how large it is, on disk too, and what the engines made of it."""

    shop: Shop
    made_in: float | None  # seconds; None: it was there
    files: Mapping[str, int]  # bytes
    database: int  # bytes
    runs: dict[str, Run]


def main() -> int:
    options = _options()
    machine = describe_machine()
    print(machine, flush=True)
    sizes: list[Size] = []
    try:
        for events, home in [(n, None) for n in options.sizes] + [(0, h) for h in options.homes]:
            began = time.perf_counter()
            with home_of(home, events):
                made_in = None if home else time.perf_counter() - began
                sizes.append(_measured(made_in, options))
    except Unsuitable as unsuitable:
        print(unsuitable, file=sys.stderr)
        return 2
    sizes.sort(key=lambda size: size.shop.shop_events)
    wrong = [sentence for size in sizes for sentence in report.mismatches(size.runs)]
    told = f"{machine}.\n\n{_table(sizes, options.engines)}\n"
    print(f"\n{told}" + "\n".join(f"DIFFERENT: {sentence}" for sentence in wrong))
    if options.markdown is not None:
        put(options.markdown, "growth", "all sizes", told)
    return 1 if wrong else 0


def _measured(made_in: float | None, options: argparse.Namespace) -> Size:
    with tempfile.TemporaryDirectory(prefix="segmind-bench-") as scratch:
        store = opened()
        try:
            shop = shop_of(store, Path(scratch), THREADS)
            files, database = _bytes(store)
        finally:
            store.engine.dispose()
        plan = Plan(shop.as_of.isoformat(), options.repeats, patience=60)
        runs = run(options.engines, shop.inputs, plan, selected(["built-in"]), _say)
    return Size(shop, made_in, files, database, runs)


def _bytes(store: Store) -> tuple[dict[str, int], int]:
    """Bytes of the files by what they are, and of the database."""
    query = "SELECT kind, sum(bytes)::bigint FROM event_file GROUP BY kind"
    with store.engine.connect() as conn:
        by_kind = {row[0]: int(row[1]) for row in conn.execute(text(query))}
        database = conn.execute(text("SELECT pg_database_size(current_database())")).scalar_one()
    told = {name: sum(by_kind.get(kind, 0) for kind in kinds) for name, kinds in _FILES.items()}
    return told, int(database)


def _table(sizes: Sequence[Size], engines: Sequence[str]) -> str:
    head = ["", *(size_name(size.shop.shop_events) for size in sizes)]
    rows = [
        ["shop events", *(f"{size.shop.shop_events:,}" for size in sizes)],
        ["all events", *(f"{size.shop.events:,}" for size in sizes)],
        ["customers", *(f"{size.shop.customers:,}" for size in sizes)],
        ["made in", *("-" if s.made_in is None else f"{s.made_in:.0f} s" for s in sizes)],
        *([f"{name} on disk", *(megabytes(s.files[name]) for s in sizes)] for name in _FILES),
        ["PostgreSQL on disk", *(megabytes(size.database) for size in sizes)],
        ["Segmind: opened in", *(_opened(size) for size in sizes)],
    ]
    for name in engines:
        rows += [
            [f"{name}: built-ins, median", *(_spread(size.runs[name], 0.5) for size in sizes)],
            [f"{name}: built-ins, slowest 95 %", *(_slowest(size.runs[name]) for size in sizes)],
            [f"{name}: first time, all six", *(_first(size.runs[name]) for size in sizes)],
            [f"{name}: peak memory", *(megabytes(s.runs[name].peak_bytes) for s in sizes)],
        ]
    return table(head, rows)


def _opened(size: Size) -> str:
    ours = size.runs.get(report.OURS)
    return f"{ours.ready.seconds:.1f} s" if ours else "-"


def _spread(its: Run, share: float) -> str:
    medians = [median(outcome.warm) for outcome in its.outcomes.values() if outcome.warm]
    return f"{report.in_ms(percentile(medians, share))} ms" if medians else "failed"


def _slowest(its: Run) -> str:
    highest = [percentile(outcome.warm, 0.95) for outcome in its.outcomes.values() if outcome.warm]
    return f"{report.in_ms(max(highest))} ms" if highest else "failed"


def _first(its: Run) -> str:
    return f"{sum(outcome.cold for outcome in its.outcomes.values()):.1f} s"


def _say(sentence: str) -> None:
    print(sentence, flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="How time, memory and bytes grow with the shop.")
    parser.add_argument("--sizes", type=int, nargs="*", default=[], help="shop events to make")
    parser.add_argument("--homes", type=Path, nargs="*", default=[], help="homes with a shop")
    parser.add_argument(
        "--engines", type=lambda given: given.split(","), default=["segmind", "duckdb"]
    )
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--markdown", type=Path, nargs="?", const=BENCHMARKS)
    options = parser.parse_args()
    if not options.sizes and not options.homes:
        parser.error("Give --sizes to make, or --homes that are there.")
    return options


if __name__ == "__main__":
    sys.exit(main())
