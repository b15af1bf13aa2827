"""The demo shop's customers as rows: profile, ids, devices and the consent ledger."""

from __future__ import annotations

import polars as pl
from sqlalchemy import Connection, text

from scripts.demo_shop.gone import UNSUBSCRIBED, Gone
from scripts.demo_shop.loading import Loading
from segmind.customers.columns import CUSTOMER_COLUMNS
from segmind.events.schema import Channel

#: What the table says of customers of whom nothing is said.
DEFAULTS = {"is_anonymous": False}
ADDRESS = {Channel.EMAIL: "email", Channel.SMS: "phone", Channel.PUSH: "push_token"}


def first_free_id(conn: Connection, table: str) -> int:
    """The id after the largest one of ``table``."""
    return int(conn.execute(text(f"SELECT coalesce(max(id), 0) + 1 FROM {table}")).scalar_one())


def bump_identity(conn: Connection, table: str) -> None:
    """Let the table's own ids go on after those that were given."""
    conn.execute(
        text(
            f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), "
            f"greatest((SELECT coalesce(max(id), 1) FROM {table}), 1))"
        )
    )


def load_ids(loading: Loading, people: pl.DataFrame) -> None:
    """Load the ids and devices of ``people`` (columns of ``customer``), and their first consents.

    Consent was given on a form on the day the customer was created.
    """
    ids = people.select(
        pl.lit("user").alias("namespace"), "external_id", pl.col("id").alias("customer_id")
    )
    loading.copy("identity", ids)
    devices = people.filter(pl.col("push_token").is_not_null()).select(
        pl.col("push_token").alias("token"),
        pl.col("id").alias("customer_id"),
        pl.when(pl.col("id") % 3 == 0).then(pl.lit("ios")).otherwise(pl.lit("android"))
        .alias("platform"),
        pl.col("created_at").alias("last_seen_at"),
    )  # fmt: skip
    loading.copy("device", devices)
    for channel in Channel:
        given = people.filter(pl.col(f"{channel.label}_consent").is_not_null())
        status = pl.col(f"{channel.label}_consent").alias("status")
        entries = given.select("id", status, at="created_at")
        loading.copy("consent_entry", consents(entries, channel, "form"))


def load_people(loading: Loading, people: pl.DataFrame, gone: Gone) -> None:
    """Load the customers themselves, as those who are ``gone`` left them."""
    loading.copy("customer", after(people, gone))
    loading.do(lambda conn: bump_identity(conn, "customer"))
    loading.complete(["customer", "identity", "device"])


def after(people: pl.DataFrame, gone: Gone) -> pl.DataFrame:
    """``people`` with the suppressions, and the withdrawn consents, of those who are gone."""
    for channel in Channel:
        name, its = channel.label, gone.of(channel)
        left = pl.col("id").is_in(its["id"].implode())
        out = pl.col("id").is_in(its.filter(reason=UNSUBSCRIBED)["id"].implode())
        people = people.with_columns(
            left.alias(f"{name}_suppressed"),
            pl.when(out).then(0).otherwise(f"{name}_consent").cast(pl.Int16)
            .alias(f"{name}_consent"),
        )  # fmt: skip
    return people


def as_columns(people: pl.DataFrame, gone: Gone) -> pl.DataFrame:
    """The customers as ``customers.columns`` has them."""
    present = after(people, gone).rename({"id": "customer_id"})
    return present.select(
        (pl.col(name) if name in present.columns else pl.lit(DEFAULTS.get(name)))
        .cast(kind).alias(name)
        for name, kind in CUSTOMER_COLUMNS.items()
    )  # fmt: skip


def consents(frame: pl.DataFrame, channel: Channel, source: str) -> pl.DataFrame:
    """Ledger entries of ``frame``: id, status (1 yes, 0 no) and at."""
    return frame.select(
        pl.col("id").alias("customer_id"),
        pl.lit(int(channel)).alias("channel"),
        "status",
        pl.lit(source).alias("source"),
        pl.lit("demo shop").alias("actor"),
        "at",
    )


def load_gone(loading: Loading, channel: Channel, left: pl.DataFrame, reason: str) -> None:
    """Suppress addresses: bounced, complained, or opted out (which is also a "no" in the ledger).

    ``left`` has id, at and hash (the address's keyed hash as PostgreSQL's hex text).
    """
    if left.is_empty():
        return
    suppressions = left.select(
        pl.lit(int(channel)).alias("channel"),
        pl.col("hash").alias("address_hash"),
        pl.lit(reason).alias("reason"),
        pl.lit("demo shop").alias("origin"),
        "at",
    )
    loading.copy("suppression", suppressions)
    if reason == UNSUBSCRIBED:
        no = left.select("id", "at", status=pl.lit(0))
        loading.copy("consent_entry", consents(no, channel, "one_click"))


def mark_gone(conn: Connection, channel: Channel, left: pl.DataFrame) -> None:
    """Mark customers who are in the table already; ``left``: id, reason."""
    name = channel.label
    for (reason,), its in left.partition_by("reason", as_dict=True).items():
        consent = f", {name}_consent = 0" if reason == UNSUBSCRIBED else ""
        conn.execute(
            text(f"UPDATE customer SET {name}_suppressed = true{consent} WHERE id = ANY(:ids)"),
            {"ids": its["id"].to_list()},
        )
