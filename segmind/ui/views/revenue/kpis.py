"""The sums of a period."""

from __future__ import annotations

from segmind.ui import figures
from segmind.ui.components.metrics import Kpi, metric_row
from segmind.ui.components.period_picker import Stretch
from segmind.ui.data import workspace
from segmind.ui.data.revenue import Earned


def show(earned: Earned, stretch: Stretch) -> None:
    """Net and attributed revenue, orders and their average."""
    currency = workspace.settings().currency
    now, before = earned.now, earned.before
    comparable = bool(before.orders) and earned.is_comparable

    def money(minor: int | None) -> str:
        return figures.money(minor, currency, compact=abs(minor or 0) >= 10**7)

    exact = figures.money(now.gross, currency), figures.money(now.refunds, currency)
    metric_row(
        [
            Kpi(
                "Net revenue",
                money(now.net),
                now.net,
                before.net if comparable else None,
                f"{exact[0]} of order lines less {exact[1]} of refunds".replace("$", "\\$"),
                earned.course["net"].to_list(),
            ),
            Kpi(
                "Attributed revenue",
                money(now.attributed),
                now.attributed,
                before.attributed if comparable else None,
                f"{figures.percent(now.attributed_share)} of net revenue, "
                f"{figures.plural(now.attributed_orders, 'order')}",
            ),
            Kpi(
                "Orders",
                figures.count(now.orders),
                now.orders,
                before.orders or None,
                f"By {figures.plural(now.buyers, 'customer')}",
                earned.course["orders"].to_list(),
                bars=True,
            ),
            Kpi(
                "Average order",
                money(now.average_order),
                now.average_order,
                before.average_order if comparable else None,
                "Gross revenue by order",
            ),
        ],
        versus=stretch.versus,
    )
