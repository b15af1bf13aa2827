"""From the file's ids to ours: customers, products and names of a block of rows."""

from __future__ import annotations

from typing import Final, Literal, Protocol

import polars as pl

from segmind.db.engine import Store
from segmind.events import keys, names, products
from segmind.events.products import ATTRIBUTES
from segmind.events.schema import EVENT_COLUMNS

Namespace = Literal["user", "anonymous"]


class ResolveCustomers(Protocol):
    """Internal ids (Int64) for the shop's (String, no nulls), row by row; creates missing ones.

    ``countries``, as long as ``ids``, tells what the file says of them (null: nothing).
    """

    def __call__(
        self, ids: pl.Series, namespace: Namespace, countries: pl.Series | None
    ) -> pl.Series: ...


_CUSTOMER: Final = {"customer": pl.String, "country": pl.String, "customer_id": pl.Int64}
_PRODUCT: Final = {"product": pl.String, "product_id": pl.Int32}


class Ids:
    """Looks up what it has not seen in this file before."""

    def __init__(self, store: Store, resolve_customers: ResolveCustomers) -> None:
        self._store = store
        self._resolve = resolve_customers
        self._customers: dict[Namespace, pl.DataFrame] = {
            "user": pl.DataFrame(schema=_CUSTOMER),
            "anonymous": pl.DataFrame(schema=_CUSTOMER),
        }
        self._products = pl.DataFrame(schema=_PRODUCT)
        self._told = pl.DataFrame(
            schema={"external_id": pl.String} | {k: products.PRODUCT_COLUMNS[k] for k in ATTRIBUTES}
        )

    def events(self, rows: pl.DataFrame) -> pl.DataFrame:
        """EVENT_COLUMNS (without ``received_at``) for rows of PARSED that are not rejected."""
        self._learn_customers(rows)
        self._learn_products(rows)
        with self._store.engine.begin() as conn:
            codes = names.codes_of(conn, rows["name"].unique())
        made = rows.with_columns(
            keys.keys64(rows["session"]).alias("session_key"),
            keys.keys64(rows["order"]).alias("order_key"),
            pl.col("name").replace_strict(codes, return_dtype=pl.Int16).alias("kind"),
            self._customer_ids(rows),
        ).join(self._products, on="product", how="left", maintain_order="left")
        return made.select(name for name in EVENT_COLUMNS if name in made.columns)

    def _learn_customers(self, rows: pl.DataFrame) -> None:
        for namespace, known in self._customers.items():
            wanted = rows.filter(pl.col("is_anonymous") == (namespace == "anonymous"))
            # By country too: a customer whose country comes later is told of again.
            fresh = wanted.select("customer", "country").unique().join(
                known, on=["customer", "country"], how="anti", nulls_equal=True
            )  # fmt: skip
            if fresh.height:
                ids = self._resolve(fresh["customer"], namespace, fresh["country"])
                fresh = fresh.with_columns(ids.alias("customer_id"))
                self._customers[namespace] = pl.concat([known, fresh], rechunk=True)

    def _customer_ids(self, rows: pl.DataFrame) -> pl.Series:
        asked = rows.select("customer", "is_anonymous")
        known = pl.concat(
            found.select("customer", "customer_id")
            .unique("customer")
            .with_columns(pl.lit(namespace == "anonymous").alias("is_anonymous"))
            for namespace, found in self._customers.items()
        )
        found = asked.join(
            known, on=["customer", "is_anonymous"], how="left", maintain_order="left"
        )
        return found["customer_id"]

    def _learn_products(self, rows: pl.DataFrame) -> None:
        """Products that are new, or of which this block says something new."""
        given = (
            rows.lazy()
            .filter(pl.col("product").is_not_null())
            .group_by("product")
            .agg(
                pl.col("product_name").drop_nulls().last().alias("name"),
                pl.col("category").drop_nulls().last(),
                pl.col("brand").drop_nulls().last(),
                pl.col("price").drop_nulls().last(),
            )
            .rename({"product": "external_id"})
            .collect()
        )
        columns = ["external_id", *ATTRIBUTES]
        news = given.select(columns).join(self._told, on=columns, how="anti", nulls_equal=True)
        if news.is_empty():
            return
        with self._store.engine.begin() as conn:
            found = products.ids_of_frame(conn, news)
        fresh = found.rename({"external_id": "product"}).join(
            self._products, on="product", how="anti"
        )
        self._products = pl.concat([self._products, fresh.select(list(_PRODUCT))], rechunk=True)
        kept = self._told.join(news, on="external_id", how="anti")
        self._told = pl.concat([kept, news])
