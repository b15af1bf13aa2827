"""How long the reads of pages and of the analytics API take on a store, warm; it writes nothing.

Usage: SEGMIND_HOME=... reads.py [--times N] [--only WORD] [--moving]

Prints the median and the 95th percentile of each read in milliseconds, and the memory of the
process. ``--moving`` asks every time as if an event had just arrived: nothing that is remembered
for one version of the facts helps.
"""

from __future__ import annotations

import argparse
import random
import resource
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import polars as pl
from sqlalchemy import Connection

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from segmind import clock
from segmind.analytics import (
    credit_by,
    engagement,
    funnel,
    live,
    overview,
    revenue,
    segment_performance,
)
from segmind.analytics.attribution import ledger, ledgers
from segmind.analytics.period import Grain, Period
from segmind.analytics.rules import rules
from segmind.customers import profile, queries, timeline, trait_catalogue
from segmind.customers.facts import Facts, read_facts
from segmind.db.engine import Store, open_store
from segmind.events import property_names, quality
from segmind.events.schema import Kind
from segmind.segments import membership, segment
from segmind.segments.member_files import MembersMissing, NotRefreshed
from segmind.settings import from_environment
from segmind.workspace import product_clock

Read = tuple[str, Callable[[Facts], object]]
PERIODS: tuple[tuple[int, Grain], ...] = (
    (2, "hour"), (7, "day"), (30, "day"), (60, "day"), (60, "week"),
)  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description="Time the reads of pages and of the API.")
    parser.add_argument("--times", type=int, default=7, help="how often each is asked")
    parser.add_argument("--only", default="", help="only reads whose name holds this")
    parser.add_argument("--moving", action="store_true", help="with an event before each question")
    options = parser.parse_args()
    store = open_store(from_environment(), wait=30)
    product_clock.follow(store)
    began = time.perf_counter()
    facts = read_facts(store)
    print(f"{'open the store':<44}{(time.perf_counter() - began) * 1000:>10.0f} ms")
    print(f"{'read':<44}{'first':>10}{'median':>10}{'p95':>10}  ms")
    for name, read in reads(store, facts):
        if options.only in name:
            moves = moving(facts) if options.moving else None
            took = [_timed(read, next(moves) if moves else facts) for _ in range(options.times + 1)]
            warm = sorted(took[1:])
            p95 = warm[min(len(warm) - 1, round(0.95 * len(warm)))]
            print(f"{name:<44}{took[0]:>10.1f}{warm[len(warm) // 2]:>10.1f}{p95:>10.1f}",
                  flush=True)  # fmt: skip
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"memory: {_resident():,.0f} MB now, {peak:,.0f} MB at most")
    return 0


def reads(store: Store, facts: Facts) -> Iterator[Read]:
    """What pages and the API ask, by name."""
    now = clock.now()
    for days, grain in PERIODS:
        period = Period.last_days(days, now, facts.zone, grain)
        tag = f"{days} days by {grain}"
        yield f"overview, {tag}", lambda f, p=period: overview.summary(f, p)
        yield f"revenue page, {tag}", lambda f, p=period: _revenue(f, p)
        yield f"engagement page, {tag}", lambda f, p=period: _engagement(f, p)
        yield f"ledger, {tag}", lambda f, p=period: ledger(f, p)
        yield f"rules side by side, {tag}", lambda f, p=period: ledgers(f, p, rules())
        yield (
            f"credit by product, {tag}",
            lambda f, p=period: credit_by.by_product(f, ledger(f, p)),
        )
        yield f"funnel by session, {tag}", lambda f, p=period: funnel.product_funnel(f, p)
        yield (
            f"funnel by customer, {tag}",
            lambda f, p=period: funnel.product_funnel(f, p, "customer"),
        )
        yield f"abandonment, {tag}", lambda f, p=period: funnel.abandonment(f, p)
    members = _members(store)
    period = Period.last_days(30, now, facts.zone)
    yield "segment performance, 30 days", lambda f: segment_performance.table(f, members, period)
    without = (Kind.SEGMENT_ENTERED, Kind.SEGMENT_LEFT)
    yield "live events", lambda f: live.recent_events(f, now, 14, without=without)
    yield "quality of the log", lambda f: quality.measure(f.log)
    picked = _some_customers(facts)
    dice = random.Random(1)  # noqa: S311
    yield "timeline of one", lambda f: timeline.of_customer(f, dice.choice(picked), limit=40)
    yield "profile totals of one", lambda f: profile.totals(f, dice.choice(picked), now)
    busiest = _busiest(facts)
    yield (
        "timeline of a busy one",
        lambda f: timeline.of_customer(f, dice.choice(busiest), limit=40),
    )
    yield "profile totals of a busy one", lambda f: profile.totals(f, dice.choice(busiest), now)
    yield from _of_lists(store, dice, picked, now)


def _of_lists(
    store: Store, dice: random.Random, picked: list[int], now: datetime
) -> Iterator[Read]:
    """What pages ask of PostgreSQL."""

    def asked(question: Callable[[Connection], object]) -> Callable[[Facts], object]:
        def ask(_: Facts) -> object:
            with store.engine.connect() as conn:
                return question(conn)

        return ask

    yield "read the facts", lambda _: read_facts(store)
    yield "count all customers", lambda f: f.count
    yield (
        "count known customers",
        lambda f: f.customers.filter(~pl.col("is_anonymous")).select(pl.len()).collect(),
    )
    yield "newest customers", asked(queries.search)
    yield "newest known customers", asked(lambda c: queries.search(c, anonymous=False))
    yield "search customers for 'an'", asked(lambda c: queries.search(c, "an"))
    yield "count customers with 'an'", asked(lambda c: queries.count(c, "an"))
    yield "traits that there are", asked(trait_catalogue.read)
    yield "faults of files", asked(lambda c: quality.faults(c, store))
    yield "volumes of files", asked(quality.volumes)
    yield "names of properties", lambda f: property_names.known(f.log.rows)
    yield (
        "a whole profile",
        lambda f: asked(lambda c: profile.read(c, f, dice.choice(picked), now))(f),
    )


def _revenue(facts: Facts, period: Period) -> None:
    credits, past = ledger(facts, period), ledger(facts, period.before())
    revenue.summary(facts, period, credits)
    revenue.summary(facts, period.before(), past)
    revenue.over_time(facts, period)
    revenue.attributed_over_time(credits)
    credit_by.by_channel(credits)
    credit_by.by_source(credits)


def _engagement(facts: Facts, period: Period) -> None:
    engagement.over_time(facts, period)
    engagement.by_source(facts, period)
    engagement.totals(facts, period)
    engagement.totals(facts, period.before())


def _members(store: Store) -> dict[int, pl.Series]:
    with store.engine.connect() as conn:
        known = segment.list_segments(conn)
    found = {}
    for each in known:
        try:
            found[each.id] = membership.members(store, each.id)
        except (NotRefreshed, MembersMissing):
            continue
    return found


def _some_customers(facts: Facts, count: int = 200) -> list[int]:
    ids = facts.customers.select("customer_id").collect()["customer_id"]
    return ids.sample(min(count, ids.len()), seed=7).to_list()


def _busiest(facts: Facts, count: int = 20) -> list[int]:
    """Those with the most events on the last closed days."""
    days = list(facts.log.rolled.spans)[-2:]
    if not days:
        return _some_customers(facts, count)
    busy = facts.log.rolled.scan(days).group_by("customer_id").agg(pl.col("n").sum())
    return busy.top_k(count, by="n").collect()["customer_id"].to_list()


def moving(facts: Facts) -> Iterator[Facts]:
    """The same facts with one more event each time, as they come in."""
    log = facts.log
    open_day = max((span.until for span in log.rolled.spans.values() if span.until), default=None)
    kinds = [Kind.PRODUCT_VIEWED, Kind.ORDER_COMPLETED, Kind.MESSAGE_OPENED]
    pool = log.events(kinds=kinds, since=open_day).collect().sample(500, seed=3, shuffle=True)
    for count in range(1, 500):
        # The ids are others': these events are as new as any.
        news = pool.head(count).with_columns(pl.col("event_lo") + 1)
        rows = replace(log.rows, recent=pl.concat([log.rows.recent, news]))
        version = f"{log.version}+{count}"
        moved = replace(log, version=version, rows=rows, rolled=replace(log.rolled, rows=rows))
        yield replace(facts, log=moved, version=version)


def _timed(read: Callable[[Facts], object], facts: Facts) -> float:
    began = time.perf_counter()
    read(facts)
    return (time.perf_counter() - began) * 1000


def _resident() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1024 / 1024


if __name__ == "__main__":
    sys.exit(main())
