"""A dispatcher process for the crash test: sends and reaps until nothing is left, or until killed.

Run as a script: database URL, home folder, lease in seconds, micro-batch size.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from segmind import clock
from segmind.channels.registry import Registry
from segmind.db.engine import Store, make_engine
from segmind.messages import reaper, reconcile
from segmind.messages.carriers import open_registry
from segmind.messages.dispatch import Dispatcher
from segmind.settings import from_environment
from segmind.workspace.product_settings import ProductSettings


class SlowCarrier:
    """The sandbox with small batches and a little time on the way, so that kills meet calls."""

    def __init__(self, inner: object, size: int) -> None:
        self._inner = inner
        self.batch_size = size

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)

    def send(self, parcels: object) -> object:
        time.sleep(0.004)
        outcomes = self._inner.send(parcels)  # type: ignore[attr-defined]
        time.sleep(0.004)  # accepted, and nobody here knows yet
        return outcomes


def main(url: str, home: str, lease: float, batch: int) -> None:
    settings = from_environment({"SEGMIND_HOME": home, "SEGMIND_DATABASE_URL": url})
    store = Store(engine=make_engine(url), lake=Path(home) / "lake", settings=settings)
    carriers = open_registry(store).by_channel
    registry = Registry({c: SlowCarrier(p, batch) for c, p in carriers.items()})  # type: ignore[misc]
    open_all_day = ProductSettings(quiet_hours={})
    dispatcher = Dispatcher(store, registry, open_all_day, lease_seconds=lease, claim_size=200)
    while True:
        report = dispatcher.run_once()
        with store.engine.begin() as conn:
            reaper.run(conn, clock.now())
        reconcile.run(store, registry, clock.now())
        with store.engine.connect() as conn:
            left = conn.exec_driver_sql(
                "SELECT count(*) FROM message WHERE state NOT IN (3, 6, 7, 8)"
            ).scalar_one()
        if not left:
            break
        if not report.seen:
            time.sleep(0.05)
    sys.stdout.write("done\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]), int(sys.argv[4]))
