"""Which variant of a test chance chose for a customer, or that he waits for its winner."""

from __future__ import annotations

import polars as pl

from segmind.campaigns.campaign import Campaign
from segmind.experiments.holdouts import in_holdout
from segmind.experiments.variants import variant_of


def variant_drawn(campaign: Campaign) -> pl.Expr:
    """The variant that a customer (customer_id) is drawn for, for ever the same; null: waits for
    the winner. Empty where the campaign tests nothing."""
    test = campaign.variant_test
    if test is None:
        return pl.lit("").alias("variant")
    customer = pl.col("customer_id")
    is_tested = in_holdout(customer, f"test:{campaign.salt}", test.share_percent)
    shown = variant_of(customer, campaign.salt, test.arms)
    return pl.when(is_tested).then(shown).alias("variant")
