"""Generated against published: how close the synthetic shop comes to the real month."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from segmind.events.schema import Kind
from segmind.events.shop.published import COUNTS, SHAPES, Size

#: How far a figure may lie from its published one, by grade.
TOLERANCE = {"A": 0.05, "B": 0.15}


@dataclass(frozen=True, slots=True)
class Line:
    """One figure: what was published (scaled to the shop's size) and what was generated."""

    figure: str
    published: float
    generated: float
    grade: str

    @property
    def deviation(self) -> float:
        return self.generated / self.published - 1.0 if self.published else 0.0

    @property
    def is_within(self) -> bool:
        return abs(self.deviation) <= TOLERANCE[self.grade]


def compare(events: pl.LazyFrame, size: Size) -> list[Line]:
    """Every published figure that the log of a shop of ``size`` can be asked for.

    ``events`` has the columns customer_id, kind, session_key and value of the shop's own events.
    """
    measured = _measure(events)
    lines = [
        Line(name, size.count(name), measured[name], grade)
        for name, (_, grade) in COUNTS.items()
        if name in measured
    ]
    shapes = [Line(name, value, measured[name], grade) for name, (value, grade) in SHAPES.items()]
    return lines + shapes


def report(lines: list[Line]) -> str:
    """The comparison as a table of text."""
    rows = [f"{'figure':<38}{'published':>14}{'generated':>14}{'off by':>9}  grade"]
    for line in lines:
        digits = 0 if line.published >= 1000 else 4 if line.published < 1 else 2
        mark = "" if line.is_within else "  <- outside"
        rows.append(
            f"{line.figure:<38}{line.published:>14,.{digits}f}{line.generated:>14,.{digits}f}"
            f"{line.deviation:>+9.1%}  {line.grade}{mark}"
        )
    return "\n".join(rows)


def _measure(events: pl.LazyFrame) -> dict[str, float]:
    view, cart, buy = (
        pl.col("kind") == int(kind)
        for kind in (Kind.PRODUCT_VIEWED, Kind.PRODUCT_ADDED, Kind.ORDER_COMPLETED)
    )
    sessions = (
        events.filter(pl.col("session_key").is_not_null())
        .group_by("customer_id", "session_key")
        .agg(
            n=pl.len(),
            views=view.sum(),
            carts=cart.sum(),
            lines=buy.sum(),
            revenue=pl.col("value").filter(buy).sum(),
        )
        .collect(engine="streaming")
    )
    people = sessions.group_by("customer_id").agg(
        carted=(pl.col("carts") > 0).any(), bought=(pl.col("lines") > 0).any()
    )
    prices = events.filter(view).select(pl.col("value") / 100).collect(engine="streaming")["value"]
    carted = sessions.filter(pl.col("carts") > 0)
    bought = sessions.filter(pl.col("lines") > 0)
    found = {
        "users": people.height,
        "sessions": sessions.height,
        "views": sessions["views"].sum(),
        "carts": sessions["carts"].sum(),
        "purchases": sessions["lines"].sum(),
        "buyers": people["bought"].sum(),
        "gross revenue": sessions["revenue"].sum() / 100,
        "cart users": people["carted"].sum(),
        "cart sessions": carted.height,
        "purchase sessions": bought.height,
        "purchase sessions without cart": bought.filter(pl.col("carts") == 0).height,
        "events per session, mean": sessions["n"].mean(),
        "events per session, median": sessions["n"].median(),
        "events per session, 90th percentile": sessions["n"].quantile(0.9),
        "events per session, 99th percentile": sessions["n"].quantile(0.99),
        "price, median": prices.median(),
        "price, 90th percentile": prices.quantile(0.9),
        "price, 99th percentile": prices.quantile(0.99),
    }
    figures = {name: float(value or 0) for name, value in found.items()}  # type: ignore[arg-type]
    figures["cart abandonment by session"] = float((carted["lines"] == 0).mean() or 0)  # type: ignore[arg-type]
    figures["cart abandonment by cart event"] = 1 - figures["purchases"] / figures["carts"]
    figures["cart abandonment by customer"] = 1 - figures["buyers"] / figures["cart users"]
    return figures
