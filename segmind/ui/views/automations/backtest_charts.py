"""The charts of a back-test: by day, by step, what comes by itself, by hour, who gets nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import polars as pl
import streamlit as st

from segmind.automations.backtest.leaving import BLOCKS
from segmind.automations.backtest.result import Backtest, StepFigures
from segmind.ui import figures
from segmind.ui.charts.bars import ranked
from segmind.ui.charts.curve import columns, curve
from segmind.ui.charts.timeseries import lines
from segmind.ui.charts.waterfall import waterfall
from segmind.ui.components.chart_card import chart_card
from segmind.ui.data import workspace

Found = dict[str, Backtest]
_AFTER = {900: "15 min", 3_600: "1 h", 14_400: "4 h", 86_400: "24 h", 259_200: "72 h"}


def show(found: Found) -> None:
    """All of them; the second back-test, if there is one, in the same charts."""
    _by_day(found)
    left, right = st.columns(2)
    with left:
        _by_themselves(found)
    with right:
        _by_hour(found)
    _by_step(found)
    for side, (name, each) in zip(st.columns(len(found)), found.items(), strict=True):
        with side:
            _waterfall(name if len(found) > 1 else "", each)


def _by_day(found: Found) -> None:
    days = sorted({day.day for each in found.values() for day in each.days})
    series: dict[str, list[float | None]] = {}
    for name, each in found.items():
        behind = f", {name.lower()}" if len(found) > 1 else ""
        at = {day.day: day for day in each.days}
        series[f"Entered{behind}"] = [_of(at.get(day), lambda d: d.entered) for day in days]
        series[f"Messages{behind}"] = [_of(at.get(day), lambda d: d.sent) for day in days]
    chart_card(
        "Entries and messages by day",
        "runs and messages",
        "Runs by the day on which they would have begun, messages by the day on which they would "
        "have left, in the workspace's calendar.",
        lines(days, series, "") if days else None,
        _table("Day", days, series),
        key="bt_days",
        stretch=False,
    )


def _of(day: object, value: Callable[..., int]) -> float | None:
    return None if day is None else value(day)


def _by_themselves(found: Found) -> None:
    named = {name: each.organic for name, each in found.items() if each.organic}
    labels = list(_AFTER.values())
    series: dict[str, list[float | None]] = {
        name: [None if one.share is None else round(100 * one.share, 2) for one in organic]
        for name, organic in named.items()
    }
    table = pl.DataFrame(
        [
            {
                "Version": name,
                "Within": _AFTER[one.seconds],
                "Reached the goal": one.reached,
                "Of those watched for so long": one.counted,
                "Share, %": None if one.share is None else round(100 * one.share, 2),
            }
            for name, organic in named.items()
            for one in organic
        ]
    )
    chart_card(
        "By themselves",
        "%",
        "The share of runs that reached the goal within that time of the last change (of the "
        "cart: the last event that starts the first wait anew; else the trigger). Runs that could "
        "be watched for less count for as long as they were. Who comes within the delay is never "
        "written to.",
        curve(labels, series, "%") if series else None,
        table,
        key="bt_organic",
        takeaway=_takeaway(found),
        empty="It needs an event as its trigger, and a goal.",
    )


def _takeaway(found: Found) -> str:
    organic = next(iter(found.values())).organic
    told = [
        f"{figures.percent(one.share)} within {_AFTER[one.seconds]}"
        for one in organic
        if one.share is not None and one.seconds in {3_600, 86_400}
    ]
    return f"Reached the goal anyway: {', '.join(told)}." if told else ""


def _by_hour(found: Found) -> None:
    zone = workspace.settings().zone
    labels = [f"{hour:02}" for hour in range(24)]
    series = {
        name if len(found) > 1 else "Messages": list(each.hours) for name, each in found.items()
    }
    first = next(iter(found.values()))
    peak = first.per_hour
    chart_card(
        "Messages by hour of day",
        "messages",
        f"Messages that would have left, by the hour of the clock ({zone.key}).",
        columns(labels, series, "messages") if any(map(sum, series.values())) else None,
        pl.DataFrame({"Hour": labels, **series}),
        key="bt_hours",
        takeaway=""
        if peak.at is None
        else f"Busiest: {figures.count(peak.messages)} from {figures.instant(peak.at, zone)} on, "
        f"and {figures.count(first.per_minute.messages)} in one minute "
        f"({figures.instant(first.per_minute.at, zone)}).",
    )


def _by_step(found: Found) -> None:
    rows = [
        (name, step) for name, each in found.items() for step in each.steps if step.kind == "send"
    ]
    labels = [_label(name if len(found) > 1 else "", step) for name, step in rows]
    currency = next(iter(found.values())).currency
    reasons = [r for r in BLOCKS if any(r in (step.blocked or {}) for _, step in rows)]
    table = pl.DataFrame(
        [
            {
                "Step": label,
                "Came to it": step.entered,
                "Sent": step.sent,
                **{BLOCKS[reason]: (step.blocked or {}).get(reason, 0) for reason in reasons},
                f"Cost, {currency}": step.cost_micros / 1_000_000,
            }
            for label, (_, step) in zip(labels, rows, strict=True)
        ]
    )
    chart_card(
        "Messages by step",
        "messages",
        "Messages that would have left, by send step: after consent, suppressions, quiet hours and "
        "caps. The table says why others did not.",
        ranked(labels, [step.sent for _, step in rows], "messages") if rows else None,
        table,
        key="bt_steps",
        stretch=False,
        empty="It has no step that sends.",
    )


def _label(name: str, step: StepFigures) -> str:
    said = step.step.replace("_", " ")
    return f"{said} · {name.lower()}" if name else said


def _waterfall(name: str, each: Backtest) -> None:
    removed = [(reason.label, reason.runs) for reason in each.reasons]
    table = pl.DataFrame(
        {
            "": ["Entered", *(label for label, _ in removed), "Would get a message"],
            "Runs": [each.entered, *(-n for _, n in removed), each.reached],
        }
    )
    figure = waterfall(("Entered", each.entered), removed, ("Would get a message", each.reached))
    chart_card(
        "Why others got nothing",
        f"runs, {name.lower()}" if name else "runs",
        "Every run counts once: at the fate of the first message that was to go to it, else at the "
        "reason for which it ended. They add up to the runs that entered.",
        figure if each.entered else None,
        table,
        key=f"bt_reasons_{name}".replace(" ", "_").lower(),
        stretch=False,
    )


def _table(first: str, days: list[date], series: dict[str, list[float | None]]) -> pl.DataFrame:
    return pl.DataFrame({first: days, **series})
