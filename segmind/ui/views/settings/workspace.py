"""The shop: its name, money, time and how results are credited."""

from __future__ import annotations

from typing import cast

import streamlit as st

from segmind.ui import problems
from segmind.ui.access import Viewer
from segmind.ui.components.badges import CHANNELS
from segmind.ui.components.choices import currencies, zones
from segmind.ui.components.confirm import say
from segmind.ui.data import workspace as data
from segmind.workspace.permissions import Action
from segmind.workspace.product_settings import ChannelName, ProductSettings


def show(viewer: Viewer) -> None:
    """The form of the workspace's own settings."""
    now = data.settings()
    locked = not viewer.may(Action.EDIT_SETTINGS)
    if locked:
        st.caption(f"Your role, {viewer.role}, may look but not change.")
    with st.form("workspace_settings", width=760):
        st.subheader("Shop", anchor=False)
        name = st.text_input("Shop name", now.shop_name, disabled=locked, key="set_shop_name")
        left, right = st.columns(2)
        currency = left.selectbox(
            "Currency",
            currencies(),
            index=currencies().index(now.currency),
            disabled=locked,
            help="Money in the log without a currency of its own is in this one.",
            key="set_currency",
        )
        zone = right.selectbox(
            "Time zone",
            zones(),
            index=zones().index(now.timezone),
            disabled=locked,
            help="Calendar days on charts and in rules are days of this zone.",
            key="set_zone",
        )
        address = st.text_area(
            "Postal address",
            now.postal_address,
            disabled=locked,
            height=90,
            help="E-mail law in most countries asks for it at the foot of every e-mail.",
            key="set_address",
        )
        url = st.text_input(
            "Public address of this installation",
            now.public_url or "",
            placeholder="https://segmind.example.com",
            disabled=locked,
            help="Links in messages and providers' receipts arrive there.",
            key="set_public_url",
        )
        st.subheader("Measuring", anchor=False)
        left, right = st.columns(2)
        days = left.number_input(
            "Attribution window, days",
            1,
            90,
            now.attribution_window_days,
            disabled=locked,
            help="How long before an order a touch counts; an order is credited to the last click "
            "within this many days unless a page says another rule.",
            key="set_attribution",
        )
        holdout = right.number_input(
            "Default holdout, %",
            0.0,
            50.0,
            float(now.holdout_percent),
            step=0.5,
            format="%g",
            disabled=locked,
            help="Customers kept out of a campaign on purpose, so that its lift can be measured.",
            key="set_holdout",
        )
        everywhere = st.number_input(
            "Global holdout, %",
            0.0,
            20.0,
            float(now.global_holdout_percent),
            step=0.5,
            format="%g",
            disabled=locked,
            help="So many of all customers, always the same ones, get no marketing at all: from no "
            "campaign, no automation and not over the API, so that what all of it causes can be "
            "measured (page Lift). Transactional messages are exempt.",
            key="set_global_holdout",
            width=380,
        )
        windows = _windows(now, locked)
        touch = st.selectbox(
            "Touches that rules share orders among",
            ["clicked", "opened", "delivered"],
            index=["clicked", "opened", "delivered"].index(now.attribution_touch),
            format_func=lambda each: {
                "clicked": "clicks",
                "opened": "opens and clicks",
                "delivered": "deliveries, opens and clicks",
            }[each],
            disabled=locked,
            help="Those of people: opens and clicks that a machine made never count. Last click "
            "counts clicks alone; vendors' rules count as they say.",
            key="set_touch",
            width=380,
        )
        sent = st.form_submit_button("Save", type="primary", disabled=locked, key="set_save")
    if sent:
        with problems.shown("Save the settings"):
            data.save_settings(
                {
                    "shop_name": name,
                    "currency": currency,
                    "timezone": zone,
                    "postal_address": address,
                    "public_url": url or None,
                    "attribution_window_days": days,
                    "holdout_percent": holdout,
                    "global_holdout_percent": everywhere,
                    "attribution_windows": windows,
                    "attribution_touch": touch,
                }
            )
            say("Settings saved")
            st.rerun()


def _windows(now: ProductSettings, locked: bool) -> dict[str, int]:
    """Days by channel where they differ."""
    found: dict[str, int] = {}
    for column, (channel, (label, _)) in zip(st.columns(3), CHANNELS.items(), strict=True):
        days = column.number_input(
            f"{label} window, days",
            1,
            90,
            now.attribution_windows.get(cast(ChannelName, channel)),
            placeholder="as above",
            disabled=locked,
            key=f"set_window_{channel}",
        )
        if days:
            found[channel] = int(days)
    return found
