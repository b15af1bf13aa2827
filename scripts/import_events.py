"""Import files of events: python scripts/import_events.py --format rees46 FILE..."""

from __future__ import annotations

import argparse
import json
import os
import sys
import threading
from datetime import datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from sqlalchemy import select

from segmind import clock
from segmind.customers.imports import import_file, make_ready
from segmind.db import migrate
from segmind.db.engine import Store, open_store
from segmind.db.jobs import job
from segmind.errors import InvalidInput, SegmindError
from segmind.events.importers import csv_mapped
from segmind.events.importers.csv_mapped import CsvMapped
from segmind.events.importers.format import Format
from segmind.events.importers.importing import ImportReport
from segmind.events.importers.online_retail import OnlineRetail
from segmind.events.importers.rees46 import Rees46
from segmind.settings import from_environment
from segmind.workspace import product_clock, product_settings

FORMATS = ("rees46", "online-retail", "csv")


def main() -> int:
    """Import the files in the order given; 1 if one was damaged or refused."""
    options = _options()
    store = open_store(from_environment(), wait=30)
    migrate.upgrade(store.engine)
    product_clock.follow(store)
    worst = 0
    last: datetime | None = None
    for path in options.files:
        try:
            report = _watched(store, path, _format(options))
        except SegmindError as refused:
            print(f"{path}: {refused}", file=sys.stderr)
            worst = 1
            continue
        _show(report)
        _compare_currency(store, report)
        worst = worst or int(report.state != "done")
        last = max(filter(None, (last, report.last_ts)), default=None)
    if options.freeze_clock and last is not None:
        with store.engine.begin() as conn:
            changes = {"clock_frozen_at": last}
            product_settings.save(conn, changes, "import_events", clock.now())
        _say(f"The clock stands still at {last.isoformat()}.")
    _roll(store)
    return worst


def _compare_currency(store: Store, report: ImportReport) -> None:
    with store.engine.connect() as conn:
        own = product_settings.load(conn).currency
    given = report.figures.get("currency")
    if given and given != own:
        _say(f"The file counts in {given}, the shop in {own}: amounts are taken as they are.")
        _say("Settings > Workspace says in which currency they are shown.")


def _roll(store: Store) -> None:
    product_clock.follow(store)
    rolled = make_ready(store, clock.now()).rolled
    if rolled.made or rolled.corrected:
        _say(f"Daily sums: {rolled.made} days made, {rolled.corrected} corrected.")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Import files of events (plain or gzipped CSV). Importing twice is safe.",
        epilog=f"For --format csv: {csv_mapped.__doc__}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--format", required=True, choices=FORMATS)
    parser.add_argument(
        "--map", action="append", default=[], metavar="NAME=COLUMN", help="csv: which column is it"
    )
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="csv: one value for all"
    )
    parser.add_argument(
        "--freeze-clock",
        action="store_true",
        help="let the product's time stand still at the last event (historical data)",
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    return parser.parse_args()


def _format(options: argparse.Namespace) -> Format:
    if options.format == "csv":
        return CsvMapped(_pairs(options.map), _pairs(options.set))
    return Rees46() if options.format == "rees46" else OnlineRetail()


def _pairs(given: list[str]) -> dict[str, str]:
    pairs = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not value or name in pairs:
            raise InvalidInput(f"{text!r} is not NAME=COLUMN, or the name came before.")
        pairs[name] = value
    return pairs


def _watched(store: Store, path: Path, file_format: Format) -> ImportReport:
    """Import in this thread while another prints the job's progress."""
    done = threading.Event()
    watcher = threading.Thread(target=_print_progress, args=(store, path, done), daemon=True)
    watcher.start()
    try:
        return import_file(store, path, file_format, clock.now())
    finally:
        done.set()
        watcher.join()


def _print_progress(store: Store, path: Path, done: threading.Event) -> None:
    query = select(job).where(job.c.kind == "import").order_by(job.c.id.desc()).limit(1)
    said = ""
    while not done.wait(0.5):
        with store.engine.connect() as conn:
            row = conn.execute(query).mappings().first()
        if row and row["total"] and row["state"] == "running" and row["message"] != said:
            said = row["message"]
            _say(f"{path.name}: {100 * row['done'] / row['total']:5.1f} %  {said}")


def _say(sentence: str) -> None:
    """Print; whoever stops reading (``| head``) does not stop the import."""
    try:
        print(sentence, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _show(report: ImportReport) -> None:
    _say(f"\n{report.file_name} ({report.format}): {report.state}")
    if report.problem:
        _say(f"  {report.problem}")
    _say(f"  rows      {report.rows:>12,}")
    _say(f"  accepted  {report.accepted:>12,}")
    _say(f"  repeated  {report.repeated:>12,}")
    _say(f"  rejected  {report.rejected:>12,}")
    for reason, count in report.reasons.items():
        _say(f"            {count:>12,}  {reason}")
    if report.rejects_path:
        _say(f"  rejected rows with their lines: {report.rejects_path}")
    if report.first_ts and report.last_ts:
        _say(f"  from {report.first_ts.isoformat()} to {report.last_ts.isoformat()}")
    _say(json.dumps(report.figures, indent=2, ensure_ascii=False))


if __name__ == "__main__":
    raise SystemExit(main())
