"""Before the launch, in words: how small a difference this audience can show."""

from __future__ import annotations

from segmind.campaigns.sizing import ContestSizing, HoldoutSizing
from segmind.experiments.contest import Metric
from segmind.ui import figures
from segmind.ui.data import workspace


def of_holdout(sizing: HoldoutSizing) -> str:
    """What the holdout can show, as Markdown."""
    if not sizing.held:
        return (
            ":material/science: **Nobody is held out**, so what this campaign causes will not be "
            "known, only what is credited to it."
        )
    lately = f"ordered in the last {sizing.days} days"
    start = (
        f":material/science: {figures.plural(sizing.held, 'customer')} of "
        f"{figures.count(sizing.customers)} held out."
    )
    if not sizing.rate:
        return (
            f"{start} None of them {lately}, so how small a lift this would show cannot be told "
            "beforehand."
        )
    rate = figures.percent(sizing.rate)
    if sizing.detectable_rate is None:
        return f"{start} {rate} of them {lately}: too few are held out to show any lift."
    top = figures.percent(sizing.rate + sizing.detectable_rate)
    found = f"from {rate} to {top}"
    if sizing.detectable_revenue is not None:
        money = figures.money(round(sizing.detectable_revenue), workspace.settings().currency)
        found += f", or {money} more per customer"
    return (
        f"{start} {rate} of them {lately}. A lift is found four times in five if the share who "
        f"order rises at least **{found}**; a smaller one may be there and not be seen."
        f"{_enough(sizing)}"
    ).replace("$", "\\$")


def _enough(sizing: HoldoutSizing) -> str:
    if sizing.needed is None or sizing.rate is None:
        return ""
    rise = f"{figures.percent(sizing.rate)} to {figures.percent(1.1 * sizing.rate)}"
    if sizing.needed <= sizing.customers:
        return f" That includes a rise of a tenth ({rise})."
    return (
        f" To find a rise of a tenth ({rise}) with this holdout it takes about "
        f"{figures.short(sizing.needed)} customers. A larger holdout needs fewer."
    )


def of_contest(sizing: ContestSizing) -> str:
    """What the test of variants can show, as Markdown."""
    start = f":material/science: About {figures.plural(sizing.each, 'customer')} see each variant."
    label = sizing.metric.label
    if not sizing.base:
        where = (
            "No campaign was sent on this channel yet"
            if sizing.metric is Metric.CLICKS
            else "Nobody of this audience ordered in as many hours before now"
        )
        return (
            f"{start} {where}, so how small a difference this would show cannot be told beforehand."
        )
    if sizing.detectable is None:
        return f"{start} That is too few to show any difference."
    usual, found = _value(sizing.base, sizing.metric), _value(sizing.detectable, sizing.metric)
    if sizing.metric is not Metric.REVENUE:
        found = found.replace("%", " points")
    needed = ""
    if sizing.needed is not None and sizing.needed > sizing.each:
        needed = (
            " To find a difference of a tenth it takes about "
            f"{figures.short(sizing.needed)} customers for each variant."
        )
    return (
        f"{start} Lately: {usual} {label}. The better variant is found four times in five if it is "
        f"better by at least **{found}**.{needed}"
    ).replace("$", "\\$")


def _value(value: float, metric: Metric) -> str:
    if metric is Metric.REVENUE:
        return figures.money(round(value), workspace.settings().currency)
    return figures.percent(value, 2)
