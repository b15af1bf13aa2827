"""Fill an empty workspace with the demo shop.

Usage: seed_demo.py [--events N] [--seed S] [--days D]
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import scripts.demo_shop.kept_memory  # noqa: F401 - before anything imports Polars
from scripts.demo_shop.make import DAYS, make
from scripts.demo_shop.steps import MemoryWatch
from segmind import clock
from segmind.db.embedded import server_of
from segmind.db.engine import open_store
from segmind.db.migrate import upgrade
from segmind.errors import SegmindError
from segmind.events.shop.calibration import report
from segmind.settings import from_environment


def main() -> int:
    parser = argparse.ArgumentParser(description="Fill an empty workspace with the demo shop.")
    parser.add_argument("--events", type=int, default=1_000_000, help="about how many shop events")
    parser.add_argument("--seed", type=int, default=2019, help="the same seed, the same shop")
    parser.add_argument("--days", type=int, default=DAYS, help="length of the past")
    options = parser.parse_args()
    if not 1_000 <= options.events <= 500_000_000 or not 7 <= options.days <= 730:
        parser.error("--events must be between 1,000 and 500,000,000, --days between 7 and 730")
    began = time.perf_counter()
    try:
        settings = from_environment()
        store = open_store(settings, wait=30)
        watch = MemoryWatch(None if settings.database_url else server_of(settings.home).data)
        upgrade(store.engine)
        made = make(
            store, events=options.events, seed=options.seed, now=clock.now(), days=options.days,
            say=_say,
        )  # fmt: skip
    except SegmindError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    seconds = time.perf_counter() - began
    print(f"\n{report(made.calibration)}\n")
    print("True effects of the past campaigns (orders caused per delivered message, and what was")
    print("caused within 7 days of a customer's first message):")
    for name, effect in made.truth.items():
        print(f"  {name:<32}{effect:>7.2%}{made.caused[name].total / 100:>14,.2f}")
    print("\nSeconds by step and, in this process, processor seconds and GB at most until then:")
    for took in made.took:
        print(f"  {took.seconds:6.1f} {took.work:6.1f} {took.held / 1e9:6.2f}  {took.step}")
    print(f"\n{watch.stop()}")
    print(f"{made.events:,} events, {made.customers:,} customers, in {seconds:.1f} s.")
    return 0


def _say(sentence: str) -> None:
    print(sentence, flush=True)


if __name__ == "__main__":
    sys.exit(main())
