"""A CSV file in REES46's format from the synthetic shop: time order, repeated rows, bad rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
import pyarrow as pa

from segmind.events.importers.rees46 import COLUMNS
from segmind.events.schema import Kind
from segmind.events.shop.catalogue import Catalogue, make_catalogue
from segmind.events.shop.published import Size
from segmind.events.shop.stream import Shop, days_of_events
from segmind.events.shop.visits import plan_visits

SINCE: Final = datetime(2019, 11, 1, tzinfo=UTC)
DAYS: Final = 30
WORDS: Final = {
    int(Kind.PRODUCT_VIEWED): "view",
    int(Kind.PRODUCT_ADDED): "cart",
    int(Kind.PRODUCT_REMOVED): "remove_from_cart",
    int(Kind.ORDER_COMPLETED): "purchase",
}
REPEATED_SHARE: Final = 0.0015  # as in November 2019
BAD_SHARE: Final = 0.00002
#: What is wrong with bad rows, in turn: column and what stands there instead.
FAULTS: Final = (
    ("user_id", ""),
    ("price", "-1.00"),
    ("event_type", "hover"),
    ("event_time", "2019-11-31 00:00:00 UTC"),
    ("brand", "one field, too many"),
)
_NO_FAULT: Final = -1
_HEX: Final = np.frombuffer("".join(f"{n:02x}" for n in range(256)).encode(), np.uint16)
_DASHES: Final = (8, 13, 18, 23)


@dataclass(frozen=True, slots=True)
class Emitted:
    """What is in the file: all rows; of them repeats put in (exact duplicates), and bad ones."""

    rows: int
    repeated: int
    bad: int
    bytes: int


def emit(path: Path, rows: int, seed: int) -> Emitted:
    """Write exactly ``rows`` rows (or a few fewer, when the shop's month has no more)."""
    written = repeated = bad = 0
    with path.open("wb") as file:
        file.write((",".join(COLUMNS) + "\n").encode())
        for frame in _days(rows, seed):
            part = frame.head(rows - written)
            texts = part.select(COLUMNS)
            texts.write_csv(file, include_header=False, quote_style="never")
            written += part.height
            repeated += int(part["is_repeat"].sum())
            bad += int((part["fault"] != _NO_FAULT).sum())
    return Emitted(written, repeated, bad, path.stat().st_size)


def _days(rows: int, seed: int) -> Iterator[pl.DataFrame]:
    size = Size(round(rows * 1.002))
    until = SINCE + timedelta(days=DAYS)
    catalogue = make_catalogue(size, np.random.default_rng([seed, 1]))
    visits = plan_visits(size, SINCE, until, np.random.default_rng([seed, 2]))
    rng = np.random.default_rng([seed, 40])
    users = 512_000_000 + rng.permutation(np.cumsum(rng.integers(1, 40, visits.people)))
    shop = Shop(seed, np.arange(catalogue.frame.height, dtype=np.int32), 0)
    products = _products(catalogue)
    for _, events in days_of_events(visits, catalogue, shop, until):
        sold = events.filter(pl.col("kind").is_in(list(WORDS)))
        rng = np.random.default_rng([seed, 41, int(sold["event_lo"][0])])
        again = sold.sample(round(sold.height * REPEATED_SHARE), seed=seed)
        both = pl.concat([sold.with_columns(is_repeat=False), again.with_columns(is_repeat=True)])
        yield _spoilt(_texts(both.sort("ts", maintain_order=True), products, users), rng)


def _products(catalogue: Catalogue) -> pl.DataFrame:
    n = catalogue.frame.height
    return catalogue.frame.select(
        pl.int_range(n, dtype=pl.Int32).alias("product_id"),
        pl.col("external_id").alias("sku"),
        (2_053_013_552_259_662_037 + pl.col("category").fill_null("").rank("dense") * 1_000_003)
        .cast(pl.String).alias("category_id"),
        pl.col("category").alias("category_code"),
        "brand",
    )  # fmt: skip


def _texts(events: pl.DataFrame, products: pl.DataFrame, users: np.ndarray) -> pl.DataFrame:
    told = events.join(products, on="product_id", how="left", maintain_order="left")
    cents = pl.col("value") % 100
    return told.select(
        pl.col("ts").dt.to_string("%Y-%m-%d %H:%M:%S UTC").alias("event_time"),
        pl.col("kind").replace_strict(WORDS, return_dtype=pl.String).alias("event_type"),
        pl.col("sku").alias("product_id"),
        "category_id",
        "category_code",
        "brand",
        pl.format("{}.{}", pl.col("value") // 100, cents.cast(pl.String).str.zfill(2)).alias(
            "price"
        ),
        pl.Series("user_id", users[events["customer_id"].to_numpy()]).cast(pl.String),
        _uuids(events["session_key"].to_numpy()).alias("user_session"),
        "is_repeat",
    )


def _uuids(keys: np.ndarray) -> pl.Series:
    """A UUID for each key, the same for the same key."""
    mixed = keys.view(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    raw = np.stack([keys.view(np.uint64), mixed], axis=1).astype(">u8").view(np.uint8)
    digits = _HEX[raw].view(np.uint8).reshape(-1, 32)
    text = np.full((len(keys), 36), ord("-"), np.uint8)
    text[:, [i for i in range(36) if i not in _DASHES]] = digits
    ends = pa.py_buffer(np.arange(len(keys) + 1, dtype=np.int64) * 36)
    made = pa.LargeStringArray.from_buffers(len(keys), ends, pa.py_buffer(text))
    return pl.Series(made)


def _spoilt(texts: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """Some rows (no repeats) made bad; ``fault`` says which way."""
    count = rng.poisson(texts.height * BAD_SHARE)
    where = rng.choice(np.flatnonzero(~texts["is_repeat"].to_numpy()), size=count, replace=False)
    fault = np.full(texts.height, _NO_FAULT)
    fault[where] = rng.integers(0, len(FAULTS), size=count)
    changed = texts.with_columns(pl.Series("fault", fault))
    for number, (column, instead) in enumerate(FAULTS):
        text = pl.when(pl.col("fault") == number).then(pl.lit(instead)).otherwise(column)
        changed = changed.with_columns(text.alias(column))
    return changed
