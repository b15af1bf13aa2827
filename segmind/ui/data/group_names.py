"""What groups of messages are called on screen, and where they lead."""

from __future__ import annotations

import polars as pl

from segmind.events.schema import Source
from segmind.ui.data import facts, segments
from segmind.ui.data.sources import channel_name, source_name


def names(table: pl.DataFrame, by: str) -> list[str]:
    """What each row of figures by a dimension is called."""
    rows = table.to_dicts()
    match by:
        case "source":
            return [source_name(row["source_kind"], row["source_id"]) for row in rows]
        case "step" | "variant":
            kind = Source.AUTOMATION if by == "step" else Source.CAMPAIGN
            only = "whole automation" if by == "step" else "only variant"
            return [f"{source_name(kind, row['source_id'])}: {row[by] or only}" for row in rows]
        case "channel":
            return [channel_name(row["channel"]) or "Unknown" for row in rows]
        case "segment":
            known = segments.names()
            return [known.get(row["segment_id"], f"Segment {row['segment_id']}") for row in rows]
        case "product":
            return _products(table)
        case "month":
            return [f"{row['month']:%b %Y}" for row in rows]
        case _:
            return [f"{row['day']:%-d %b %Y}" for row in rows]


def _products(table: pl.DataFrame) -> list[str]:
    named = facts.facts().log.products().select("product_id", pl.coalesce("name", "external_id"))
    known = dict(
        named.filter(pl.col("product_id").is_in(table["product_id"].implode()))
        .collect()
        .iter_rows()
    )
    return [known.get(number) or "No product named" for number in table["product_id"]]


def channels(table: pl.DataFrame) -> list[str | None]:
    """The channel of each row; None where rows have none."""
    if "channel" not in table.columns:
        return [None] * table.height
    return [channel_name(code) or None for code in table["channel"]]


def addresses(table: pl.DataFrame, by: str) -> list[str | None]:
    """Where a row's thing can be opened."""
    pages = {Source.CAMPAIGN: "campaign", Source.AUTOMATION: "automation"}
    if by == "segment":
        return [f"/segment?id={number}" for number in table["segment_id"]]
    if by in {"step", "variant"}:
        page = "automation" if by == "step" else "campaign"
        return [f"/{page}?id={number}" for number in table["source_id"]]
    if by == "source":
        pairs = table.select("source_kind", "source_id").iter_rows()
        found = [(pages.get(Source(kind)) if kind else None, number) for kind, number in pairs]
        return [f"/{page}?id={number}" if page else None for page, number in found]
    return [None] * table.height
