"""The row of key figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import streamlit as st

from segmind.ui import figures

Judgement = Literal["normal", "inverse", "off"]


@dataclass(frozen=True, slots=True)
class Kpi:
    """One key figure. ``before`` is the same figure of the period before, for the change.

    ``judge`` says whether more is good ("normal"), bad ("inverse") or neither ("off").
    """

    label: str
    value: str
    now: float | None = None
    before: float | None = None
    help: str = ""
    series: Sequence[float] | None = None
    judge: Judgement = "normal"
    bars: bool = False
    points: bool = False  # the figure is a rate: the change is told in percentage points


def metric_row(kpis: Sequence[Kpi], *, versus: str = "", columns: int = 4) -> None:
    """Show key figures as cards of one height.

    ``versus`` names what they are compared with: behind the question mark, since beside the change
    four cards in a row have no room for it.
    """
    with st.grid(columns, min_column_width=170):
        for kpi in kpis:
            change = _change(kpi)
            st.metric(
                kpi.label,
                kpi.value,
                change,
                delta_color=kpi.judge,
                help=_help(kpi, versus if change is not None else "") or None,
                border=True,
                height="stretch",
                chart_data=list(kpi.series) if kpi.series and len(kpi.series) > 1 else None,
                chart_type="bar" if kpi.bars else "area",
            )


def _help(kpi: Kpi, versus: str) -> str:
    return "  \n".join(filter(None, [kpi.help, f"Change {versus}." if versus else ""]))


def _change(kpi: Kpi) -> str | int | None:
    if kpi.now is None or kpi.before is None:
        return None
    if kpi.points:
        points = 100 * (kpi.now - kpi.before)
        return 0 if abs(points) < 0.05 else f"{points:+.1f} pts"
    if kpi.before == 0:
        return None
    change = 100 * (kpi.now - kpi.before) / abs(kpi.before)
    if abs(change) < 0.05:
        return 0
    return figures.change(change)
