"""What is kept of closed days changes no answer: each is that of all rows read anew."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest
from sqlalchemy import text

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
from segmind.analytics.rule import last_click
from segmind.analytics.rules import rule_of
from segmind.customers import profile, timeline
from segmind.customers.facts import Facts
from segmind.db.engine import Store
from segmind.events import bulk, compact, held, log, quality, reading, rollup, seal
from segmind.events.schema import EVENT_COLUMNS
from segmind.events.tables import event_recent

NOW = datetime(2026, 3, 29, 15, 20, tzinfo=UTC)  # Berlin's clocks changed this night
BERLIN = ZoneInfo("Europe/Berlin")
CUSTOMERS = 12
#: Rules that between them look at every kind of touch and share in every way that adds up.
SHARED = {key: rule_of(key) for key in ("time_decay", "klaviyo", "braze", "moengage_last")}
TOLD = [name for name in EVENT_COLUMNS if name not in ("event_hi", "event_lo", "currency")]


class Story:
    """A log that grows, is sealed, rolled, merged and corrected, by chance but repeatably."""

    def __init__(self, store: Store, seed: int) -> None:
        self.store, self.dice = store, np.random.default_rng(seed)
        self.made = 0
        reading._memories.clear()

    def events(self, count: int, until: datetime = NOW) -> pl.DataFrame:
        """Events of the last eight days before ``until``, of few customers, sessions and orders."""
        dice, shop = self.dice, self.dice.random(count) < 0.7
        kind = np.where(shop, dice.choice([1, 2, 4, 5, 5, 6, 100], count),
                        dice.choice([10, 11, 12, 13, 14, 15, 16, 20], count))  # fmt: skip
        message = dice.integers(1, 9, count)
        minutes = dice.integers(0, 8 * 24 * 6, count) * 10
        self.made += count

        def where(chosen: np.ndarray, numbers: np.ndarray, some: float = 1.0) -> list[Any]:
            keep = chosen & (dice.random(count) < some)
            return [int(n) if k else None for n, k in zip(numbers, keep, strict=True)]

        return pl.DataFrame(
            {
                "event_hi": np.full(count, 7),
                "event_lo": np.arange(self.made - count, self.made),
                "ts": [until - timedelta(minutes=int(m)) for m in minutes],
                "received_at": [until] * count,
                "customer_id": dice.integers(1, CUSTOMERS + 1, count),
                "kind": kind,
                "session_key": where(shop, dice.integers(1, 6, count), 0.8),
                "order_key": where(np.isin(kind, (5, 6)), dice.integers(1, 5, count), 0.7),
                "product_id": where(shop, dice.integers(1, 3, count)),
                "value": where(np.isin(kind, (5, 6)), dice.integers(0, 5_000, count)),
                "message_id": where(~shop & (kind < 20), message, 0.9),
                # A message has one channel and one source, whatever is told of it.
                "channel": where(~shop, message % 3 + 1),
                "source_kind": where(~shop, message % 2 + 1),
                "source_id": where(~shop, message // 3),
                "machine": [bool(m) for m in dice.integers(0, 2, count)],
            },
            schema_overrides=dict(EVENT_COLUMNS),
        )

    def live(self, count: int, until: datetime = NOW) -> None:
        rows = self.events(count, until).with_columns(
            pl.struct("event_hi", "event_lo").map_elements(
                lambda id_: f"{id_['event_hi'] << 64 | id_['event_lo']:032x}", pl.String
            ).alias("event_id")
        )  # fmt: skip
        with self.store.engine.begin() as conn:
            conn.execute(event_recent.insert(), rows.drop("event_hi", "event_lo").to_dicts())

    def bulk(self, count: int, until: datetime = NOW) -> None:
        bulk.append_bulk(self.store, self.events(count, until), NOW)

    def merge(self) -> None:
        gone, into = (int(c) for c in self.dice.choice(np.arange(1, CUSTOMERS + 1), 2, False))
        with self.store.engine.begin() as conn:
            pairs = conn.execute(text("SELECT from_id, into_id FROM customer_merge")).all()
            if gone not in {i for pair in pairs for i in pair} and into not in dict(pairs):  # type: ignore[arg-type]
                values = {"gone": gone, "into": into}
                conn.execute(text("INSERT INTO customer_merge VALUES (:gone, :into)"), values)

    def facts(self) -> Facts:
        engine = self.store.engine.execution_options(isolation_level="REPEATABLE READ")
        with engine.begin() as conn:
            return self._about(log.read(conn, self.store, BERLIN))

    def _about(self, snapshot: log.LogSnapshot) -> Facts:
        people = pl.DataFrame({"customer_id": np.arange(1, CUSTOMERS + 1)})
        facts = Facts.of(pl.DataFrame(schema=EVENT_COLUMNS), people, zone=BERLIN.key)
        return replace(facts, log=snapshot)


def anew(facts: Facts) -> Facts:
    """The same log with every row in memory: nothing of it is kept."""
    rows = facts.log.events().collect()
    plain = log.LogSnapshot.of(rows, zone=BERLIN.key, names=facts.log.names())
    return replace(facts, log=plain)


def answers(facts: Facts, whom: list[int], now: datetime = NOW) -> dict[str, object]:
    """What pages and the API ask, also of customers ``whom``, in a form that can be compared."""
    found: dict[str, object] = {}
    periods: list[tuple[int, Grain]] = [(2, "hour"), (4, "day"), (9, "week")]
    for days, grain in periods:
        at = f"{days} {grain} "
        period = Period.last_days(days, now, BERLIN, grain)
        for name, its in (("now ", period), ("before ", period.before())):
            credits = ledger(facts, its, last_click(2))
            found[at + name + "ledger"] = credits.entries.rows()
            if grain == "day":
                for key, book in ledgers(facts, its, SHARED).items():
                    found[at + name + key] = book.entries.rows()
                    found[at + name + key + " by product"] = credit_by.by_product(
                        facts, book
                    ).rows()
            found[at + name + "revenue"] = revenue.summary(facts, its, credits)
            found[at + name + "messages"] = engagement.over_time(facts, its).rows()
            found[at + name + "sources"] = sorted(engagement.by_source(facts, its).rows())
            found[at + name + "sessions"] = funnel.product_funnel(facts, its)
            found[at + name + "people"] = funnel.product_funnel(facts, its, "customer")
            found[at + name + "carts"] = funnel.abandonment(facts, its)
        found[at + "course"] = revenue.over_time(facts, period).rows()
        found[at + "overview"] = overview.summary(facts, period, last_click(2))
        members = {1: pl.Series([1, 2, 3, 5, 8]), 2: pl.Series([], dtype=pl.Int64)}
        found[at + "performance"] = segment_performance.table(facts, members, period).rows()
    found["live"] = live.recent_events(facts, now, 9, without=[20]).rows()
    told = quality.measure(facts.log)
    found["quality"] = (told.events, told.by_day.rows(), told.repeated_lines, told.without_session)
    for customer in whom:
        found[f"timeline {customer}"] = timeline.of_customer(facts, customer, limit=7).rows()
        earlier = timeline.of_customer(facts, customer, until=now - timedelta(days=2), limit=7)
        found[f"timeline before {customer}"] = earlier.rows()
        found[f"profile {customer}"] = profile.totals(facts, customer, now)
    return found


def assert_kept_is_right(story: Story) -> None:
    facts = story.facts()
    gone = facts.log.rows.merges.frame["from_id"]
    whom = [c for c in (1, 2, 3) if c not in gone]
    mine, right = answers(facts, whom), answers(anew(facts), whom)
    for name, answer in right.items():
        assert mine[name] == answer, name


@pytest.mark.parametrize(
    ("seed", "every"),
    [(0, 6), *(pytest.param(n, 1, marks=pytest.mark.slow) for n in range(6))],
)
def test_whatever_happened_to_the_log_kept_answers_are_those_of_all_rows(
    store: Store, seed: int, every: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(held, "MOST_FRESH", 60)  # so that there is settling in between
    story, dice = Story(store, seed), np.random.default_rng(seed)
    early = NOW - timedelta(days=2)
    story.bulk(150, early)
    assert_kept_is_right(story)
    steps = [
        lambda: story.live(25),
        lambda: story.live(10, early),  # late
        lambda: story.bulk(20, early),
        lambda: seal.seal(store),
        lambda: seal.seal(store, 5),
        lambda: rollup.roll(store, BERLIN, NOW),
        lambda: rollup.roll(store, BERLIN, early),
        lambda: compact.compact(store, NOW + timedelta(days=1)),
        *[story.merge] * 3,
    ]
    for turn, step in enumerate(dice.permutation(len(steps)), start=1):
        steps[int(step)]()
        if step % 2:  # what one step left to be done, the next may find
            story.live(4)
        if turn % every == 0 or turn == len(steps):
            assert_kept_is_right(story)
