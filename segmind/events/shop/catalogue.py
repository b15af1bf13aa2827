"""The shop's products: categories, brands, names and prices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from segmind.events.shop.published import (
    MISSING_BRAND,
    MISSING_CATEGORY,
    PRICE_QUANTILES,
    Size,
)

#: (category, share of events, lowest and highest price quantile that it draws from)
CATEGORIES = (
    ("electronics.smartphone", 0.30, 0.15, 1.0),
    ("electronics.audio.headphone", 0.06, 0.05, 0.55),
    ("electronics.clocks", 0.05, 0.25, 0.85),
    ("electronics.video.tv", 0.05, 0.55, 1.0),
    ("computers.notebook", 0.05, 0.65, 1.0),
    ("electronics.tablet", 0.02, 0.40, 0.95),
    ("computers.desktop", 0.02, 0.60, 1.0),
    ("appliances.kitchen.washer", 0.03, 0.50, 0.92),
    ("appliances.kitchen.refrigerators", 0.03, 0.55, 0.96),
    ("appliances.environment.vacuum", 0.04, 0.25, 0.80),
    ("appliances.kitchen.kettle", 0.02, 0.03, 0.30),
    ("appliances.personal.massager", 0.01, 0.10, 0.60),
    ("apparel.shoes", 0.05, 0.10, 0.55),
    ("apparel.costume", 0.02, 0.05, 0.45),
    ("furniture.living_room.sofa", 0.03, 0.45, 0.95),
    ("furniture.bedroom.bed", 0.02, 0.40, 0.95),
    ("kids.toys", 0.03, 0.02, 0.40),
    ("kids.carriage", 0.02, 0.30, 0.85),
    ("sport.bicycle", 0.03, 0.40, 0.90),
    ("auto.accessories.player", 0.03, 0.15, 0.60),
    ("construction.tools.drill", 0.04, 0.15, 0.65),
    ("stationery.cartrige", 0.02, 0.02, 0.25),
    ("accessories.bag", 0.03, 0.03, 0.40),
)
BRANDS = (
    "samsung", "apple", "xiaomi", "huawei", "lg", "sony", "oppo", "acer", "lenovo", "bosch",
    "philips", "indesit", "asus", "hp", "jbl", "artel", "haier", "elenberg", "tefal", "respect",
)  # fmt: skip
WORDS = (
    "Aster", "Birch", "Cinder", "Delta", "Ember", "Fjord", "Glade", "Harbor", "Iris", "Juniper",
    "Krona", "Lumen", "Maple", "Nova", "Orbit", "Pine", "Quartz", "Ridge", "Slate", "Tidal",
    "Umber", "Vega", "Willow", "Zephyr",
)  # fmt: skip


GUIDE_STEPS = 1 << 21


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Products by category, with the cumulated share of events that each draws.

    ``cumulated`` (float64, ends at 1) and ``price`` (int64 cents) run over products;
    ``block_start``/``block_end`` are the range of ``cumulated`` that a product's category covers.
    """

    frame: pl.DataFrame  # external_id, name, category, brand, price (cents)
    cumulated: np.ndarray
    price: np.ndarray
    block_start: np.ndarray
    block_end: np.ndarray
    guide: np.ndarray  # int32: the product at each of as many equal steps through ``cumulated``

    def at(self, share: np.ndarray) -> np.ndarray:
        """The products that lie at these shares, in [0, 1), of ``cumulated``."""
        # Looked up in steps finer than any product's share: a search would cost ten times more.
        return np.asarray(self.guide[(share * len(self.guide)).astype(np.int32)])


def make_catalogue(size: Size, rng: np.random.Generator) -> Catalogue:
    """Products whose event-weighted prices follow the published quantiles."""
    n = max(size.variety("products"), len(CATEGORIES) * 4)
    shares = np.array([share for _, share, _, _ in CATEGORIES])
    shares = shares / shares.sum()
    category = np.sort(rng.choice(len(CATEGORIES), size=n, p=shares**0.7 / (shares**0.7).sum()))
    weight = _popularity(category, shares, rng)
    cumulated = np.cumsum(weight)
    cumulated /= cumulated[-1]
    price = _prices(category, weight, rng)
    frame = _describe(size, category, price, rng)
    starts = np.searchsorted(category, np.arange(len(CATEGORIES)), side="left")
    ends = np.searchsorted(category, np.arange(len(CATEGORIES)), side="right")
    edge = np.concatenate([[0.0], cumulated])
    return Catalogue(
        frame=frame,
        cumulated=cumulated,
        price=price,
        block_start=edge[starts[category]],
        block_end=edge[ends[category]],
        guide=_guide(cumulated),
    )


def _guide(cumulated: np.ndarray) -> np.ndarray:
    middles = (np.arange(GUIDE_STEPS) + 0.5) / GUIDE_STEPS
    found = np.searchsorted(cumulated, middles).astype(np.int32)
    return np.asarray(np.minimum(found, len(cumulated) - 1))


def _popularity(category: np.ndarray, shares: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Zipf-like weights inside each category, which gets its share of all events."""
    raw = (1.0 / (1.0 + rng.permutation(len(category)))) ** 0.75
    sums = np.bincount(category, weights=raw, minlength=len(shares))
    return np.asarray(raw / sums[category] * shares[category])


def _prices(category: np.ndarray, weight: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Rank products by where their category lies in the price range, then read the quantiles.

    The rank is cumulated by weight, so that prices of *events*, not of products, have the
    published distribution.
    """
    low = np.array([low for _, _, low, _ in CATEGORIES])[category]
    high = np.array([high for _, _, _, high in CATEGORIES])[category]
    wish = low + (high - low) * rng.random(len(category))
    order = np.argsort(wish)
    share = np.empty(len(category))
    share[order] = np.cumsum(weight[order]) - weight[order] / 2
    x, y = np.array(PRICE_QUANTILES).T
    return np.asarray(np.round(100 * np.exp(np.interp(share, x, np.log(y)))).astype(np.int64))


def _describe(
    size: Size, category: np.ndarray, price: np.ndarray, rng: np.random.Generator
) -> pl.DataFrame:
    n = len(category)
    brands = [*BRANDS, *(f"house {i:04d}" for i in range(max(0, size.variety("brands") - 20)))]
    known = np.minimum(rng.geometric(0.18, size=n) - 1, len(BRANDS) - 1)
    tail = rng.integers(0, len(brands), size=n)
    brand = np.where(rng.random(n) < 0.75, known, tail)
    names = np.array([name for name, _, _, _ in CATEGORIES], dtype=object)
    model = rng.integers(100, 999, size=n)
    word = rng.integers(0, len(WORDS), size=n)
    title = [
        f"{WORDS[w]} {names[c].rsplit('.', 1)[-1]} {m}"
        for w, c, m in zip(word, category, model, strict=True)
    ]
    return pl.DataFrame(
        {
            "external_id": [f"{1_000_000 + i}" for i in range(n)],
            "name": title,
            "category": pl.Series(names[category].tolist()).set(
                pl.Series(rng.random(n) < MISSING_CATEGORY), None
            ),
            "brand": pl.Series([brands[b] for b in brand]).set(
                pl.Series(rng.random(n) < MISSING_BRAND), None
            ),
            "price": price,
        }
    )
