"""A chart with its title, unit, definition, table twin and CSV."""

from __future__ import annotations

from typing import Any, Literal

import plotly.graph_objects as go
import polars as pl
import streamlit as st

from segmind.ui.charts.frame import CONFIG
from segmind.ui.components.number_columns import number_columns


def chart_card(
    title: str,
    unit: str,
    definition: str,
    figure: go.Figure | None,
    table: pl.DataFrame,
    *,
    key: str,
    takeaway: str = "",
    columns: dict[str, Any] | None = None,
    empty: str = "Nothing in this period.",
    stretch: bool = True,
) -> None:
    """Show the figure in a bordered card.

    ``definition`` is how the number is counted, behind the question mark. ``takeaway`` is the
    one sentence that somebody who cannot see the chart should know. The table behind the button
    shows the same figures and gives them as CSV.
    """
    height: Literal["stretch", "content"] = "stretch" if stretch else "content"
    with st.container(border=True, height=height, key=f"card_{key}"):
        head(title, unit, definition, table, key=key, columns=columns)
        if figure is None or table.is_empty():
            st.caption(empty)
            return
        st.plotly_chart(
            figure, config=CONFIG, key=f"chart_{key}", alt=takeaway or f"{title}, {unit}"
        )
        if takeaway:
            st.caption(takeaway)


def head(
    title: str,
    unit: str,
    definition: str,
    table: pl.DataFrame,
    *,
    key: str,
    columns: dict[str, Any] | None = None,
) -> None:
    """The card's first line: title, definition, and the button with the table and the CSV."""
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="right"):
        st.subheader(title, help=definition or None, anchor=False)
        if not table.is_empty():
            with st.popover(
                "Table",
                icon=":material/table_rows:",
                type="tertiary",
                help=f"{title} as a table",
                key=f"table_of_{key}",
            ):
                st.caption(f"{title}, in {unit}" if unit else title)
                st.dataframe(table, hide_index=True, column_config=number_columns(table, columns))
                st.download_button(
                    "Download CSV",
                    data=table.write_csv().encode(),
                    file_name=f"{key}.csv",
                    mime="text/csv",
                    icon=":material/download:",
                    on_click="ignore",
                    key=f"csv_of_{key}",
                )
