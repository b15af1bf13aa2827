"""The audience of a message: audience shown is audience sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import polars as pl
from sqlalchemy import Connection

from segmind.audiences.resolve import Terms, resolve
from segmind.audiences.waterfall import Reason, Waterfall
from segmind.consent import caps
from segmind.consent.addresses import as_channel
from segmind.consent.purpose import Purpose
from segmind.customers.facts import Facts
from segmind.events.schema import Channel
from segmind.segments.compile import matching
from segmind.segments.linking import Resolve
from segmind.segments.rule import Rule
from segmind.segments.segment import resolver
from segmind.workspace.product_settings import ProductSettings


@dataclass(frozen=True)
class Audience:
    """Everybody of the segments, each either a recipient or excluded for one reason.

    ``resolved``: customer_id Int64, address, reason (``waterfall.Reason``; null: receives), by id.
    """

    resolved: pl.DataFrame

    @cached_property
    def recipients(self) -> pl.DataFrame:
        """customer_id, address of who will receive, ascending by id; no address occurs twice."""
        chosen = self.resolved.filter(pl.col("reason").is_null())
        return chosen.select("customer_id", "address")

    @cached_property
    def exclusions(self) -> pl.DataFrame:
        """customer_id, reason of who will not; the holdout is among them."""
        refused = self.resolved.filter(pl.col("reason").is_not_null())
        return refused.select("customer_id", "reason")

    @cached_property
    def holdout(self) -> pl.Series:
        """customer_id of who is kept out on purpose: they would have received otherwise."""
        return self.exclusions.filter(pl.col("reason") == Reason.HOLDOUT.value)["customer_id"]

    @cached_property
    def waterfall(self) -> Waterfall:
        """How the segment's size becomes the recipients', step by step."""
        counts = self.exclusions.group_by("reason").len()
        return Waterfall.of(self.resolved.height, dict(counts.iter_rows()))


def build(
    facts: Facts,
    conn: Connection,
    rules: Sequence[Rule],
    *,
    channel: Channel | str,
    settings: ProductSettings,
    as_of: datetime,
    exclude: Sequence[Rule] = (),
    purpose: Purpose = Purpose.MARKETING,
    holdout_percent: float = 0.0,
    salt: str = "",
) -> Audience:
    """Who of any of ``rules``, and of none of ``exclude``, gets a message on ``channel``.

    Built from one snapshot in columns; the gate is asked again, afresh, when a message is claimed.
    Frequency caps (counted by ``conn``) and the holdout apply to marketing only.

    Raises:
        InvalidRule: a rule names an unknown event or segment.
        InvalidShare: ``holdout_percent`` is not between 0 and 100.
    """
    terms = terms_of(channel, purpose, holdout_percent, salt, settings)
    known = resolver(conn)
    resolved = resolve(
        facts.customers,
        union(rules, facts, as_of, known),
        union(exclude, facts, as_of, known),
        capped(conn, terms, settings, as_of),
        terms,
    )
    return Audience(resolved.collect().sort("customer_id"))


def terms_of(
    channel: Channel | str,
    purpose: Purpose,
    holdout_percent: float,
    salt: str,
    settings: ProductSettings,
) -> Terms:
    """The terms; only marketing holds anybody out."""
    is_marketing = purpose is Purpose.MARKETING
    return Terms(
        channel=as_channel(channel),
        purpose=purpose,
        holdout_percent=holdout_percent if is_marketing else 0.0,
        salt=salt,
        unasked_countries=settings.email_unasked_countries,
        global_percent=settings.global_holdout_percent if is_marketing else 0.0,
    )


def union(
    rules: Sequence[Rule], facts: Facts, as_of: datetime, resolve_segment: Resolve
) -> pl.LazyFrame:
    """customer_id of the customers who meet any of the rules, each once."""
    if not rules:
        return pl.LazyFrame(schema={"customer_id": pl.Int64()})
    found = [matching(rule, facts, as_of, resolve_segment) for rule in rules]
    return found[0] if len(found) == 1 else pl.concat(found).unique()


def capped(conn: Connection, terms: Terms, settings: ProductSettings, as_of: datetime) -> pl.Series:
    """The customers who may not be contacted again yet; nobody for what is not marketing."""
    limit = settings.caps.get(terms.channel.label)  # type: ignore[call-overload]
    if terms.purpose is not Purpose.MARKETING:
        limit = None
    return caps.at_cap(conn, terms.channel, limit, as_of, settings.timezone)
