"""The key figures of a period, each with its base and its definition."""

from __future__ import annotations

import polars as pl

from segmind.analytics.deliverability import DEFINITIONS
from segmind.analytics.receipt_book import METRICS
from segmind.ui import figures
from segmind.ui.components.metrics import Judgement, Kpi, metric_row
from segmind.ui.components.period_picker import Stretch
from segmind.ui.data.deliverability import Delivered


def show(found: Delivered, stretch: Stretch) -> None:
    """Sent, delivered, bounced, complained, opted out, bots."""
    now, before = _sums(found.places), _sums(found.before)

    def rate(label: str, part: str, whole: str, judge: Judgement, places: int) -> Kpi:
        return Kpi(
            label,
            figures.share(now[part], now[whole], places),
            now[part] / now[whole] if now[whole] else None,
            before[part] / before[whole] if before[whole] else None,
            f"{DEFINITIONS[part]} {figures.count(now[part])} of {figures.count(now[whole])}.",
            judge=judge,
            points=True,
        )

    metric_row(
        [
            Kpi(
                "Sent",
                figures.short(now["sent"]),
                now["sent"],
                before["sent"] or None,
                f"{DEFINITIONS['sent']} Exactly {figures.count(now['sent'])}.",
                judge="off",
            ),
            rate("Delivered", "delivered", "sent", "normal", 1),
            rate("Bounced", "bounced", "sent", "inverse", 2),
            rate("Complained", "complained", "delivered", "inverse", 3),
            rate("Opted out", "unsubscribed", "delivered", "inverse", 2),
            _bots(now),
        ],
        versus=stretch.versus,
        columns=3,
    )


def _sums(table: pl.DataFrame) -> dict[str, int]:
    return {name: int(table[name].sum()) for name in METRICS}


def _bots(now: dict[str, int]) -> Kpi:
    machines = now["machine_opened"] + now["machine_clicked"]
    everybody = machines + now["opened"] + now["clicked"]
    return Kpi(
        "Bot share",
        figures.share(machines, everybody),
        help=f"{DEFINITIONS['bots']} {figures.count(machines)} of {figures.count(everybody)}.",
        judge="off",
    )
