"""The demo shop's customers as rows: profile, ids, devices and the consent ledger."""

from __future__ import annotations

import polars as pl
from sqlalchemy import Connection, text

from segmind.db.copy import copy_in
from segmind.events.schema import Channel

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


def write_people(conn: Connection, people: pl.DataFrame) -> None:
    """Insert ``people`` (columns of ``customer``) with their ids, devices and first consents.

    Consent was given on a form on the day the customer was created.
    """
    copy_in(conn, "customer", people)
    bump_identity(conn, "customer")
    ids = people.select(
        pl.lit("user").alias("namespace"), "external_id", pl.col("id").alias("customer_id")
    )
    copy_in(conn, "identity", ids)
    devices = people.filter(pl.col("push_token").is_not_null()).select(
        pl.col("push_token").alias("token"),
        pl.col("id").alias("customer_id"),
        pl.when(pl.col("id") % 3 == 0).then(pl.lit("ios")).otherwise(pl.lit("android"))
        .alias("platform"),
        pl.col("created_at").alias("last_seen_at"),
    )  # fmt: skip
    copy_in(conn, "device", devices)
    for channel in Channel:
        given = people.filter(pl.col(f"{channel.label}_consent").is_not_null())
        write_consents(
            conn,
            given.select("id", "created_at", pl.col(f"{channel.label}_consent").alias("status")),
            channel,
            "form",
        )


def write_consents(conn: Connection, frame: pl.DataFrame, channel: Channel, source: str) -> None:
    """Append ledger entries; ``frame``: id, created_at (the instant), status (1 yes, 0 no)."""
    copy_in(
        conn,
        "consent_entry",
        frame.select(
            pl.col("id").alias("customer_id"),
            pl.lit(int(channel)).alias("channel"),
            "status",
            pl.lit(source).alias("source"),
            pl.lit("demo shop").alias("actor"),
            pl.col("created_at").alias("at"),
        ),
    )


def opt_out(
    conn: Connection, channel: Channel, gone: pl.DataFrame, hashes: list[str], reason: str
) -> None:
    """Suppress addresses: bounced, complained, or opted out (which is also a "no" in the ledger).

    ``gone`` has id and at; ``hashes`` are the addresses' keyed hashes as hex text.
    """
    if gone.is_empty():
        return
    copy_in(
        conn,
        "suppression",
        pl.DataFrame(
            {
                "channel": pl.repeat(int(channel), gone.height, eager=True),
                "address_hash": hashes,
                "reason": pl.repeat(reason, gone.height, eager=True),
                "origin": pl.repeat("demo shop", gone.height, eager=True),
                "at": gone["at"],
            }
        ),
    )
    name = channel.label
    consent = f", {name}_consent = 0" if reason == "unsubscribed" else ""
    conn.execute(
        text(f"UPDATE customer SET {name}_suppressed = true{consent} WHERE id = ANY(:ids)"),
        {"ids": gone["id"].to_list()},
    )
    if reason == "unsubscribed":
        entries = gone.select("id", pl.col("at").alias("created_at"), pl.lit(0).alias("status"))
        write_consents(conn, entries, channel, "one_click")
