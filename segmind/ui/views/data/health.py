"""Whether the log is whole, and what is in it."""

from __future__ import annotations

import polars as pl
import streamlit as st

from segmind.ui import figures, problems
from segmind.ui.access import Viewer
from segmind.ui.charts.bars import ranked
from segmind.ui.charts.timeseries import lines
from segmind.ui.components.chart_card import chart_card
from segmind.ui.components.empty import empty_state
from segmind.ui.components.metrics import Kpi, metric_row
from segmind.ui.data import log, workspace
from segmind.ui.navigation import page
from segmind.ui.store import now


def show(_: Viewer) -> None:
    """Figures, faults, events by name and by day, files."""
    with problems.shown("Measure the log"):
        found = log.measured()
        if not found.events:
            empty_state(
                "The log is empty",
                "Import past events from a file, or let the shop send them to the API.",
                icon="database",
                action="Import events",
                page=page("data"),
                params={"dat_tab": "Import"},
                key="log",
            )
            return
        zone = workspace.settings().zone
        metric_row(
            [
                Kpi("Events", figures.short(found.events), help=figures.count(found.events)),
                Kpi(
                    "Last event",
                    figures.ago(found.last_ts, now()),
                    help=figures.instant(found.last_ts, zone),
                ),
                Kpi(
                    "Not sealed yet",
                    figures.count(found.recent_rows),
                    help="Rows that are still in PostgreSQL; the scheduler seals them into files",
                ),
                Kpi(
                    "Repeated purchase lines",
                    figures.count(found.repeated_lines),
                    help="Lines beyond the first of one product in one customer's session; they "
                    "count",
                ),
            ]
        )
        _faults()
        left, right = st.columns([3, 2])
        with left:
            _by_day(found.by_day)
        with right:
            _by_name(found.by_name)
        _files()


def _faults() -> None:
    faults = log.files().faults
    if not faults:
        st.markdown(":green-badge[:material/check_circle: Every file is there and whole]")
        return
    lost = sum(fault.rows for fault in faults)
    st.error(
        f"**{figures.plural(len(faults), 'file')} cannot be read** "
        f"({figures.plural(lost, 'row')}). Answers leave them out. Restore them from a backup "
        "under the same names.",
        icon=":material/warning:",
    )
    st.dataframe(
        {
            "File": [fault.path for fault in faults],
            "What": [fault.fault for fault in faults],
            "Rows": [fault.rows for fault in faults],
        },
        hide_index=True,
        alt="Files that cannot be read",
    )


def _by_day(table: pl.DataFrame) -> None:
    daily = table.group_by("day").agg(pl.col("events").sum()).sort("day").tail(365)
    chart_card(
        "Events by day",
        "events",
        "All events by their own day in the workspace's time zone.",
        lines(daily["day"].to_list(), {"Events": daily["events"].to_list()}, "events", fill=True),
        daily,
        key="dat_by_day",
    )


def _by_name(table: pl.DataFrame) -> None:
    top = table.head(9)
    chart_card(
        "Events by name",
        "events",
        "Standard names, then the shop's own.",
        ranked([name.replace("_", " ") for name in top["name"]], top["events"].to_list(), "events"),
        table,
        key="dat_by_name",
    )


def _files() -> None:
    volumes = log.files().volumes
    with st.container(border=True, key="dat_files"):
        st.subheader(
            "Files",
            anchor=False,
            help="Immutable Parquet files; the catalogue in PostgreSQL says which ones count.",
        )
        st.dataframe(
            {
                "Kind": [volume.kind.replace("_", " ") for volume in volumes],
                "Files": [volume.files for volume in volumes],
                "Rows": [volume.rows for volume in volumes],
                "Size": [volume.bytes for volume in volumes],
            },
            hide_index=True,
            column_config={
                "Rows": st.column_config.NumberColumn(format="localized"),
                "Size": st.column_config.NumberColumn(format="bytes"),
            },
            alt="Files of the log by kind",
        )
