"""How long fifty segments take to be refreshed in one pass, and one customer to be explained.

Usage: refresh.py --home HOME [--times N] [--of N] [--customers N]

Adds to the segments of the shop what is missing to fifty: the benchmark's twenty rules, and others
like the built-in ones with windows and thresholds of their own. Refreshes all of them as the
scheduler does, members, sizes and events of who moved written, each time a minute later; the first
time is a baseline and is told apart. Then explains customers drawn at random by each built-in
segment. Archives what it added.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from scripts.bench.home import opened
from scripts.bench.machine import describe_machine
from scripts.bench.questions import QUESTIONS
from scripts.bench.questions.built_ins import IDS
from scripts.bench.questions.dialect import Asked, rule_of
from scripts.bench.statistics import percentile
from segmind import clock
from segmind.customers.facts import Facts, read_facts
from segmind.db.engine import Store
from segmind.segments import archiving, segment
from segmind.segments.built_ins import BUILT_INS
from segmind.segments.explain import explain
from segmind.segments.refresh import refresh

ACTOR: Final = "benchmark"


def main() -> int:
    options = _options()
    os.environ["SEGMIND_HOME"] = str(options.home.resolve())
    print(describe_machine())
    store = opened()
    facts = read_facts(store)
    now = (facts.log.last_ts or clock.now()) + timedelta(minutes=1)
    ids, added = _segments(store, facts, now, options.of)
    try:
        for n in range(options.times + 1):
            wall, cpu = time.perf_counter(), time.process_time()
            report = refresh(store, now + timedelta(minutes=n), ids)
            moved = sum(each.entered + each.left for each in report.refreshed)
            print(
                f"{'first' if n == 0 else 'again'}: {len(report.refreshed)} segments refreshed in "
                f"{time.perf_counter() - wall:.2f} s ({time.process_time() - cpu:.2f} s of the "
                f"processor), {moved:,} moved, {len(report.failed)} failed",
                flush=True,
            )
        _explain(store, now, options.customers)
    finally:
        with store.engine.begin() as conn:
            for each in added:
                archiving.archive(conn, each, actor=ACTOR, now=now)
    print(f"memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MB at most")
    return 0


def _segments(store: Store, facts: Facts, now: datetime, count: int) -> tuple[list[int], list[int]]:
    """The segments that are refreshed, and which of them were added: the built-ins are there."""
    with store.engine.begin() as conn:
        own = [each.id for each in segment.list_segments(conn) if each.is_built_in]
        ids = {each.key: segment.by_key(conn, each.key).id for each in BUILT_INS}
        by_id = {IDS[key]: number for key, number in ids.items() if key in IDS}
        added = []
        for name, rule in _rules(Asked(now, facts.zone), by_id):
            if len(own) + len(added) == count:
                break
            made = segment.create(conn, f"Benchmark: {name}", rule, actor=ACTOR, now=now)
            added.append(made.id)
    return own + added, added


def _rules(asked: Asked, by_id: dict[int, int]) -> Iterator[tuple[str, Any]]:
    """Names and rules: the benchmark's, and more of the kinds that marketers make."""
    for question in QUESTIONS:
        if question.group == "rule" and question.rule is not None:
            yield question.title, _renumbered(rule_of(question.rule, asked), by_id)
    for days in (7, 14, 45, 60):
        window = {"type": "last", "amount": days, "unit": "days"}
        yield f"ordered in {days} days", _did("order", window)
        yield f"twice in {days} days", _did("order", window, n=2)
        yield f"spent 200.00 in {days} days", _did("order", window, metric="value_sum", n=20_000)
        yield f"20 views in {days} days", _did("product_viewed", window, n=20)
        yield f"3 sessions in {days} days", _did("session", window, n=3)
        yield (
            f"viewed, but did not add in {days} days",
            {
                "type": "all",
                "conditions": [
                    _did("product_viewed", window, n=5),
                    {"type": "none", "conditions": [_did("product_added", window)]},
                ],
            },
        )


def _did(event: str, window: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "did", "event": event, "window": window, **more}


def _renumbered(rule: Any, by_id: dict[int, int]) -> Any:
    """The rule with the shop's numbers of built-in segments."""
    if isinstance(rule, dict):
        return {
            key: by_id[value] if key == "segment_id" else _renumbered(value, by_id)
            for key, value in rule.items()
        }
    return [_renumbered(each, by_id) for each in rule] if isinstance(rule, list) else rule


def _explain(store: Store, now: datetime, count: int) -> None:
    facts = read_facts(store)
    ids = facts.customers.select("customer_id").collect()["customer_id"]
    dice = random.Random(1)  # noqa: S311
    wall, cpu = [], []
    for n in range(count + 1):
        rule = BUILT_INS[n % len(BUILT_INS)].rule
        somebody = ids[dice.randrange(ids.len())]
        began, used = time.perf_counter(), time.process_time()
        explain(rule, read_facts(store), somebody, now + timedelta(microseconds=n))
        wall.append((time.perf_counter() - began) * 1000)
        cpu.append((time.process_time() - used) * 1000)
    warm = wall[1:]
    print(
        f"explained {count} customers: median {percentile(warm, 0.5):.0f} ms, 95 % "
        f"{percentile(warm, 0.95):.0f} ms, longest {max(warm):.0f} ms; of the processor "
        f"{percentile(cpu[1:], 0.5):.0f} ms, 95 % {percentile(cpu[1:], 0.95):.0f} ms; the first "
        f"{wall[0]:.0f} ms"
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Time refreshes and explanations.")
    parser.add_argument("--home", type=Path, required=True, help="a home with a shop")
    parser.add_argument("--times", type=int, default=3, help="how often they are refreshed warm")
    parser.add_argument("--of", type=int, default=50, help="how many segments")
    parser.add_argument("--customers", type=int, default=120, help="how many are explained")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
