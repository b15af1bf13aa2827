"""Products: the shop's ids to ours, with the attributes that arrived last."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

import polars as pl
from sqlalchemy import Connection, text

from segmind.db.copy import copy_in, copy_out
from segmind.db.locks import lock
from segmind.events import known_products

#: A frame of products as the log hands it out.
PRODUCT_COLUMNS: Final[dict[str, pl.DataType]] = {
    "product_id": pl.Int32(),
    "external_id": pl.String(),
    "name": pl.String(),
    "category": pl.String(),
    "brand": pl.String(),
    "price": pl.Int64(),  # minor units
}
ATTRIBUTES: Final = ("name", "category", "brand", "price")


class Product(NamedTuple):
    """What an event tells of a product; None: it does not say. ``price`` in minor units."""

    external_id: str
    name: str | None = None
    category: str | None = None
    brand: str | None = None
    price: int | None = None


def ids_of(conn: Connection, products: Iterable[Product | str]) -> dict[str, int]:
    """Our ids of these products by the shop's; unknown ones are created.

    Each attribute that is given replaces the stored one; the last of several wins.
    """
    rows = [p if isinstance(p, Product) else Product(p) for p in products]
    if not rows:
        return {}
    stored = known_products.nothing_new(conn, rows)
    if stored is not None:
        return stored
    columns = {k: [getattr(p, k) for p in rows] for k in ("external_id", *ATTRIBUTES)}
    schema = {k: PRODUCT_COLUMNS[k] for k in columns}
    ids = ids_of_frame(conn, pl.DataFrame(columns, schema=schema))
    return dict(ids.iter_rows())


def ids_of_frame(conn: Connection, products: pl.DataFrame) -> pl.DataFrame:
    """``ids_of`` for many thousand products: frame in (external_id, any of the attributes), out.

    Returns external_id and product_id (Int32), one row per product. Of repeated rows the last
    value that is not null wins, column by column.
    """
    named = products.filter(pl.col("external_id").is_not_null())
    given = named.group_by("external_id").agg(
        pl.col(k).drop_nulls().last() if k in products.columns
        else pl.lit(None, PRODUCT_COLUMNS[k]).alias(k)
        for k in ATTRIBUTES
    )  # fmt: skip
    conn.execute(text("DROP TABLE IF EXISTS told"))
    conn.execute(
        text(
            "CREATE TEMP TABLE told (external_id text, name text, category text,"
            " brand text, price bigint) ON COMMIT DROP"
        )
    )
    # The order keeps two writers of the same products from waiting for each other in a circle.
    copy_in(conn, "told", given.select("external_id", *ATTRIBUTES).sort("external_id"))
    if conn.execute(text(_ANY_NEWS)).scalar():
        # One writer of news at a time, so that the newest updated_at is the last one committed:
        # readers tell by it whether their copy of the products is the present one.
        lock(conn, "products")
        conn.execute(text(_UPSERT))
    query = "SELECT p.external_id, p.id FROM told JOIN product p USING (external_id)"
    schema = {k: PRODUCT_COLUMNS[k] for k in ("external_id", "product_id")}
    return copy_out(conn, query, schema)


def frame(conn: Connection) -> pl.DataFrame:
    """Every product, as ``PRODUCT_COLUMNS``."""
    query = "SELECT id, external_id, name, category, brand, price FROM product"
    return copy_out(conn, query, PRODUCT_COLUMNS)


_ANY_NEWS = """
SELECT EXISTS (
  SELECT FROM told t LEFT JOIN product p USING (external_id)
  WHERE p.id IS NULL
     OR (coalesce(t.name, p.name), coalesce(t.category, p.category),
         coalesce(t.brand, p.brand), coalesce(t.price, p.price))
        IS DISTINCT FROM (p.name, p.category, p.brand, p.price))
"""
_UPSERT = """
INSERT INTO product AS p (external_id, name, category, brand, price, updated_at)
SELECT t.external_id, t.name, t.category, t.brand, t.price, clock_timestamp()
FROM told t LEFT JOIN product p USING (external_id)
WHERE p.id IS NULL
   OR (coalesce(t.name, p.name), coalesce(t.category, p.category),
       coalesce(t.brand, p.brand), coalesce(t.price, p.price))
      IS DISTINCT FROM (p.name, p.category, p.brand, p.price)
ORDER BY t.external_id
ON CONFLICT (external_id) DO UPDATE SET
  name = coalesce(excluded.name, p.name),
  category = coalesce(excluded.category, p.category),
  brand = coalesce(excluded.brand, p.brand),
  price = coalesce(excluded.price, p.price),
  updated_at = clock_timestamp()
"""
