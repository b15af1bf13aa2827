"""The sums of a back-test."""

from __future__ import annotations

from segmind.automations.backtest.result import Backtest
from segmind.ui import figures
from segmind.ui.components.metrics import Kpi, metric_row


def show(found: dict[str, Backtest]) -> None:
    """Entries, reached, messages and cost; with a second one beside, the change from it."""
    this, other = _pair(found)
    versus = f"vs {list(found)[1].lower()}" if other else ""

    def before(value: float | None) -> float | None:
        return value if other else None

    per_day = this.entered / max(1.0, this.length_days)
    metric_row(
        [
            Kpi(
                "Would enter",
                figures.count(this.entered),
                this.entered,
                before(other.entered if other else None),
                f"{figures.plural(this.people, 'customer')}, {per_day:,.1f} runs a day; of "
                f"{figures.plural(this.triggers, 'trigger')}, {figures.count(this.filtered)} did "
                "not meet the entry filter",
                [day.entered for day in this.days],
                judge="off",
                bars=True,
            ),
            Kpi(
                "Would be reached",
                figures.share(this.reached, this.entered),
                _ratio(this),
                before(_ratio(other) if other else None),
                f"{figures.plural(this.reached, 'run')} in which a message would have left",
                judge="off",
                points=True,
            ),
            Kpi(
                "Would be sent",
                figures.count(this.sent),
                this.sent,
                before(other.sent if other else None),
                _busiest(this),
                [day.sent for day in this.days],
                judge="off",
                bars=True,
            ),
            Kpi(
                "Would have cost",
                figures.micros(this.cost_micros, this.currency),
                this.cost_micros,
                before(other.cost_micros if other else None),
                "By the present prices",
                judge="inverse",
            ),
        ],
        versus=versus,
    )


def _pair(found: dict[str, Backtest]) -> tuple[Backtest, Backtest | None]:
    each = list(found.values())
    return each[0], each[1] if len(each) > 1 else None


def _ratio(found: Backtest) -> float | None:
    return found.reached / found.entered if found.entered else None


def _busiest(found: Backtest) -> str:
    return (
        f"At most {figures.plural(found.per_minute.messages, 'message')} in one minute, "
        f"{figures.count(found.per_hour.messages)} in one hour"
    )
