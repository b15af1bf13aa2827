"""Every attribution rule equals its own words put to another engine, and adds up to the cent."""

from __future__ import annotations

import itertools
import os
from datetime import timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segmind.analytics import claims, touches
from segmind.analytics.attribution import ledger, ledgers
from segmind.analytics.period import Period
from segmind.analytics.rule import Rule, Share, Tier
from segmind.analytics.rules import UnknownRule, Windows, rule_of, rules
from segmind.analytics.shares import largest_remainder
from segmind.analytics.touches import Act
from segmind.events.held import Held
from segmind.events.merges import Merges
from tests.trying import examples
from tests.unit.analytics.test_against_duckdb import (
    BERLIN,
    LOGS,
    ORDERS,
    PERIOD,
    SINCE,
    WINDOW,
    ask,
    facts_of,
    frame_of,
)

Log = tuple[list[dict[str, int]], list[dict[str, int]]]
EXAMPLES = 1_000 if os.environ.get("HYPOTHESIS_PROFILE") == "search" else 8
KINDS = {Act.DELIVERED: 11, Act.OPENED: 13, Act.CLICKED: 14}
WEIGHTS = {
    Share.LINEAR: "1",
    Share.POSITION: "CASE WHEN n <= 2 THEN 1 WHEN nth IN (1, n) THEN 40 * (n - 2) ELSE 20 END",
    Share.DECAY: "greatest(1, floor(1048576 * pow(2, -(age_s // 3600) / 168.0))::BIGINT)",
}
NET = f"""
  orders AS (SELECT * FROM ({ORDERS}) WHERE {WINDOW}),
  back AS (SELECT customer_id, order_key, sum(value)::BIGINT AS back FROM log
           WHERE kind = 6 AND order_key IS NOT NULL AND {WINDOW} GROUP BY ALL),
  net AS (SELECT o.*, greatest(gross - coalesce(back, 0), 0) AS net
          FROM orders o LEFT JOIN back USING (customer_id, order_key))
"""


def told(rule: Rule) -> str:
    """The rule as SQL: message_id, orders, revenue."""
    ctes, parts = [NET], []
    for number, tier in enumerate(rule.tiers):
        ctes += _tier(tier, number)
        before = " UNION ALL ".join(f"SELECT customer_id, id FROM got{n}" for n in range(number))
        free = f"WHERE (customer_id, id) NOT IN ({before})" if before else ""
        parts.append(f"SELECT customer_id, id, message_id, credit FROM got{number} {free}")
    return (
        f"WITH {', '.join(ctes)} SELECT message_id, count(*), sum(credit)::BIGINT "
        f"FROM ({' UNION ALL '.join(parts)}) GROUP BY 1 ORDER BY 1"
    )


def _tier(tier: Tier, number: int) -> list[str]:
    counts = " OR ".join(
        f"(m.kind = {KINDS[w.act]} AND coalesce(m.channel, 0) IN {(*w.channels, -1)} "
        f"AND m.ts >= net.ts - INTERVAL {round(w.hours * 60)} MINUTE)"
        for w in tier.windows
    )
    thing = (
        "(source_kind, source_id)" if tier.share is Share.EACH_SOURCE else "message_id"
    )  # no single messages in these logs
    near = f"""near{number} AS (
        SELECT net.customer_id, net.id, net.net, m.ts, m.message_id, m.source_kind, m.source_id,
               (epoch_us(net.ts) - epoch_us(m.ts)) // 1000000 AS age_s
        FROM net JOIN log m ON m.customer_id = net.customer_id AND m.message_id IS NOT NULL
          AND m.ts <= net.ts AND (m.kind = 11 OR NOT coalesce(m.machine, false)) AND ({counts}))"""
    if tier.share in (Share.LAST, Share.FIRST):
        way = "DESC" if tier.share is Share.LAST else "ASC"
        return [
            near,
            f"""got{number} AS (SELECT *, net AS credit FROM near{number} QUALIFY row_number()
                OVER (PARTITION BY customer_id, id ORDER BY ts {way}, message_id {way}) = 1)""",
        ]
    once = f"""once{number} AS (SELECT * FROM near{number} QUALIFY row_number() OVER (
        PARTITION BY customer_id, id, {thing} ORDER BY ts DESC, message_id DESC) = 1)"""
    if not tier.share.adds_up:
        most = tier.most or 1_000_000
        nth = "row_number() OVER (PARTITION BY customer_id, id ORDER BY ts DESC, message_id DESC)"
        got = f"SELECT *, net AS credit FROM once{number} QUALIFY {nth} <= {most}"
        return [near, once, f"got{number} AS ({got})"]
    whole = "PARTITION BY customer_id, id"
    return [
        near,
        once,
        f"""numbered{number} AS (SELECT *, count(*) OVER ({whole}) AS n,
            row_number() OVER ({whole} ORDER BY ts, message_id) AS nth FROM once{number})""",
        f"weighed{number} AS (SELECT *, {WEIGHTS[tier.share]} AS w FROM numbered{number})",
        f"""cut{number} AS (SELECT *, (net * w) // (sum(w) OVER ({whole}))::BIGINT AS down,
            (net * w) % (sum(w) OVER ({whole}))::BIGINT AS rest FROM weighed{number})""",
        f"""got{number} AS (SELECT *, down + CASE WHEN row_number() OVER (
              {whole} ORDER BY rest DESC, ts DESC, message_id DESC)
              <= net - sum(down) OVER ({whole}) THEN 1 ELSE 0 END AS credit FROM cut{number})""",
    ]


@settings(max_examples=EXAMPLES, deadline=None)
@given(log=LOGS)
def test_every_rule_equals_duckdb_and_adds_up(log: Log) -> None:
    frame = frame_of(*log)
    windows = Windows(days=4, by_channel=((2, 1),), counts=Act.DELIVERED)
    every = rules(windows)
    found = ledgers(facts_of(frame), PERIOD, every)
    for key, rule in every.items():
        book = found[key]
        mine = book.by("message_id").sort("message_id")
        assert mine.select("message_id", "orders", "revenue").rows() == ask(frame, told(rule)), key
        assert book.credited == book.credits["credited"].sum()
        assert book.counted_twice >= 0
        assert book.covered <= book.net
        if rule.adds_up:
            by_order = book.credits.group_by("order_row").agg(
                pl.col("credited").sum(), pl.col("net").first()
            )
            assert by_order["credited"].equals(by_order["net"], null_equal=True), key
            assert book.counted_twice == 0
        assert book.entries["order_id"].n_unique() == book.orders


@settings(max_examples=EXAMPLES, deadline=None)
@given(log=LOGS, days=st.lists(st.integers(0, 8), min_size=2, max_size=4, unique=True))
def test_a_ledger_of_kept_days_is_that_of_all_days_anew(log: Log, days: list[int]) -> None:
    frame = frame_of(*log)
    cuts = sorted(days)
    claims._days.clear()
    for height in (frame.height // 2, frame.height):  # the second log has late events in it
        facts = facts_of(frame.head(height))
        for low, high in itertools.pairwise(cuts):
            period = Period(
                SINCE + timedelta(days=low), SINCE + timedelta(days=high, hours=5), BERLIN
            )
            kept = ledgers(facts, period, rules())
            known = dict(claims._days)
            claims._days.clear()
            anew = ledgers(facts, period, rules())
            claims._days.update(known)
            for key, book in anew.items():
                assert kept[key].entries.equals(book.entries), key


def test_only_days_with_other_touches_are_found_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    orders = [
        {"customer_id": 1, "kind": 5, "minute": 1440 * day + 60, "order_key": day, "value": 100,
         "session_key": None}
        for day in range(8)
    ]  # fmt: skip
    click = {"customer_id": 1, "kind": 14, "minute": 10, "message_id": 1, "machine": None}
    late = {**click, "minute": 1440 * 6 + 5, "message_id": 2}
    claims._days.clear()
    asked: list[int] = []
    real = claims.match

    def counted(*args: object) -> object:
        asked.extend(np.unique(args[2] // touches.DAY))  # type: ignore[operator]
        return real(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(claims, "match", counted)
    before = ledger(facts_of(frame_of(orders, [click])), PERIOD)  # type: ignore[list-item]
    assert (len(asked), before.credited_orders) == (8, 5)
    asked.clear()
    after = ledger(facts_of(frame_of(orders, [click, late])), PERIOD)  # type: ignore[list-item]
    assert (len(asked), after.credited_orders) == (2, 7)


@settings(max_examples=examples(25), deadline=None)
@given(
    amounts=st.lists(st.integers(0, 10**12), min_size=1, max_size=4),
    weights=st.lists(st.lists(st.integers(1, 2**20), min_size=1, max_size=6), min_size=4,
                     max_size=4),
)  # fmt: skip
def test_largest_remainders_sum_to_the_amount_and_miss_no_share_by_a_cent(
    amounts: list[int], weights: list[list[int]]
) -> None:
    group = np.repeat(np.arange(len(amounts)), [len(w) for w in weights[: len(amounts)]])
    weight = np.concatenate([np.array(w) for w in weights[: len(amounts)]])
    shares = largest_remainder(group, weight, np.array(amounts))
    for number, amount in enumerate(amounts):
        mine = shares[group == number]
        assert mine.sum() == amount
        whole = sum(weights[number])
        for share, w in zip(mine.tolist(), weights[number], strict=True):
            assert abs(share * whole - amount * w) < whole


def test_touches_of_merged_customers_claim_the_orders_of_whom_they_became() -> None:
    order = {"customer_id": 1, "kind": 5, "minute": 60, "order_key": 1, "value": 100,
             "session_key": None}  # fmt: skip
    click = {"customer_id": 2, "kind": 14, "minute": 10, "message_id": 1, "machine": None}
    rows = frame_of([order], [click])  # type: ignore[list-item]
    book = touches.TouchBook
    merged = Merges.of(pl.DataFrame({"from_id": [2], "into_id": [1]}))
    settled = touches._prepare(rows)
    mine = book(Held(settled, rows.clear(), merged))
    alone = book(Held(settled, rows.clear(), Merges.none()))
    day = int(SINCE.timestamp()) // 86_400
    people = np.array([1])
    span = (day * touches.DAY, (day + 1) * touches.DAY)
    every = np.ones(touches.LANES, np.bool_)
    assert (len(mine.of(people, *span, every)), len(alone.of(people, *span, every))) == (1, 0)
    assert mine.print_of(day) != alone.print_of(day)
    fresh = book(Held(touches._prepare(rows.clear()), rows, merged))
    assert fresh.print_of(day) == mine.print_of(day)


def test_a_rule_that_does_not_exist_is_refused_with_those_that_do() -> None:
    with pytest.raises(UnknownRule, match="no such attribution rule") as refused:
        rule_of("best_click")
    assert "last_click" in refused.value.hint


def test_every_rule_says_its_windows_sharing_and_ties() -> None:
    for rule in rules(Windows(days=3, by_channel=((3, 0.5),))).values():
        card = rule.definition(PERIOD)
        assert rule.name in card.what
        assert " up to " in card.window
        assert card.tie_break
        assert ("several" in card.what) == (not rule.adds_up)
