"""The page Customer insight: every section, empty and full, and its ways onward."""

from __future__ import annotations

import json
from datetime import timedelta

import numpy as np
import polars as pl
import pytest
from sqlalchemy import text

from segmind import clock
from segmind.analytics import predicting
from segmind.customers import columns
from segmind.db.engine import Store
from segmind.events import bulk, ingest
from segmind.events.ingest import NewEvent
from segmind.events.schema import Kind
from segmind.segments import segment as segments
from segmind.segments.rule import parse
from segmind.ui.components.rule_builder.tree import rule_of
from tests.pages.conftest import Open, assert_well, texts

#: What each section says of a shop with one buyer, and which figures it shows of a busy one.
LACKS = {
    "RFM groups": "1 customer with orders",
    "Retention": "New customers",
    "Predictions": "there are 1",
    "Lapsing": "it takes 30 of them",
    "Best hour": "Orders in the last 90 days",
}
FIGURES = {
    "RFM groups": {"Customers by RFM group", "Recency by frequency"},
    "Retention": {"New customers", "Back in week 1", "Retention by cohort", "Retention curve"},
    "Predictions": {
        "Expected orders",
        "Expected revenue",
        "Customers by expected value",
        "Probability of still being a customer",
        "Forecast against fact",
        "Forecast by how often they had come back",
    },
    "Lapsing": {
        "At risk after",
        "Lapsed now",
        "Thresholds of silence",
        "Still waiting for the next order",
    },
    "Best hour": {"Best hour by group"},
}
BUYERS = 90


@pytest.fixture
def busy(ui: Store) -> Store:
    """Ninety customers who order again and again over 150 days, and a model of them."""
    now, day = clock.now(), timedelta(days=1)
    chance = np.random.default_rng(4)
    rows = []
    for customer in range(1, BUYERS + 1):
        at = chance.uniform(0, 110)
        while at < 149:
            rows.append((customer, now - (150 - at) * day, int(chance.gamma(5, 400)) + 1))
            at += chance.exponential(8 + customer % 30)
    frame = pl.DataFrame(rows, schema=["customer_id", "ts", "value"], orient="row").with_columns(
        kind=pl.lit(int(Kind.ORDER_COMPLETED)),
        order_key=pl.int_range(pl.len()),
        event_hi=pl.lit(1, dtype=pl.Int64),
        event_lo=pl.int_range(pl.len()),
    )
    with ui.engine.begin() as conn:
        insert = (
            "INSERT INTO customer (id, external_id) OVERRIDING SYSTEM VALUE "
            "SELECT n, 'c' || n FROM generate_series(1, :n) n"
        )
        conn.execute(text(insert), {"n": BUYERS})
        segments.ensure_built_ins(conn, "test", now)
    bulk.append_bulk(ui, frame, now)
    columns.rebuild(ui)
    assert predicting.fit_if_due(ui, now) is not None
    return ui


def test_every_section_of_a_tiny_shop_says_what_it_lacks(
    shop: dict[str, int], open_page: Open
) -> None:
    for section, words in LACKS.items():
        app = open_page("insights", ins_tab=section)
        assert_well(app)
        said = texts(app)
        assert words in said + "".join(metric.label for metric in app.metric), section
        assert "nan" not in said.lower()


def test_every_section_of_a_busy_shop_shows_its_figures_and_leads_onward(
    busy: Store, open_page: Open
) -> None:
    for section, figures in FIGURES.items():
        app = open_page("insights", ins_tab=section)
        assert_well(app)
        shown = {metric.label for metric in app.metric} | {head.value for head in app.subheader}
        assert figures <= shown, section
    app = open_page("moves", mvs_between="RFM groups")
    assert_well(app)
    assert "Flows between segments" in {head.value for head in app.subheader}
    app = open_page("insights", ins_tab="Lapsing")
    app.button(key="make_ins_lapse").click().run()
    assert_well(app)
    rule = parse(app.query_params["rule"])
    made, _ = rule_of(app.session_state["seg_new_rule_tree"])
    assert parse(made) == rule
    assert app.text_input(key="seg_new_name").value.startswith("Silent for more than")


def test_a_link_with_another_rule_starts_anew_and_nonsense_is_said(
    shop: dict[str, int], open_page: Open
) -> None:
    rule = {"type": "rfm", "groups": ["lost"]}
    app = open_page("segment", rule=json.dumps(rule), title="Gone")
    made, _ = rule_of(app.session_state["seg_new_rule_tree"])
    assert made["conditions"][0]["groups"] == ["lost"]
    app = open_page("segment", rule='{"type": "rmf"}')
    assert "no rule that can be read" in texts(app)


def test_the_overview_of_mixed_currencies_shows_no_sum(
    ui: Store, shop: dict[str, int], open_page: Open
) -> None:
    now = clock.now()
    order = NewEvent(
        None, "order_completed", now - timedelta(days=1), shop["c-2"], value=900, currency="EUR"
    )
    with ui.engine.begin() as conn:
        ingest.append(conn, [order], now)
    app = open_page("overview")
    assert not app.exception
    by_label = {metric.label: metric.value for metric in app.metric}
    assert by_label["Net revenue"] == by_label["Attributed revenue"] == "–"
    assert "cannot be added up" in texts(app)
    app = open_page("insights")
    assert_well(app)
    assert "cannot be added up" in texts(app)
