"""A vendor on loopback: an HTTP server that answers by a plan and keeps what it accepted."""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Call:
    """One request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Answer:
    """What to answer, and what goes wrong meanwhile.

    ``accept``: the message counts as taken (the judge of what was really sent). ``wait``: seconds
    before the answer. ``end``: "reset" breaks the connection instead of answering, "torn" stops
    in the middle of the body, "drip" sends the body byte by byte for ever.
    """

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    accept: bool = False
    wait: float = 0.0
    end: str = ""


class Vendor:
    """The server: ``plan`` answers each call; calls are kept in order."""

    def __init__(self, plan: Callable[[Call], Answer]) -> None:
        self.plan = plan
        self.calls: list[Call] = []
        self.accepted: list[Call] = []
        self.connections = 0
        self._lock = threading.Lock()
        vendor = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                with vendor._lock:
                    vendor.connections += 1
                super().setup()

            def do_POST(self) -> None:
                vendor._serve(self)

            do_GET = do_POST  # noqa: N815 - the base class's name

            def log_message(self, format: str, *args: Any) -> None:
                return

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 256

            def handle_error(self, request: Any, client_address: Any) -> None:
                return

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=5)

    def _serve(self, handler: BaseHTTPRequestHandler) -> None:
        length = int(handler.headers.get("Content-Length") or 0)
        call = Call(
            handler.command,
            handler.path,
            {k.lower(): v for k, v in handler.headers.items()},
            handler.rfile.read(length),
        )
        answer = self.plan(call)
        with self._lock:
            self.calls.append(call)
            if answer.accept:
                self.accepted.append(call)
        if answer.wait:
            time.sleep(answer.wait)
        if answer.end == "reset":
            handler.connection.setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
            )
            handler.connection.close()
            handler.close_connection = True
            return
        handler.send_response(answer.status)
        for name, value in answer.headers.items():
            handler.send_header(name, value)
        extra = 10_000 if answer.end in ("torn", "drip") else 0
        handler.send_header("Content-Length", str(len(answer.body) + extra))
        handler.end_headers()
        handler.wfile.write(answer.body)
        if answer.end == "drip":
            for _ in range(400):
                handler.wfile.write(b" ")
                handler.wfile.flush()
                time.sleep(0.05)
        if answer.end:
            handler.close_connection = True


@contextmanager
def vendor(plan: Callable[[Call], Answer]) -> Iterator[Vendor]:
    """A running vendor."""
    running = Vendor(plan)
    try:
        yield running
    finally:
        running.close()


def free_port() -> int:
    """A port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
