"""How many events a second go in over HTTP, while somebody looks at previews.

Usage: ingest.py [--seconds S] [--filled N] [--connections C] [--rate R] [--home COPY]

Starts Segmind as run.sh does (web and scheduler: sealing, compaction and rolling run beside it) in
a home of its own, a generator of load in a process of its own, and asks for previews once a second.
An answer counts when it came, which is after commit. At the end every accepted event is looked for
in the log. ``--home`` takes a home that already has a shop; it must hold a file named
``this-is-a-copy``, because the load is written into it for good.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import polars as pl  # noqa: E402
from sqlalchemy import text  # noqa: E402

from scripts.bench.bare_copy import bare_copy  # noqa: E402
from scripts.bench.machine import Cpu, describe_machine  # noqa: E402
from scripts.bench.previewer import Previewer  # noqa: E402
from scripts.start import parts  # noqa: E402
from segmind.db import embedded  # noqa: E402
from segmind.db.engine import Store, open_store  # noqa: E402
from segmind.db.migrate import upgrade  # noqa: E402
from segmind.events import log  # noqa: E402
from segmind.events.schema import NOT_IN_SESSION  # noqa: E402
from segmind.settings import from_environment  # noqa: E402

SIZE: Final = 500
MARK: Final = "this-is-a-copy"
#: The web process is at rest when it takes less than this share of a core.
AT_REST: Final = 0.1
SETTLE_SECONDS: Final = 3.0
SETTLE_ROUNDS: Final = 20


def main() -> int:
    options = _options()
    with _home(options.home) as home:
        os.environ |= {
            "SEGMIND_HOME": str(home),
            "SEGMIND_PORT": str(options.port),
            "SEGMIND_LOG_LEVEL": "WARNING",
        }
        settings = from_environment()
        if options.home is None:
            print(f"Filling a new home with {options.filled:,} events ...", flush=True)
            command = [sys.executable, "scripts/seed_demo.py", "--events", str(options.filled)]
            subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        store = open_store(settings, wait=30)
        upgrade(store.engine)
        try:
            failed = _measure(store, options)
        finally:
            store.engine.dispose()
            embedded.stop(home)
    return 1 if failed else 0


def _measure(store: Store, options: argparse.Namespace) -> bool:
    print(describe_machine(), flush=True)
    before = _rows_in_log(store)
    running = parts("all", store.settings)
    for part in running:
        part.start()
    generator = _generator(store, options)
    watched = {p.name: p.process.pid for p in running if p.process is not None}
    watched["load generator"] = generator.pid
    try:
        previewer = Previewer(options.port, store)
        previewer.wait_until_up()
        previewer.warm_up()
        assert generator.stdin is not None and generator.stdout is not None
        generator.stdout.readline()
        data = embedded.server_of(store.settings.home).data
        idle = _settled(watched, data)
        print("The load begins.", flush=True)
        cpu = Cpu(watched, data)
        with previewer:
            generator.stdin.write("go\n")
            generator.stdin.flush()
            done = json.loads(generator.stdout.readline())
        shares = cpu.shares()
    finally:
        generator.kill()
        generator.wait()
        for part in reversed(running):
            part.stop()
    added = _rows_in_log(store) - before
    rate = done["events"] / done["seconds"]
    print(f"accepted            {rate:>10,.0f} events/s ({done['events']:,} after commit)")
    print(f"batches of {SIZE}      {_spread(done['milliseconds'])}")
    print(f"previews            {_spread(previewer.milliseconds)}")
    print(f"freshness           {previewer.fresh} of {previewer.probes} in the next preview")
    print(f"recent tail         {previewer.longest_tail:>10,} rows at most")
    expected = done["rows"] + previewer.probes
    print(
        f"rows in the log     {added:>10,} of {expected:,} accepted; repeats {done['repeated']:,}"
    )
    print(f"processor, idle     {_shares(idle)}")
    print(f"processor           {_shares(shares)}")
    each = {name: share * done["seconds"] / done["events"] * 1e6 for name, share in shares.items()}
    print("microseconds/event  " + ", ".join(f"{n} {cost:.0f}" for n, cost in each.items()))
    alone = bare_copy(store, SIZE, seconds=5)
    print(f"bare COPY           {alone:>10,.0f} rows/s into an indexed table: {alone / rate:.1f} x")
    for wrong in done["wrong"][:3] + previewer.wrong[:3]:
        print(f"WRONG               {wrong}")
    return bool(done["wrong"] or previewer.wrong or added != expected)


def _settled(watched: dict[str, int], data: Path) -> dict[str, float]:
    """Wait until the web process has read ahead, as on any machine that is in use; what the
    processes take of a core while nothing comes in."""
    for _ in range(SETTLE_ROUNDS):
        cpu = Cpu(watched, data)
        time.sleep(SETTLE_SECONDS)
        idle = cpu.shares()
        if idle["web"] < AT_REST:
            break
    return idle


def _shares(shares: dict[str, float]) -> str:
    return ", ".join(f"{name} {share:.0%}" for name, share in shares.items())


def _generator(store: Store, options: argparse.Namespace) -> subprocess.Popen[str]:
    task = _known(store) | {
        "port": options.port,
        "seconds": options.seconds,
        "connections": options.connections,
        "rate": options.rate,
        "templates": 200,
        "size": SIZE,
        "seed": 7,
    }
    script = str(ROOT / "scripts" / "bench" / "load_generator.py")
    generator = subprocess.Popen(
        [sys.executable, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert generator.stdin is not None
    generator.stdin.write(json.dumps(task) + "\n")
    generator.stdin.flush()
    return generator


def _known(store: Store) -> dict[str, Any]:
    """Who and what the shop knows already."""
    users = "SELECT external_id FROM identity WHERE namespace = 'user' LIMIT 50000"
    products = "SELECT external_id, name, category, brand, price FROM product LIMIT 20000"
    with store.engine.connect() as conn:
        rows = conn.execute(text(products)).all()
        return {
            "users": list(conn.execute(text(users)).scalars()),
            "products": [
                {"product_id": r[0], "name": r[1], "category": r[2], "brand": r[3]}
                | ({} if r[4] is None else {"price": r[4] / 100})
                for r in rows
            ],
        }


def _rows_in_log(store: Store) -> int:
    """How many rows of the shop's own kinds are in the log, counted one by one."""
    engine = store.engine.execution_options(isolation_level="REPEATABLE READ")
    with engine.begin() as conn:
        rows = log.read(conn, store, ZoneInfo("UTC")).events(columns=["kind"])
    own = pl.col("kind").is_in([int(k) for k in NOT_IN_SESSION]).not_()
    return int(rows.filter(own).select(pl.len()).collect().item())


def _spread(milliseconds: Sequence[float]) -> str:
    ordered = sorted(milliseconds) or [0.0]
    at = [ordered[min(len(ordered) - 1, int(len(ordered) * q))] for q in (0.5, 0.95, 0.99, 1)]
    words = zip(("median", "95 %", "99 %", "longest"), at, strict=True)
    return f"{len(milliseconds):,}: " + ", ".join(f"{word} {ms:,.0f} ms" for word, ms in words)


@contextmanager
def _home(given: Path | None) -> Iterator[Path]:
    if given is not None:
        yield given.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="segmind-bench-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure live ingest over HTTP.")
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--filled", type=int, default=1_000_000, help="events there before")
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--rate", type=float, default=0, help="events/s at most; 0: all it takes")
    parser.add_argument("--home", type=Path, help=f"a home to write into; must hold {MARK}")
    parser.add_argument("--port", type=int, default=8698)
    options = parser.parse_args()
    if options.home is not None and not (options.home / MARK).exists():
        parser.error(f"{options.home} holds no file {MARK}: give a copy that may be written into.")
    return options


if __name__ == "__main__":
    sys.exit(main())
