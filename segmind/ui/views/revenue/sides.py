"""The rules side by side, and one order under all of them."""

from __future__ import annotations

import polars as pl
import streamlit as st

from segmind.ui import figures
from segmind.ui.charts.stacked import stacked
from segmind.ui.components.chart_card import chart_card, head
from segmind.ui.components.period_picker import Stretch
from segmind.ui.data import earned, workspace
from segmind.ui.data.earned import Sides
from segmind.ui.navigation import page
from segmind.ui.theme import palette


def show(stretch: Stretch) -> None:
    """What every rule credits, what each counts, and one order as the rules see it."""
    found = earned.sides(stretch.asked)
    _bars(found)
    _words(found)
    _order(found, stretch)


def _bars(found: Sides) -> None:
    currency = workspace.settings().currency
    unit, places = figures.sign(currency), 10 ** figures.digits(currency)
    table = found.table
    top = table["credited"].max()
    chart_card(
        "Rules side by side",
        unit,
        found.definition,
        stacked(
            [_capital(name) for name in table["name"]],
            {
                "Credited once": (table["covered"] / places).to_list(),
                "Counted twice": (table["counted_twice"] / places).to_list(),
            },
            unit,
            [palette().accent, palette().warn],
            ["", "/"],
        )
        if top
        else None,
        table.select(
            pl.col("name").alias("Rule"),
            pl.col("orders").alias("Orders"),
            (pl.col("credited") / places).alias(f"Credited, {currency}"),
            (pl.col("covered") / places).alias(f"Credited once, {currency}"),
            (pl.col("counted_twice") / places).alias(f"Counted twice, {currency}"),
            (100 * pl.col("share")).alias("Share of net revenue, %"),
        ),
        key="rev_sides",
        takeaway=_takeaway(found).replace("$", "\\$"),
        empty="No order followed a message in this period: every rule credits nothing.",
        stretch=False,
    )


def _takeaway(found: Sides) -> str:
    currency = workspace.settings().currency
    own = found.table.filter(pl.col("adds_up"))["credited"]
    twice = found.table.filter(pl.col("counted_twice") > 0).sort("counted_twice", descending=True)
    said = (
        f"Of {figures.money(found.net, currency)} net revenue of "
        f"{figures.plural(found.total, 'order')}, rules that add up credit between "
        f"{figures.money(own.min(), currency)} and {figures.money(own.max(), currency)}."  # type: ignore[arg-type]
    )
    if twice.height:
        name, amount = twice.row(0, named=True)["name"], twice["counted_twice"][0]
        said += f" By {name} rule {figures.money(amount, currency)} would be counted twice."
    return said


def _words(found: Sides) -> None:
    with st.expander("What each rule counts", key="rev_rule_words", icon=":material/rule:"):
        rows = found.table.select("rule", "name").to_dicts()
        st.dataframe(
            {
                "Rule": [_capital(row["name"]) for row in rows],
                "Touches that count": [found.words[row["rule"]][0] for row in rows],
                "Who gets how much": [found.words[row["rule"]][1] for row in rows],
                "Note": [found.words[row["rule"]][2] for row in rows],
                "Described by its vendor": [found.words[row["rule"]][3] or None for row in rows],
            },
            hide_index=True,
            row_height=52,
            placeholder=figures.DASH,
            column_config={"Described by its vendor": st.column_config.LinkColumn()},
            alt="What each attribution rule counts",
        )


def _order(found: Sides, stretch: Stretch) -> None:
    currency, zone = workspace.settings().currency, workspace.settings().zone
    unit = 10 ** figures.digits(currency)
    rows = {row["order_row"]: row for row in found.orders.iter_rows(named=True)}
    with st.container(border=True, key="card_rev_order"):
        table = pl.DataFrame()
        chosen = None
        if rows:
            chosen = st.selectbox(
                "An order that several messages claim",
                list(rows),
                format_func=lambda row: (
                    f"{figures.instant(rows[row]['ts'], zone)} · "
                    f"{figures.money(rows[row]['net'], currency)} · "
                    f"{figures.plural(rows[row]['messages'], 'message')}"
                ),
                key="rev_order",
                width=460,
            )
        if chosen is not None and chosen in rows:
            table = _pivoted(earned.of_order(stretch.asked, chosen), found, unit)
        head(
            "One order under every rule",
            currency,
            "The order's net revenue as each rule shares it out. Columns are the messages that "
            "any rule credits, with the first touch that any of them counts; an empty row credits "
            "nothing.",
            table,
            key="rev_one_order",
        )
        if chosen is None or chosen not in rows:
            st.caption("No order of this period followed a message.")
            return
        money = st.column_config.NumberColumn(format=figures.column_format(currency))
        st.dataframe(
            table,
            hide_index=True,
            height="content",
            placeholder=figures.DASH,
            column_config=dict.fromkeys(table.columns[1:], money),
            alt="One order under every rule",
        )
        st.page_link(
            page("customer"),
            label="Open the customer",
            icon=":material/person:",
            query_params={"id": str(rows[chosen]["customer_id"])},
        )


def _pivoted(long: pl.DataFrame, found: Sides, unit: int) -> pl.DataFrame:
    """One row per rule, one column per message: its name, act and instant."""
    zone = workspace.settings().zone
    touches = long.sort("at").unique("message_id", keep="first", maintain_order=True)
    columns: dict[str, list[float | None]] = {}
    credit = {
        (rule, message): amount / unit
        for rule, message, amount in long.select("rule", "message_id", "credited").iter_rows()
    }
    rules = found.table["rule"].to_list()
    for row in touches.iter_rows(named=True):
        label = f"{row['message']}, {row['at'].astimezone(zone):%-d %b %H:%M}"
        while label in columns:
            label += " "
        columns[label] = [credit.get((rule, row["message_id"])) for rule in rules]
    return pl.DataFrame(
        {"Rule": [_capital(name) for name in found.table["name"]], **columns},
        schema_overrides=dict.fromkeys(columns, pl.Float64),
    )


def _capital(name: str) -> str:
    return name[:1].upper() + name[1:]
