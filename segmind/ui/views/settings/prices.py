"""What messages cost: a price table by channel, provider and country."""

from __future__ import annotations

from typing import Any, Final

import polars as pl
import streamlit as st

from segmind.ui import figures, problems
from segmind.ui.access import Viewer
from segmind.ui.components.badges import CHANNELS
from segmind.ui.components.confirm import say
from segmind.ui.data import prices
from segmind.ui.data import workspace as data
from segmind.workspace.permissions import Action

_PROVIDERS: Final = ("twilio", "sendgrid", "fcm", "sandbox")


def show(viewer: Viewer) -> None:
    """The prices of the channels, and the rows that narrow them."""
    now = data.settings()
    locked = not viewer.may(Action.EDIT_SETTINGS)
    st.subheader("Prices of messages", anchor=False)
    st.caption(
        "A message costs what the row says that names most of it: its channel, its provider, its "
        "customer's country. Where no row fits, the price under Sending holds: "
        + ", ".join(
            f"{label} {figures.micros(getattr(now, f'{channel}_cost_micros'), now.currency)}"
            for channel, (label, _) in CHANNELS.items()
        ).replace("$", "\\$")
        + ". SMS are priced by part. Prices are kept with each message when it leaves: a change "
        "counts from now on."
    )
    edited = st.data_editor(
        prices.as_table(now.message_prices),
        num_rows="fixed" if locked else "dynamic",
        disabled=locked,
        hide_index=True,
        width=720,
        key="set_prices",
        column_config={
            "channel": st.column_config.SelectboxColumn(
                "Channel", options=list(CHANNELS), required=True
            ),
            "provider": st.column_config.SelectboxColumn(
                "Provider", options=list(_PROVIDERS), help="Empty: any"
            ),
            "country": st.column_config.TextColumn(
                "Country", max_chars=2, help="Two letters (ISO 3166), such as DE. Empty: any"
            ),
            "cost": st.column_config.NumberColumn(
                f"Cost of one, {now.currency}",
                min_value=0.0,
                max_value=100.0,
                step=0.0001,
                format="%.4f",
                required=True,
            ),
        },
        alt="Prices of messages",
    )
    if st.button("Save prices", type="primary", disabled=locked, key="set_prices_save"):
        with problems.shown("Save the prices"):
            data.save_settings({"message_prices": prices.of_table(_frame(edited))})
            say("Prices saved")
            st.rerun()


def _frame(edited: Any) -> pl.DataFrame:
    return edited if isinstance(edited, pl.DataFrame) else pl.DataFrame(edited)
