"""How long the attribution ledger takes over a large shop, with DuckDB doing last click beside it.

    ./run.sh python scripts/bench/attribution.py [--orders 917000] [--touches 5000000] [--seed 7]

Orders and touches are made up in memory: a month, touches of which one in ten is a click, orders
that follow a touch more often than chance. What is timed is what a question costs once the rows are
held as arrays (holding them happens when files are settled, and is told apart); DuckDB starts from
the same rows as Arrow tables.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import duckdb
import numpy as np
import polars as pl

from scripts.bench import machine
from segmind.analytics import claims, order_book, touches
from segmind.analytics.attribution import Ledger, share_out
from segmind.analytics.instants import as_instants, micros
from segmind.analytics.order_book import OrderBook
from segmind.analytics.period import Period
from segmind.analytics.rule import last_click
from segmind.analytics.rules import rules
from segmind.analytics.touches import TouchBook
from segmind.events.held import Held
from segmind.events.merges import Merges
from segmind.events.schema import EVENT_COLUMNS, Kind

SINCE: Final = datetime(2026, 3, 1, tzinfo=UTC)
DAYS: Final = 30
CUSTOMERS: Final = 2_300_000
PERIOD: Final = Period(SINCE, SINCE + timedelta(days=DAYS), ZoneInfo("UTC"))
LAST_CLICK: Final = """
    SELECT channel, count(*), sum(value)::BIGINT FROM (
        SELECT o.customer_id, o.value, c.channel FROM orders o
        ASOF JOIN clicks c ON c.customer_id = o.customer_id AND c.ts <= o.ts
        WHERE c.ts >= o.ts - INTERVAL 120 HOUR)
    GROUP BY 1 ORDER BY 1
"""


def made_up(orders: int, count: int, seed: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Orders and touches as rows of the log."""
    dice = np.random.default_rng(seed)
    month = DAYS * 86_400
    customer = dice.integers(1, CUSTOMERS + 1, count)
    at = dice.integers(0, month, count)
    kind = dice.choice(
        [int(Kind.MESSAGE_DELIVERED), int(Kind.MESSAGE_OPENED), int(Kind.MESSAGE_CLICKED)],
        count,
        p=[0.65, 0.25, 0.1],
    )
    message = dice.integers(1, count // 2, count)
    campaign = message % 400
    touched = _log(
        customer, at, kind, message_id=message, channel=campaign % 3 + 1,
        source_kind=1 + campaign % 2, source_id=campaign, machine=dice.random(count) < 0.1,
    )  # fmt: skip
    after = dice.integers(0, count, orders)
    follows = dice.random(orders) < 0.4
    who = np.where(follows, customer[after], dice.integers(1, CUSTOMERS + 1, orders))
    when = np.where(follows, at[after] + dice.integers(0, 259_200, orders),
                    dice.integers(0, month, orders))  # fmt: skip
    bought = _log(
        who, when, np.full(orders, int(Kind.ORDER_COMPLETED)), order_key=np.arange(orders),
        value=dice.integers(500, 20_000, orders),
    )  # fmt: skip
    return bought.filter(pl.col("ts") < PERIOD.until), touched


def _log(customer: Any, seconds: Any, kind: Any, **columns: Any) -> pl.DataFrame:
    frame = pl.DataFrame(
        {
            "customer_id": customer,
            "kind": kind,
            "ts": micros(SINCE) + seconds * 1_000_000,
            **columns,
        }
    ).with_columns(as_instants("ts"))
    missing = [pl.lit(None, t).alias(n) for n, t in EVENT_COLUMNS.items() if n not in frame.columns]
    return frame.with_columns(missing).with_columns(
        event_hi=pl.lit(1), event_lo=pl.int_range(pl.len())
    ).select(pl.col(n).cast(t) for n, t in EVENT_COLUMNS.items())  # fmt: skip


def timed(say: str, do: Callable[[], Any], repeats: int = 1) -> Any:
    """Do it, print the median, and return what came of the last time."""
    taken, found = [], None
    for _ in range(repeats):
        began, worked = time.perf_counter(), time.process_time()
        found = do()
        taken.append((time.perf_counter() - began, time.process_time() - worked))
    wall, work = sorted(taken)[len(taken) // 2]
    print(f"{say:<64} {wall * 1000:8.0f} ms {work * 1000:8.0f} ms of processor")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--orders", type=int, default=917_000)
    parser.add_argument("--touches", type=int, default=5_000_000)
    parser.add_argument("--seed", type=int, default=7)
    asked = parser.parse_args()
    print(machine.describe_machine())
    bought, touched = made_up(asked.orders, asked.touches, asked.seed)
    print(f"{bought.height:,} orders, {touched.height:,} touches, {CUSTOMERS:,} customers")
    none = Merges.none()
    columns = [pl.col(name) for name in touches._WANTED.columns]
    settled = timed("hold the touches (when files are settled)",
                    lambda: touches._prepare(touched.select(columns)))  # fmt: skip
    wanted = [pl.col(name) for name in order_book._WANTED.columns]
    held_orders = timed("hold the orders (when files are settled)",
                        lambda: order_book._prepare(bought.select(wanted)))  # fmt: skip
    book = TouchBook(Held(settled, touched.head(0), none))
    orders = OrderBook(Held(held_orders, bought.head(0).select(wanted), none))
    span = (micros(PERIOD.since), micros(PERIOD.until), micros(PERIOD.until))
    made = orders.made_in(*span).with_columns(net=pl.col("gross") - pl.col("refunded"))

    def anew(which: dict[str, Any]) -> dict[str, Ledger]:
        claims._days.clear()
        return share_out(made, book, PERIOD, which)

    clicks = {"last_click": last_click(5)}
    one = timed("last click, every day anew", lambda: anew(clicks), 3)["last_click"]
    timed("last click, closed days kept", lambda: share_out(made, book, PERIOD, clicks), 3)
    every = rules()
    timed(f"{len(every)} rules side by side, every day anew", lambda: anew(every), 3)
    books = timed(f"{len(every)} rules side by side, closed days kept",
                  lambda: share_out(made, book, PERIOD, every), 3)  # fmt: skip
    timed("by campaign under last click", lambda: one.by("source_kind", "source_id", "channel"), 3)
    late = touched.filter(pl.col("kind") == int(Kind.MESSAGE_CLICKED)).tail(1).with_columns(
        ts=pl.lit(SINCE + timedelta(days=12, hours=5)).cast(touched.schema["ts"])
    )  # fmt: skip
    again = TouchBook(Held(settled, late, none))
    timed(f"{len(every)} rules after one late touch (six days anew)",
          lambda: share_out(made, again, PERIOD, every))  # fmt: skip
    for key, ledger in books.items():
        twice = f", {ledger.counted_twice / 100:,.0f} of it twice" if ledger.counted_twice else ""
        print(f"  {key:<16} {ledger.credited / 100:14,.0f}{twice}")
    _duckdb(bought, touched, one)


def _duckdb(bought: pl.DataFrame, touched: pl.DataFrame, one: Ledger) -> None:
    engine = duckdb.connect(config={"threads": 2})
    engine.execute("SET TimeZone = 'UTC'")
    engine.register("o", bought.select("customer_id", "ts", "value").to_arrow())
    engine.register("t", touched.to_arrow())
    engine.execute("CREATE TABLE orders AS SELECT * FROM o")
    engine.execute(
        "CREATE TABLE clicks AS SELECT customer_id, ts, message_id, channel FROM t "
        f"WHERE kind = {int(Kind.MESSAGE_CLICKED)} AND NOT coalesce(machine, false)"
    )
    found = timed("DuckDB: last click by channel (ASOF JOIN, 2 threads)",
                  lambda: engine.execute(LAST_CLICK).fetchall(), 3)  # fmt: skip
    mine = one.by("channel").sort("channel").select("channel", "orders", "revenue").rows()
    same = [row[1] for row in mine] == [row[1] for row in found]
    print(f"  orders by channel {'equal' if same else 'differ (clicks at one instant)'}")


if __name__ == "__main__":
    main()
