"""The rates of a period, each with its base."""

from __future__ import annotations

from segmind.ui import figures
from segmind.ui.components.metrics import Judgement, Kpi, metric_row
from segmind.ui.components.period_picker import Stretch
from segmind.ui.data.engagement import Engaged


def show(engaged: Engaged, stretch: Stretch) -> None:
    """Sent, delivered, clicked, unsubscribed."""
    now, before = engaged.now, engaged.before
    course = engaged.course

    def rate(label: str, part: str, whole: str, judge: Judgement, places: int = 1) -> Kpi:
        return Kpi(
            label,
            figures.share(now[part], now[whole], places),
            now[part] / now[whole] if now[whole] else None,
            before[part] / before[whole] if before[whole] else None,
            f"{figures.count(now[part])} {part} of {figures.count(now[whole])} {whole}",
            course[part].to_list(),
            judge,
            points=True,
        )

    metric_row(
        [
            Kpi(
                "Sent",
                figures.short(now["sent"]),
                now["sent"],
                before["sent"] or None,
                f"Exactly {figures.count(now['sent'])} messages that a provider took",
                course["sent"].to_list(),
                "off",
                bars=True,
            ),
            rate("Delivered", "delivered", "sent", "normal"),
            rate("Clicked", "clicked", "delivered", "normal"),
            rate("Unsubscribed", "unsubscribed", "delivered", "inverse", 2),
        ],
        versus=stretch.versus,
    )
