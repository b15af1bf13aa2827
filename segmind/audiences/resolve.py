"""For every member of a segment: the address to write to, or the one reason not to."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from segmind.audiences.waterfall import Reason
from segmind.consent import gate
from segmind.consent.purpose import Purpose
from segmind.events.schema import Channel
from segmind.experiments.holdouts import GLOBAL_SALT, in_holdout


@dataclass(frozen=True, slots=True)
class Terms:
    """On which channel and what for, and how large a share is kept out on purpose.

    The same ``salt`` holds the same customers out; every campaign has its own.
    ``unasked_countries``: see ``gate.screen``; ``global_percent``: the share of customers who get
    no marketing at all, the same for all that is sent.
    """

    channel: Channel
    purpose: Purpose = Purpose.MARKETING
    holdout_percent: float = 0.0
    salt: str = ""
    unasked_countries: tuple[str, ...] = ()
    global_percent: float = 0.0


def resolve(
    customers: pl.LazyFrame,
    members: pl.LazyFrame,
    excluded: pl.LazyFrame,
    capped: pl.Series,
    terms: Terms,
) -> pl.LazyFrame:
    """customer_id, address, reason (a ``Reason``, null for who receives), one row per member.

    ``members`` and ``excluded`` are frames of customer_id; ``capped`` are the ids without a contact
    left. Of several customers with one address one is kept: whom nothing else stands against,
    and of these the lowest id; so one mailbox gets one message.
    """
    people = customers.join(members, on="customer_id", how="semi")
    people = people.join(
        excluded.unique().with_columns(excluded=pl.lit(True)), on="customer_id", how="left"
    )
    screened = gate.screen(people, terms.channel, terms.purpose, terms.unasked_countries).select(
        "customer_id",
        "address",
        pl.col("excluded").fill_null(False),
        pl.col("reason").alias("screened"),
    )
    reason = pl.coalesce(
        pl.when(condition).then(pl.lit(why.value)) for why, condition in _checks(capped, terms)
    )
    ranked = screened.with_columns(place=_place().over("address"))
    return ranked.select("customer_id", "address", reason.cast(pl.String).alias("reason"))


def _checks(capped: pl.Series, terms: Terms) -> list[tuple[Reason, pl.Expr]]:
    """Every reason with its condition, in order: the first that holds is the reason."""
    screened, customer = pl.col("screened"), pl.col("customer_id")
    conditions = {
        Reason.EXCLUDED_SEGMENT: pl.col("excluded"),
        Reason.DUPLICATE_ADDRESS: _competes() & (pl.col("place") > 1),
        Reason.FREQUENCY_CAP: customer.is_in(capped.implode()),
        Reason.GLOBAL_HOLDOUT: in_holdout(customer, GLOBAL_SALT, terms.global_percent)
        if terms.global_percent
        else pl.lit(False),
        Reason.HOLDOUT: in_holdout(customer, terms.salt, terms.holdout_percent),
    }
    return [(why, conditions.get(why, screened == why.value)) for why in Reason]


def _competes() -> pl.Expr:
    """Whether the row has an address that could be written to at all."""
    unusable = [Reason.NO_ADDRESS.value, Reason.INVALID_ADDRESS.value]
    return ~pl.col("excluded") & ~pl.col("screened").is_in(unusable).fill_null(False)


def _place() -> pl.Expr:
    """1 for the customer who keeps the address, 2 and more for the others."""
    standing = pl.when(~_competes()).then(2).when(pl.col("screened").is_not_null()).then(1)
    key = pl.struct(standing.otherwise(0).alias("standing"), "customer_id")
    return key.rank("ordinal")
