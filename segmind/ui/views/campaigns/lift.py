"""What a campaign caused: the audience beside its holdout."""

from __future__ import annotations

import streamlit as st

from segmind.campaigns.campaign import Campaign
from segmind.ui.components.lift_card import lift_card as card
from segmind.ui.data import lift

WINDOWS = (3, 7, 14, 30)


def lift_card(campaign: Campaign) -> None:
    """Incremental revenue and conversions with their intervals, of the whole campaign or of each
    variant of its test."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        days = st.segmented_control(
            "Orders count for",
            WINDOWS,
            default=7,
            required=True,
            key="cmp_lift_days",
            format_func=lambda n: f"{n} days",
            bind="query-params",
        )
        by_variant = campaign.variant_test is not None and st.toggle(
            "Each variant for itself", key="cmp_lift_variants"
        )
    found = lift.of_campaign(campaign.id, days or 7, by_variant=bool(by_variant))
    if found is None:
        st.caption("Lift is measured once the campaign has been launched.")
        return
    card(found, key="cmp_lift")
