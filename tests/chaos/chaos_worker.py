"""Sending processes for the chaos runs: each does all that a scheduler does about messages.

Run as a script it waits for lines of JSON: ``lease``, ``grace``, ``silence``, ``clock_shift``
(seconds), ``lanes``. Each starts a process that sends until it is killed. The rest comes from the
environment, as for any Segmind process.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import threading
import time
from datetime import timedelta

from sqlalchemy.exc import DBAPIError

from segmind import clock
from segmind.db.engine import Store, open_store
from segmind.events.schema import Channel
from segmind.messages import reaper, receipts, reconcile
from segmind.messages.carriers import open_registry
from segmind.messages.doubt_policy import DoubtPolicy
from segmind.messages.lanes import Lanes
from segmind.settings import from_environment
from segmind.workspace.product_settings import ProductSettings

log = logging.getLogger("chaos")

#: At any hour: without ``place_hours`` {} the law of the United States held every SMS of a run back
#: that was made at night.
AT_ANY_HOUR = ProductSettings(quiet_hours={}, place_hours={}, caps={})


def policies(grace: float, silence: float) -> dict[Channel, DoubtPolicy]:
    """The shipped policies on a shorter scale: ``grace`` stands for their three and ten minutes,
    ``silence`` for the half hour that they wait for a report of an e-mail."""
    return {
        Channel.EMAIL: DoubtPolicy(
            grace, most_rounds=20, silence_seconds=(silence, silence), flush_seconds=1.0
        ),
        Channel.SMS: DoubtPolicy(grace, most_rounds=20),
        Channel.PUSH: DoubtPolicy(0.0, most_rounds=50),
    }


def tend(store: Store, lanes: Lanes, registry: object, rules: dict[Channel, DoubtPolicy]) -> None:
    """What the scheduler does beside dispatching, every quarter of a second."""
    while True:
        try:
            with store.engine.begin() as conn:
                reaper.run(conn, clock.now())
            while receipts.reduce_inbox(store, clock.now(), 2_000) == 2_000:
                pass
            reconcile.run(store, registry, clock.now(), policies=rules)  # type: ignore[arg-type]
        except DBAPIError as error:
            log.warning("tending: %s", type(error).__name__)
        except Exception:
            log.exception("tending")
        time.sleep(0.25)


def main(options: dict[str, float]) -> None:
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    store = open_store(from_environment(), wait=30, pool_size=16)
    registry = open_registry(store)
    lanes = Lanes(
        store,
        registry,
        lanes=int(options["lanes"]),
        settings=AT_ANY_HOUR,
        lease_seconds=options["lease"],
        now=lambda: clock.now() + timedelta(seconds=options.get("clock_shift", 0.0)),
    )
    rules = policies(options["grace"], options["silence"])
    tender = threading.Thread(target=tend, args=(store, lanes, registry, rules), daemon=True)
    tender.start()
    while True:
        try:
            lanes.run_until_idle()
        except DBAPIError as error:
            log.warning("dispatching: %s", type(error).__name__)
        time.sleep(0.1)


def nursery() -> None:
    """Fork a worker for every line of options on stdin and say its process id: a process that has
    loaded everything already is replaced within milliseconds, so that many can be killed."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        worker = os.fork()
        if worker == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            try:
                main(json.loads(line))
            except BaseException:
                log.exception("The worker ended.")
                logging.shutdown()
            finally:
                os._exit(1)
        sys.stdout.write(f"{worker}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    nursery()
