"""Segments and dashboards on our engine and on others, with all answers compared.

Usage: segments.py [--home HOME | --events N] [--engines A,B] [--only WORD ...] [--repeats N]
                   [--skip-postgres-above N] [--json FILE] [--markdown [FILE]] [--label SIZE]

Asks the six built-in segments, twenty rules and seven questions of dashboards (``questions/`` has
each as a rule and in SQL, side by side) of Segmind, and the same by hand in SQL of DuckDB and
in-process ClickHouse on the same Parquet files and of PostgreSQL on an indexed table. Every engine
runs in a process of its own with two threads; they are asked in turn, one at a time. Every question
is asked once cold and then warm, each time a microsecond later, so that nobody can serve a kept
answer.

Every answer (of a segment: how many members, sum and xor of their ids) must be the same in every
engine; otherwise the run says which are not and ends with 1.

ClickHouse and DuckDB are not needed to run Segmind: pip install -r requirements-bench.txt
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from scripts.bench import report  # noqa: E402
from scripts.bench.document import BENCHMARKS, put, size_name  # noqa: E402
from scripts.bench.home import Shop, Unsuitable, home_of, opened, shop_of  # noqa: E402
from scripts.bench.machine import describe_machine  # noqa: E402
from scripts.bench.plan import ENGINES, Plan, Run, selected  # noqa: E402
from scripts.bench.runner import run  # noqa: E402

THREADS: Final = 2


def main() -> int:
    options = _options()
    try:
        with (
            home_of(options.home, options.events),
            tempfile.TemporaryDirectory(prefix="segmind-bench-") as scratch,
        ):
            return _measure(options, Path(scratch))
    except Unsuitable as unsuitable:
        print(unsuitable, file=sys.stderr)
        return 2


def _measure(options: argparse.Namespace, scratch: Path) -> int:
    machine = describe_machine()
    store = opened()
    try:
        shop = shop_of(store, scratch, THREADS)
    finally:
        store.engine.dispose()
    print(f"{machine}\n{described(shop)}", flush=True)
    runs = measured(shop, options, _engines(options, shop))
    wrong = report.mismatches(runs)
    text = fragment(machine, shop, runs, wrong)
    print(f"\n{text}")
    if options.json is not None:
        found = {
            "machine": machine,
            "shop": asdict(shop),
            "runs": [asdict(r) for r in runs.values()],
        }
        options.json.write_text(json.dumps(found, default=str, indent=1))
    if options.markdown is not None:
        label = options.label or size_name(shop.shop_events)
        put(options.markdown, "segments", label, f"### {label} shop events\n\n{text}")
    return 1 if wrong else 0


def measured(shop: Shop, options: argparse.Namespace, engines: Sequence[str]) -> dict[str, Run]:
    """What became of each engine."""
    plan = Plan(options.as_of or shop.as_of.isoformat(), options.repeats, options.patience)
    say = _quiet if options.quiet else _say
    return run(engines, shop.inputs, plan, selected(options.only), say)


def described(shop: Shop) -> str:
    """The size of what is asked."""
    return (
        f"{shop.shop_events:,} shop events of {shop.customers:,} customers, {shop.events:,} with "
        f"those of messages, in {len(shop.inputs.events)} files"
    )


def fragment(machine: str, shop: Shop, runs: dict[str, Run], wrong: Sequence[str]) -> str:
    """What was found, as Markdown."""
    equal = f"{report.compared(runs):,} answers compared with the first engine's: all equal."
    verdict = "\n".join(f"- DIFFERENT: {sentence}" for sentence in wrong) or equal
    return (
        f"{machine}. {described(shop)}.\n\n{report.summary(runs)}\n\n{verdict}\n\n"
        f"{report.times(runs)}\n"
    )


def _engines(options: argparse.Namespace, shop: Shop) -> list[str]:
    if shop.shop_events <= options.skip_postgres_above or "postgres" not in options.engines:
        return list(options.engines)
    print(f"PostgreSQL is left out above {options.skip_postgres_above:,} shop events.")
    return [name for name in options.engines if name != "postgres"]


def _say(sentence: str) -> None:
    print(sentence, flush=True)


def _quiet(sentence: str) -> None:
    """Says nothing."""


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Segments on our engine and on others.")
    shop = parser.add_mutually_exclusive_group()
    shop.add_argument("--home", type=Path, help="a home with a shop; nothing is written into it")
    shop.add_argument("--events", type=int, default=700_000, help="else: a new shop of so many")
    parser.add_argument("--engines", type=_names, default=list(ENGINES), help=",".join(ENGINES))
    parser.add_argument("--only", nargs="*", default=[], help="names or groups of questions")
    parser.add_argument("--repeats", type=int, default=7, help="how often each is asked warm")
    parser.add_argument("--patience", type=float, default=60, help="seconds for one question")
    parser.add_argument("--as-of", help="another moment, as 2026-03-31T12:00:00+00:00")
    parser.add_argument("--skip-postgres-above", type=int, default=10_000_000, metavar="EVENTS")
    parser.add_argument("--json", type=Path, help="write everything that was measured")
    parser.add_argument(
        "--markdown", type=Path, nargs="?", const=BENCHMARKS, help="put the tables into a document"
    )
    parser.add_argument("--label", help="the size as the document calls it, 6.75M")
    parser.add_argument("--quiet", action="store_true", help="only the tables")
    return parser.parse_args()


def _names(given: str) -> list[str]:
    names = given.split(",")
    if unknown := set(names) - set(ENGINES):
        raise argparse.ArgumentTypeError(f"no engine {sorted(unknown)[0]!r}: {', '.join(ENGINES)}")
    return names


if __name__ == "__main__":
    sys.exit(main())
