"""By provider, and by where messages go: e-mail domains, countries of numbers."""

from __future__ import annotations

import polars as pl
import streamlit as st

from segmind.analytics.deliverability import DEFINITIONS, THRESHOLDS, grouped, level
from segmind.events.schema import Channel
from segmind.ui import figures
from segmind.ui.components.badges import channel_label
from segmind.ui.components.chart_card import head
from segmind.ui.data.deliverability import Delivered

#: The rest is in the CSV.
_SHOWN = 200
_SIGNS = {"bad": "● too high", "warning": "▲ high", "fine": "fine", "too few": "too few to judge"}
_ORDER = ("bad", "warning", "fine", "too few")


def show(found: Delivered) -> None:
    """Two tables of shares, most messages first."""
    _table(found, ["channel", "provider"], "By provider", "dlv_providers")
    _table(found, ["channel", "place"], "By recipient's domain or country", "dlv_places")


def _table(found: Delivered, keys: list[str], title: str, key: str) -> None:
    rows = grouped(found.places, keys)
    whole = pl.when(pl.col("delivered") > 0).then(pl.col("delivered"))
    machines = pl.col("machine_opened") + pl.col("machine_clicked")
    everybody = machines + pl.col("opened") + pl.col("clicked")
    name = "Provider" if "provider" in keys else "Domain or country"
    table = rows.select(
        pl.col(keys[1]).replace("", "unknown").alias(name),
        pl.Series("Channel", [_channel(code) for code in rows["channel"]], dtype=pl.String),
        pl.Series(
            "Judgement", [_judged(row) for row in rows.iter_rows(named=True)], dtype=pl.String
        ),
        pl.col("sent").alias("Sent"),
        (100 * pl.col("delivered") / pl.col("sent")).alias("Delivered"),
        (100 * pl.col("bounced") / pl.col("sent")).alias("Bounced"),
        (100 * pl.col("complained") / whole).alias("Complained"),
        (100 * pl.col("unsubscribed") / whole).alias("Opted out"),
        (100 * machines / pl.when(everybody > 0).then(everybody)).alias("Bots"),
    ).with_columns(pl.col(pl.Float64).fill_nan(None))
    share = st.column_config.NumberColumn(format="%.2f%%")
    with st.container(border=True, key=f"card_{key}"):
        head(
            title,
            "messages",
            " ".join(DEFINITIONS.values())
            + " Judged against the limits of mailbox providers and carriers.",
            table,
            key=key,
        )
        st.dataframe(
            table.head(_SHOWN),
            hide_index=True,
            placeholder=figures.DASH,
            column_config={
                "Sent": st.column_config.NumberColumn(format="localized"),
                "Delivered": share,
                "Bounced": share,
                "Complained": st.column_config.NumberColumn(format="%.3f%%"),
                "Opted out": share,
                "Bots": st.column_config.NumberColumn(format="%.1f%%"),
            },
            alt=title,
        )
        if table.height > _SHOWN:
            st.caption(f"The {_SHOWN} with most messages; all {table.height} are in the table.")


def _channel(code: int) -> str:
    return channel_label(Channel(code).label) if code else "unknown"


def _judged(row: dict[str, int]) -> str:
    """The worst of what is judged on the row's channel."""
    if not row["channel"]:
        return ""
    channel = Channel(row["channel"])
    found = {
        level(each, row[each.metric], row[each.base])
        for each in THRESHOLDS
        if channel in each.channels
    }
    return next((_SIGNS[one] for one in _ORDER if one in found), "")
