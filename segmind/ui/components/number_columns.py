"""How the numbers of a table are written: with thousands separators, unless a column says more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl
import streamlit as st


def number_columns(table: pl.DataFrame, columns: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The ``column_config`` of ``table``: ``columns``, and separators for all other numbers."""
    plain = st.column_config.NumberColumn(format="localized")
    numbers = {name: plain for name, dtype in table.schema.items() if dtype.is_numeric()}
    return numbers | dict(columns or {})
