"""Keys of the log: 64 bits for a session or order id, 128 bits for an event id.

All of them are pure functions of their input and the same for ever, on any machine and with any
version of any library: a repeat is recognised years later.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from segmind.events import uuid_texts

UUID_PATTERN: Final = (
    r"^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$"
)
_IS_UUID: Final = re.compile(UUID_PATTERN)
_UUID_LENGTH: Final = 36
_TOGETHER: Final = 16_384  # rows mixed at once: their words stay in the processor's cache

Int64s = npt.NDArray[np.int64]
_Words = npt.NDArray[np.uint64]


@lru_cache(maxsize=16_384)
def key64(text: str) -> int:
    """The signed 64-bit key of an id.

    A UUID (written 8-4-4-4-12, any case) gives the xor of its halves, any other string the
    blake2b-64 of its UTF-8.
    """
    if len(text) == _UUID_LENGTH and _IS_UUID.fullmatch(text):
        hi, lo = halves(uuid.UUID(text))
        return hi ^ lo
    return _signed(hashlib.blake2b(text.encode(), digest_size=8).digest())


def keys64(ids: pl.Series) -> pl.Series:
    """``key64`` of a column of strings, as Int64; null stays null."""
    name = ids.name
    if ids.null_count() == ids.len():
        return pl.Series(name, [None], dtype=pl.Int64).new_from_index(0, ids.len())
    plain = uuid_texts.halves(ids)
    if plain is not None:
        key = pl.Series(name, plain[0] ^ plain[1])
        return key.set(ids.is_null(), None) if ids.null_count() else key
    table = pl.DataFrame({"id": ids.cast(pl.String)})
    is_uuid = pl.col("id").str.contains(UUID_PATTERN)
    digits = pl.when(is_uuid).then(pl.col("id").str.replace_all("-", "", literal=True))
    keys = table.select(
        is_uuid.alias("is_uuid"), (_half(digits, 0) ^ _half(digits, 16)).alias("key")
    )
    if bool(keys["is_uuid"].all()):  # nulls are ignored: every id that is there is a UUID
        return keys["key"].rename(name)
    others = table.filter(~is_uuid).unique()
    hashed = others.with_columns(
        pl.Series("hashed", [key64(text) for text in others["id"]], dtype=pl.Int64)
    )
    joined = pl.concat([table, keys], how="horizontal").join(
        hashed, on="id", how="left", maintain_order="left"
    )
    return joined.select(pl.coalesce("key", "hashed").alias(name)).to_series()


def event_id(text: str) -> uuid.UUID:
    """The 128-bit id of an event: a UUID is itself, any other string its blake2b-128."""
    if _IS_UUID.fullmatch(text):
        return uuid.UUID(text)
    return uuid.UUID(bytes=hashlib.blake2b(text.encode(), digest_size=16).digest())


def event_bytes(text: str) -> bytes:
    """``event_id`` as its 16 bytes, which cost a fraction of a UUID to make and to sort."""
    if len(text) == _UUID_LENGTH and _IS_UUID.fullmatch(text):
        return bytes.fromhex(text.replace("-", ""))
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


def event_ids(ids: pl.Series) -> tuple[pl.Series, pl.Series]:
    """``event_id`` of a column of strings without nulls, as (``event_hi``, ``event_lo``)."""
    plain = uuid_texts.halves(ids)
    if plain is not None:
        return pl.Series("event_hi", plain[0]), pl.Series("event_lo", plain[1])
    table = pl.DataFrame({"id": ids.cast(pl.String)})
    is_uuid = pl.col("id").str.contains(UUID_PATTERN)
    digits = pl.when(is_uuid).then(pl.col("id").str.replace_all("-", "", literal=True))
    split = table.select(_half(digits, 0).alias("event_hi"), _half(digits, 16).alias("event_lo"))
    if split["event_hi"].null_count():
        pairs = [halves(event_id(text)) for text in table["id"]]
        split = pl.DataFrame(
            pairs, schema={"event_hi": pl.Int64, "event_lo": pl.Int64}, orient="row"
        )
    return split["event_hi"], split["event_lo"]


def halves(identifier: uuid.UUID) -> tuple[int, int]:
    """The upper and lower 64 bits of an event id, signed, as the log's files keep them."""
    return _signed(identifier.bytes[:8]), _signed(identifier.bytes[8:])


def from_halves(hi: int, lo: int) -> uuid.UUID:
    """The event id with these halves."""
    return uuid.UUID(bytes=hi.to_bytes(8, signed=True) + lo.to_bytes(8, signed=True))


def content_ids(columns: Sequence[npt.NDArray[Any]]) -> tuple[Int64s, Int64s]:
    """128-bit ids of rows that came without one: rows with the same content get the same id.

    ``columns`` are equally long arrays of integers or booleans, in an order that must never
    change; text goes through ``keys64`` first, and a null needs a value that nothing else has.
    """
    length = len(columns[0])
    upper: _Words = np.full(length, 0x243F6A8885A308D3, dtype=np.uint64)
    lower: _Words = np.full(length, 0x13198A2E03707344, dtype=np.uint64)
    for start in range(0, length, _TOGETHER):
        part = slice(start, start + _TOGETHER)
        for column in columns:
            words = column[part].astype(np.int64, copy=False).view(np.uint64)
            for half in (upper[part], lower[part]):
                half ^= words
                _splitmix64(half)
    return upper.view(np.int64), lower.view(np.int64)


def _splitmix64(x: _Words) -> None:
    """SplittableRandom step (Steele, Lea and Flood 2014), wrapping at 64 bits, in place."""
    x += np.uint64(0x9E3779B97F4A7C15)
    x ^= x >> np.uint64(30)
    x *= np.uint64(0xBF58476D1CE4E5B9)
    x ^= x >> np.uint64(27)
    x *= np.uint64(0x94D049BB133111EB)
    x ^= x >> np.uint64(31)


def _half(digits: pl.Expr, start: int) -> pl.Expr:
    half = digits.str.slice(start, 16).str.decode("hex")
    return half.bin.reinterpret(dtype=pl.Int64, endianness="big")


def _signed(eight: bytes) -> int:
    return int.from_bytes(eight, signed=True)
