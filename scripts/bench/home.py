"""The shop that a benchmark asks: a given home or a temporary one, and its files."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import polars as pl
from sqlalchemy import text

from scripts.bench.engines.engine import Inputs
from segmind.customers.facts import Facts, read_facts
from segmind.db import embedded
from segmind.db.engine import Store, open_store
from segmind.events.rows import scan_files
from segmind.events.schema import NOT_IN_SESSION, Kind
from segmind.settings import ROOT, from_environment


class Unsuitable(Exception):
    """The shop has something that the benchmark's SQL does not speak of."""


@dataclass(frozen=True, slots=True)
class Shop:
    """What is asked, and how large it is. ``as_of``: a minute after the last event."""

    inputs: Inputs
    as_of: datetime
    shop_events: int
    events: int
    customers: int


@contextmanager
def home_of(given: Path | None, events: int) -> Iterator[Path]:
    """``given``, else a new demo shop of so many events, which is gone afterwards.

    ``SEGMIND_HOME`` says it to this process and to those that it starts.
    """
    if given is not None:
        os.environ["SEGMIND_HOME"] = str(given.resolve())
        yield given.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="segmind-bench-") as name:
        home = Path(name)
        home.chmod(0o755)
        os.environ["SEGMIND_HOME"] = name
        command = [sys.executable, "scripts/seed_demo.py", "--events", str(events)]
        subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        try:
            yield home
        finally:
            embedded.stop(home)


def opened() -> Store:
    """The store of ``SEGMIND_HOME``, with a log that says nothing of every statement."""
    os.environ.setdefault("SEGMIND_LOG_LEVEL", "WARNING")
    return open_store(from_environment(), wait=30, pool_size=2)


def shop_of(store: Store, scratch: Path, threads: int) -> Shop:
    """The shop's files; what is not yet in files is written to ``scratch``.

    Raises:
        Unsuitable: customers were merged or erased, an order line has no order id, files are
            missing, or there are no events.
    """
    facts = read_facts(store)
    _check(store, facts)
    last = facts.log.last_ts
    assert last is not None
    inputs = Inputs(
        events=_events(facts, scratch),
        customers=_customers(store, facts, scratch),
        products=_written(facts.log.products().collect(), scratch / "products.parquet"),
        zone=facts.zone.key,
        threads=threads,
        database_url=store.engine.url.render_as_string(hide_password=False),
    )
    by_kind = scan_files([Path(p) for p in inputs.events]).group_by("kind").agg(pl.len()).collect()
    not_shop = pl.col("kind").is_in([int(kind) for kind in NOT_IN_SESSION])
    return Shop(
        inputs=inputs,
        as_of=last.replace(microsecond=0) + timedelta(minutes=1),
        shop_events=int(by_kind.filter(~not_shop)["len"].sum()),
        events=int(by_kind["len"].sum()),
        customers=facts.count,
    )


_GONE: Final = (
    "SELECT (SELECT count(*) FROM customer_merge) + "
    "(SELECT count(*) FROM customer WHERE erased_at IS NOT NULL)"
)


def _check(store: Store, facts: Facts) -> None:
    with store.engine.connect() as conn:
        gone = int(conn.execute(text(_GONE)).scalar_one())
    if facts.log.last_ts is None:
        raise Unsuitable("The log is empty. Make a shop: scripts/seed_demo.py.")
    if gone:
        raise Unsuitable(f"{gone:,} customers are merged or erased: the SQL does not follow them.")
    if facts.log.incomplete:
        raise Unsuitable(f"Files are missing: {', '.join(facts.log.incomplete)}")
    lines = facts.log.events(kinds=[Kind.ORDER_COMPLETED], columns=["order_key"])
    loose = int(lines.select(pl.col("order_key").is_null().sum()).collect().item())
    if loose:
        raise Unsuitable(f"{loose:,} order lines have no order id: the SQL takes it for granted.")


def _events(facts: Facts, scratch: Path) -> tuple[str, ...]:
    """The sealed files, and one of the rows that are not sealed yet, if there are any."""
    paths = [str(file.path) for file in facts.log.rows.files]
    recent = facts.log.rows.recent
    if recent.height:
        paths.append(_written(recent, scratch / "recent.parquet"))
    return tuple(paths)


def _customers(store: Store, facts: Facts, scratch: Path) -> str:
    """The file of customers; one of its own if some were touched since it was written."""
    query = "SELECT path FROM event_file WHERE kind = 'customer' ORDER BY id DESC LIMIT 1"
    with store.engine.connect() as conn:
        path = conn.execute(text(query)).scalar()
    touched = sum(roster.height for roster in facts.rosters[1:])
    if path is not None and not touched:
        return str(store.lake / path)
    return _written(facts.customers.collect(), scratch / "customers.parquet")


def _written(frame: pl.DataFrame, path: Path) -> str:
    frame.write_parquet(path)
    return str(path)
