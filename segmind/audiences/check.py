"""One customer now: would they get the message, and if not, why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl
from sqlalchemy import Connection

from segmind.audiences.audience import capped, terms_of, union
from segmind.audiences.resolve import resolve
from segmind.audiences.waterfall import Reason
from segmind.consent import gate
from segmind.consent.purpose import Purpose
from segmind.customers.facts import Facts
from segmind.events.schema import Channel
from segmind.segments.rule import Rule
from segmind.segments.segment import resolver
from segmind.workspace.product_settings import ProductSettings


@dataclass(frozen=True, slots=True)
class Check:
    """Whether a customer would receive. ``reason`` is None for a recipient, and for who is not in
    the segment at all.
    """

    customer_id: int
    is_member: bool
    reason: Reason | None
    address: str | None

    @property
    def receives(self) -> bool:
        return self.is_member and self.reason is None


def check(
    facts: Facts,
    conn: Connection,
    customer_id: int,
    rules: Sequence[Rule],
    *,
    channel: Channel | str,
    settings: ProductSettings,
    as_of: datetime,
    exclude: Sequence[Rule] = (),
    purpose: Purpose = Purpose.MARKETING,
    holdout_percent: float = 0.0,
    salt: str = "",
) -> Check:
    """The verdict of ``audience.build`` on one customer: the same evaluation, narrowed.

    Raises:
        InvalidRule: see ``audience.build``.
    """
    terms = terms_of(channel, purpose, holdout_percent, salt, settings)
    known = resolver(conn)
    rows = resolve(
        _with_same_address(facts.customers, customer_id, terms.channel),
        union(rules, facts, as_of, known),
        union(exclude, facts, as_of, known),
        capped(conn, terms, settings, as_of),
        terms,
    )
    found = rows.filter(pl.col("customer_id") == customer_id).collect()
    if found.is_empty():
        return Check(customer_id, is_member=False, reason=None, address=None)
    row = found.row(0, named=True)
    reason = Reason(row["reason"]) if row["reason"] else None
    return Check(customer_id, is_member=True, reason=reason, address=row["address"])


def _with_same_address(customers: pl.LazyFrame, customer_id: int, channel: Channel) -> pl.LazyFrame:
    """The customer and all who share the address: among these one keeps it."""
    screened = gate.screen(customers, channel, Purpose.MARKETING)
    own = screened.filter(pl.col("customer_id") == customer_id).select("address")
    sharing = screened.join(own, on="address", how="semi", nulls_equal=False)
    ids = pl.concat(
        [
            sharing.select("customer_id"),
            customers.filter(pl.col("customer_id") == customer_id).select("customer_id"),
        ]
    )
    return customers.join(ids, on="customer_id", how="semi")
