"""Files of the lake: written whole or not at all, recognised by checksum, never changed."""

from __future__ import annotations

import hashlib
import os
import uuid
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

import polars as pl

#: Small enough that one customer's rows are found without reading the day, large enough that a
#: scan is bound by decoding and not by bookkeeping.
ROW_GROUP_ROWS: Final = 65_536
PARTIAL_SUFFIX: Final = ".partial"
#: Bytes hashed at once. After each piece the thread waits for its turn beside others that compute.
_READ_AT_ONCE: Final = 4 << 20

#: Files whose bytes this process has compared with their checksum, and whether they were equal.
_verified: dict[str, tuple[tuple[int, int, str], bool]] = {}


@dataclass(frozen=True, slots=True)
class Written:
    """A finished file, on disk for good. ``checksum`` is the blake2b-128 of its bytes in hex."""

    path: str  # relative to the lake
    rows: int
    bytes: int
    checksum: str


def new_path(kind: str, day: date | None) -> str:
    """A path in the lake that no file has had before: ``event/day=2026-03-01/<uuid>.parquet``."""
    folder = f"{kind}/day={day.isoformat()}" if day else kind
    return f"{folder}/{uuid.uuid4().hex}.parquet"


def write(lake: Path, path: str, frame: pl.DataFrame) -> Written:
    """Write ``frame`` as Parquet (zstd) under ``lake``.

    The name appears only when every byte is on disk: a crash leaves a ``.partial`` file or a file
    without a row in the catalogue, and both are swept.
    """
    final = lake / path
    final.parent.mkdir(parents=True, exist_ok=True)
    partial = final.with_name(final.name + PARTIAL_SUFFIX)
    with partial.open("wb") as file:
        frame.write_parquet(file, compression="zstd", row_group_size=ROW_GROUP_ROWS)
        file.flush()
        os.fsync(file.fileno())
    checksum = checksum_of(partial)
    size = partial.stat().st_size
    partial.rename(final)
    _sync_folder(final.parent)
    status = final.stat()
    _verified[str(final)] = ((status.st_ino, status.st_mtime_ns, checksum), True)
    return Written(path=path, rows=frame.height, bytes=size, checksum=checksum)


def fault_of(lake: Path, path: str, size: int, checksum: str) -> str | None:
    """What is wrong with a file that should have these bytes: "missing", "damaged" or None.

    The bytes are read once per process and file; after that its size and times are trusted.
    """
    place = _place(lake, path)
    try:
        status = os.stat(place)  # noqa: PTH116 - asked for every file before every answer
    except OSError:
        return "missing"
    if status.st_size != size:
        return "damaged"
    seen = (status.st_ino, status.st_mtime_ns, checksum)
    known = _verified.get(place)
    if known is None or known[0] != seen:
        known = (seen, checksum_of(lake / path) == checksum)
        _verified[place] = known
    return None if known[1] else "damaged"


def known_fault(lake: Path, path: str, size: int, checksum: str) -> str | None:
    """``fault_of`` without reading: a file that this process has not read yet is only measured."""
    try:
        status = (lake / path).stat()
    except OSError:
        return "missing"
    known = _verified.get(_place(lake, path))
    is_bad = known is not None and known == ((status.st_ino, status.st_mtime_ns, checksum), False)
    return "damaged" if is_bad or status.st_size != size else None


def forget(lake: Path, path: str) -> None:
    """Remove a file from disk, if it is there."""
    _verified.pop(_place(lake, path), None)
    (lake / path).unlink(missing_ok=True)


def _place(lake: Path, path: str) -> str:
    return f"{lake}/{path}"


def checksum_of(path: Path) -> str:
    """The blake2b-128 of a file's bytes, in hex."""
    digest = hashlib.blake2b(digest_size=16)
    piece = memoryview(bytearray(_READ_AT_ONCE))
    with path.open("rb", buffering=0) as file:
        while taken := file.readinto(piece):
            digest.update(piece[:taken])
    return digest.hexdigest()


def _sync_folder(folder: Path) -> None:
    # A rename is durable only once the folder is.
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
