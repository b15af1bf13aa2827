"""The web process as it is started: one process, UI and API, over real sockets."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from segmind.settings import ROOT


@pytest.fixture
def web(database_url: str, tmp_path: Path) -> Iterator[str]:
    """The address of a web process of this test's own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    environ = {
        **{k: v for k, v in os.environ.items() if not k.startswith("SEGMIND_")},
        "SEGMIND_HOME": str(tmp_path / "var"),
        "SEGMIND_DATABASE_URL": database_url,
        "SEGMIND_PORT": port,
    }
    command = [sys.executable, "-m", "uvicorn", "app:app", "--port", port, "--log-level", "error"]
    process = subprocess.Popen(command, cwd=ROOT, env=environ)
    address = f"http://127.0.0.1:{port}"
    try:
        _wait(f"{address}/api/health", process)
        yield address
    finally:
        process.terminate()
        process.wait(20)


def _wait(address: str, process: subprocess.Popen[bytes]) -> None:
    for _ in range(240):
        assert process.poll() is None
        try:
            if httpx.get(address, timeout=10).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.25)
    raise AssertionError("The web process did not come up.")


def test_one_process_serves_ui_api_and_links_and_bears_a_50_mb_body(web: str) -> None:
    page = httpx.get(f"{web}/", timeout=20)
    assert page.status_code == 200
    assert "text/html" in page.headers["content-type"]
    assert page.headers["x-content-type-options"] == "nosniff"
    assert httpx.get(f"{web}/api/segments", timeout=20).json()["segments"]
    assert httpx.get(f"{web}/l/nonsense").status_code == 404
    assert httpx.get(f"{web}/setup").status_code == 200

    began = time.monotonic()
    refused = httpx.post(f"{web}/api/v1/batch", content=b"x" * 50_000_000, timeout=30)
    assert refused.status_code == 413
    assert refused.json()["code"] == "body_too_large"

    def chunks() -> Iterator[bytes]:
        for _ in range(500):
            yield b"x" * 100_000

    refused = httpx.post(f"{web}/api/v1/batch", content=chunks(), timeout=30)
    assert refused.status_code == 413
    assert time.monotonic() - began < 20
    assert httpx.get(f"{web}/api/health", timeout=20).status_code == 200
