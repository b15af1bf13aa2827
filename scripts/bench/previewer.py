"""Somebody who looks at previews while events come in, and checks that these are fresh."""

from __future__ import annotations

import http.client
import json
import threading
import time
from typing import Any, Final, Self

from sqlalchemy import text

from segmind.db.engine import Store
from segmind.segments.built_ins import BUILT_INS

ASKED: Final = ("cart_abandoners", "window_shoppers")
PROBE: Final = "Freshness Probe"
PATIENCE: Final = 60.0


class Previewer:
    """Asks for a preview once a second; every fifth second it sends an event and looks for it."""

    def __init__(self, port: int, store: Store) -> None:
        self._port = port
        self._store = store
        self._rules = [json.loads(b.rule.model_dump_json()) for b in BUILT_INS if b.key in ASKED]
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._run_id = f"{time.time():.0f}"
        self.milliseconds: list[float] = []
        self.probes = self.fresh = self.longest_tail = 0
        self.wrong: list[str] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    def wait_until_up(self) -> None:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=5)
                connection.request("GET", "/api/health")
                if connection.getresponse().status == 200:
                    return
            except OSError:
                pass
            if time.monotonic() > deadline:
                raise TimeoutError("The web process does not answer.")
            time.sleep(0.2)

    def warm_up(self) -> None:
        """Files into the page cache and into the process, as on any machine that is in use."""
        for rule in self._rules * 2:
            self._preview(rule)

    def _run(self) -> None:
        due, turn = time.monotonic(), 0
        while not self._stopping.is_set():
            began = time.monotonic()
            self._preview(self._rules[turn % len(self._rules)])
            self.milliseconds.append((time.monotonic() - began) * 1000)
            if turn % 5 == 4:
                self._probe()
            self._look_at_tail()
            turn += 1
            due = max(due + 1.0, time.monotonic())
            self._stopping.wait(due - time.monotonic())

    def _preview(self, rule: dict[str, Any]) -> int:
        answer = self._post("/api/segments/preview", {"rule": rule})
        return int(answer["count"])

    def _probe(self) -> None:
        """An accepted event of somebody new: the next preview has one customer more."""
        name = f"{PROBE} {self._run_id}"
        user = f"probe-{self._run_id}-{self.probes}"
        self._post("/api/v1/track", {"userId": user, "event": name})
        self.probes += 1
        rule = {"type": "did", "event": name, "op": "at_least", "n": 1, "window": {"type": "ever"}}
        began = time.monotonic()
        found = self._preview(rule)
        self.milliseconds.append((time.monotonic() - began) * 1000)
        self.fresh += found == self.probes
        if found != self.probes:
            self.wrong.append(f"{found} of {self.probes} probes are in the preview")

    def _look_at_tail(self) -> None:
        with self._store.engine.connect() as conn:
            tail = conn.execute(text("SELECT count(*) FROM event_recent")).scalar_one()
        self.longest_tail = max(self.longest_tail, int(tail))

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE)
        try:
            sent = {"Content-Type": "application/json"}
            connection.request("POST", path, json.dumps(body), sent)
            answer = connection.getresponse()
            read = answer.read()
        finally:
            connection.close()
        if answer.status != 200:
            self.wrong.append(f"{path}: {answer.status} {read[:300]!r}")
            return {"count": -1}
        found: dict[str, Any] = json.loads(read)
        return found
