"""A process that posts batches of events as fast as they are answered.

Reads its task as JSON on stdin, prints "ready" when every body is serialised, begins when it reads
a line, and prints what happened as JSON.
"""

from __future__ import annotations

import json
import socket
import sys
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from scripts.bench.live_traffic import Batch, templates

#: Every so often a client that heard no answer sends its batch again.
RESEND_EVERY: Final = 50


@dataclass
class Sender:
    """One connection that is kept open, and what became of its batches."""

    number: int
    port: int
    batches: list[Batch]
    milliseconds: list[float] = field(default_factory=list)
    accepted: int = 0
    repeated: int = 0
    events: int = 0
    rows: int = 0
    wrong: list[str] = field(default_factory=list)

    def run(self, until: float, pause: float) -> None:
        """Send until ``until``, at most one batch per ``pause`` seconds."""
        sock = socket.create_connection(("127.0.0.1", self.port))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        run = f"{time.time():.0f}"  # another run's events are others
        turn, due = 0, time.monotonic()
        while (began := time.monotonic()) < until:
            if began < due:
                time.sleep(due - began)
            due = max(due + pause, began)
            batch = self.batches[turn % len(self.batches)]
            body = batch.filled(f"{run}x{self.number}x{turn}", datetime.now(UTC))
            for is_repeat in [False, True] if turn % RESEND_EVERY == RESEND_EVERY - 1 else [False]:
                began = time.monotonic()
                status, answer = post(sock, "/api/v1/batch", body)
                self.milliseconds.append((time.monotonic() - began) * 1000)
                self._note(batch, status, answer, is_repeat=is_repeat)
            turn += 1

    def _note(self, batch: Batch, status: int, answer: bytes, *, is_repeat: bool) -> None:
        told = _told(answer)
        # An identify call that comes again changes nothing, but is no repeat of an event.
        right = (batch.accepted, batch.repeated, 0)
        if status != 200 or told is None or told[2] or (not is_repeat and told != right):
            self.wrong.append(f"{status} {told}, not {right}: {answer[:300]!r}")
            return
        self.repeated += told[1]
        if not is_repeat:
            self.accepted += told[0]
            self.events += batch.events
            self.rows += batch.rows


class _Counts(msgspec.Struct):
    """Of an answer what is compared; the outcomes of the calls one by one are only passed over."""

    accepted: int
    repeated: int
    rejected: int


def _told(answer: bytes) -> tuple[int, int, int] | None:
    try:
        counts = _ANSWER.decode(answer)
    except msgspec.MsgspecError:
        return None  # a problem, not a count
    return counts.accepted, counts.repeated, counts.rejected


def post(sock: socket.socket, path: str, body: bytes) -> tuple[int, bytes]:
    """One request on an open connection: the answer's status and body."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    sock.sendall(head.encode() + body)
    data = b""
    while (end := data.find(b"\r\n\r\n")) < 0:
        data += _more(sock)
    top = data[:end].lower()
    length = int(top.split(b"content-length:")[1].split(b"\r\n")[0])
    while len(data) < end + 4 + length:
        data += _more(sock)
    return int(top.split(b" ")[1]), data[end + 4 :]


def _more(sock: socket.socket) -> bytes:
    if not (block := sock.recv(262_144)):
        raise ConnectionError("The server closed the connection.")
    return block


def run(task: dict[str, Any]) -> dict[str, Any]:
    """Send as the task says; counts, times and what went wrong."""
    batches = templates(
        task["users"], task["products"], task["templates"], task["size"], task["seed"]
    )
    connections = task["connections"]
    senders = [Sender(i, task["port"], batches[i::connections]) for i in range(connections)]
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    pause = task["size"] * connections / task["rate"] if task["rate"] else 0.0
    began = time.monotonic()
    threads = [
        threading.Thread(target=s.run, args=[began + task["seconds"], pause]) for s in senders
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {
        "seconds": time.monotonic() - began,
        "milliseconds": [ms for s in senders for ms in s.milliseconds],
        "wrong": [w for s in senders for w in s.wrong],
        **{k: sum(getattr(s, k) for s in senders) for k in _COUNTS},
    }


_ANSWER: Final = msgspec.json.Decoder(_Counts)
_COUNTS: Final = ("accepted", "repeated", "events", "rows")

if __name__ == "__main__":
    print(json.dumps(run(json.loads(sys.stdin.readline()))))
