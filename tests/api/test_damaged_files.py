"""A file that is lost or damaged is named wherever somebody looks, and the rest still answers."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from api_client import Client

from segmind.db.engine import Store
from segmind.events import seal

RULE = {"type": "did", "event": "Signed Up", "op": "at_least", "n": 1, "window": {"type": "ever"}}


@pytest.fixture
def files(client: Client, store: Store, frozen_clock: datetime) -> list[Path]:
    """Two days' files, each of the one customer who signed up on that day."""
    for days in (0, 1):
        at = (frozen_clock - timedelta(days=days)).isoformat()
        call = {"userId": f"c-{days}", "event": "Signed Up", "timestamp": at}
        assert client.post("/v1/track", json=call).status_code == 200
    seal.seal(store)
    return sorted(store.lake.glob("event/**/*.parquet"))


def damage(path: Path) -> None:
    """Other bytes, of the same length."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)


@pytest.mark.parametrize("how", ["missing", "damaged"])
def test_a_bad_file_is_named_by_the_health_check_and_in_every_answer(
    client: Client, store: Store, files: list[Path], how: str
) -> None:
    whole = client.post("/segments/preview", json={"rule": RULE}).json()
    assert (whole["count"], whole["incomplete"]) == (2, [])
    assert client.get("/health/files").json()["status"] == "ok"

    lost = files[0].relative_to(store.lake).as_posix()
    files[0].unlink() if how == "missing" else damage(files[0])

    failing = client.get("/health/files")
    assert failing.status_code == 503
    assert failing.json()["faults"] == [f"{lost} is {how}"]
    general = client.get("/health")
    assert general.status_code == 200, "it still serves"
    assert general.json()["status"] == "degraded"
    assert general.json()["incomplete_files"] == 1
    assert general.json()["faults"] == [f"{lost} is {how}"]
    part = client.post("/segments/preview", json={"rule": RULE}).json()
    assert (part["count"], part["incomplete"]) == (1, [f"{lost} is {how}"])


def test_a_file_that_comes_back_is_counted_again(client: Client, files: list[Path]) -> None:
    kept = files[0].read_bytes()
    files[0].unlink()
    assert client.post("/segments/preview", json={"rule": RULE}).json()["count"] == 1
    files[0].write_bytes(kept)
    whole = client.post("/segments/preview", json={"rule": RULE}).json()
    assert (whole["count"], whole["incomplete"]) == (2, [])
    assert client.get("/health/files").status_code == 200
