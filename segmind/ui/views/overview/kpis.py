"""The key figures with their course and the period before."""

from __future__ import annotations

from typing import Final

from segmind.ui import figures
from segmind.ui.components.metrics import Judgement, Kpi, metric_row
from segmind.ui.components.period_picker import Stretch
from segmind.ui.data import earned, overview, workspace

_SHOWN: Final[tuple[tuple[str, str, str, Judgement, bool], ...]] = (
    ("net_revenue", "Net revenue", "Order lines less refunds, by their own instants.", "normal",
     False),
    ("attributed_revenue", "Attributed revenue",
     "Net revenue of orders credited to the last human click before them.", "normal", False),
    ("active_customers", "Active customers", "Customers who did anything in the shop.", "normal",
     False),
    ("sent", "Messages sent", "Messages that a provider took.", "off", True),
)  # fmt: skip


def show(stretch: Stretch) -> None:
    """Four figures in a row."""
    found = overview.figures(stretch.days)
    currency = workspace.settings().currency
    no_sum = earned.no_sum(stretch.asked)
    kpis = []
    for key, label, meaning, judge, bars in _SHOWN:
        figure = found[key]
        if figure.is_money and no_sum:
            kpis.append(Kpi(label, figures.DASH, help=no_sum))
            continue
        value = (
            figures.money(figure.value, currency, compact=True)
            if figure.is_money
            else figures.short(figure.value)
        )
        exact = (
            figures.money(figure.value, currency)
            if figure.is_money
            else figures.count(figure.value)
        )
        kpis.append(
            Kpi(
                label,
                value,
                figure.value,
                figure.before,
                f"{meaning} Exactly {exact}.".replace("$", "\\$"),
                figure.course,
                judge,
                bars,
            )
        )
    metric_row(kpis, versus=stretch.versus)
