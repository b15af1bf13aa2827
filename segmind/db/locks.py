"""Advisory locks: one runner of a kind at a time, released when its transaction ends."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from sqlalchemy import Connection, text


def _number(name: str) -> int:
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), signed=True)


def try_lock(conn: Connection, name: str) -> bool:
    """Take the lock ``name`` until the transaction ends; False if somebody else has it."""
    row = conn.execute(text("SELECT pg_try_advisory_xact_lock(:n)"), {"n": _number(name)})
    return bool(row.scalar())


def lock(conn: Connection, name: str) -> None:
    """Wait for the lock ``name`` and hold it until the transaction ends."""
    conn.execute(text("SELECT pg_advisory_xact_lock(:n)"), {"n": _number(name)})


def lock_all(conn: Connection, names: Iterable[str]) -> None:
    """Wait for all the locks and hold them; two that want the same ones never wait in a circle."""
    numbers = sorted(_number(name) for name in names)
    conn.execute(
        text("SELECT pg_advisory_xact_lock(n) FROM unnest(CAST(:all AS bigint[])) AS n"),
        {"all": numbers},
    )


def lock_shared(conn: Connection, name: str) -> None:
    """Wait while somebody holds the lock ``name`` alone; then hold it together with others."""
    conn.execute(text("SELECT pg_advisory_xact_lock_shared(:n)"), {"n": _number(name)})
