"""Revenue: rules, one order under all of them, cost and return; prices in Settings."""

from __future__ import annotations

from datetime import timedelta

import polars as pl
import pytest
from streamlit.testing.v1 import AppTest

from segmind import clock
from segmind.db.engine import Store
from segmind.events import ingest
from segmind.events.ingest import NewEvent
from segmind.ui.data import prices
from segmind.workspace import product_settings
from segmind.workspace.prices import MessagePrice
from segmind.workspace.product_settings import InvalidSetting
from tests.pages.conftest import Open, assert_well, texts


@pytest.fixture
def touched(ui: Store, shop: dict[str, int]) -> dict[str, int]:
    """Before each of Ida's two orders: campaign 1 delivered and clicked, automation 2 opened."""
    now = clock.now()
    events = []
    for days in (2, 5):
        order = now - timedelta(days=days)
        events += [
            _receipt("message_delivered", order - timedelta(hours=7), shop["c-2"], days, 1),
            _receipt("message_clicked", order - timedelta(hours=6), shop["c-2"], days, 1),
            _receipt("message_opened", order - timedelta(hours=1), shop["c-2"], 100 + days, 2),
        ]
    with ui.engine.begin() as conn:
        ingest.append(conn, events, now)
    return shop


def _receipt(name: str, ts: object, customer: int, message: int, kind: int) -> NewEvent:
    return NewEvent(
        None, name, ts, customer, channel=1, message_id=message, source_kind=kind, source_id=kind
    )  # type: ignore[arg-type]  # fmt: skip


def cards(app: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


def test_the_chosen_rule_credits_and_stands_in_the_address(
    touched: dict[str, int], open_page: Open
) -> None:
    app = open_page("revenue")
    assert_well(app)
    assert cards(app)["Attributed revenue"] == "$40.00"
    assert "the last touch gets all; clicked up to 5 days before" in texts(app)
    assert "Campaign 1 brought 100% of it" in texts(app)
    app = open_page("revenue", rev_rule="last touch")
    assert "Automation 2 brought 100% of it" in texts(app)
    app = open_page("revenue", rev_rule="linear")
    assert cards(app)["Attributed revenue"] == "$40.00"
    assert "brought 50% of it" in texts(app)


def test_rules_stand_side_by_side_and_one_order_under_all(
    touched: dict[str, int], open_page: Open
) -> None:
    app = open_page("revenue", rev_tab="Attribution")
    assert_well(app)
    said = texts(app)
    assert "Of \\$40.00 net revenue of 2 orders" in said
    table = app.dataframe[-1].value
    by_rule = table.set_index("Rule")
    assert by_rule.loc["Last click"].dropna().tolist() == [20.0]
    # The later order is claimed by its own two messages and by those of three days before.
    assert by_rule.loc["Linear"].tolist() == [5.0] * 4
    assert by_rule.loc["Braze's"].dropna().tolist() == [20.0]
    assert by_rule.loc["OneSignal's outcomes"].isna().all()


def test_credit_is_shown_by_every_dimension(touched: dict[str, int], open_page: Open) -> None:
    app = open_page("revenue", rev_tab="Attribution", rev_rule="linear")
    control = app.segmented_control(key="rev_credit_by")
    for by in ("Automation step", "Variant", "Channel", "Segment", "Product", "Day"):
        assert by in control.options
        app.segmented_control(key="rev_credit_by").set_value(by).run()
        assert_well(app)


def test_what_nobody_measured_is_said_in_words(touched: dict[str, int], open_page: Open) -> None:
    app = open_page("revenue", rev_tab="Return")
    assert_well(app)
    assert "is not known" in texts(app)
    assert "No message with a cost was sent" in texts(app)


def test_orders_in_two_currencies_are_not_added_up(
    ui: Store, touched: dict[str, int], open_page: Open
) -> None:
    other = NewEvent(
        None, "order_completed", clock.now() - timedelta(days=1), touched["c-1"], value=900,
        currency="EUR", order_id="e",
    )  # fmt: skip
    with ui.engine.begin() as conn:
        ingest.append(conn, [other], clock.now())
    app = open_page("revenue")
    assert "orders in EUR, which cannot be added up in USD" in app.warning[0].value
    assert not app.metric


def test_any_days_can_be_asked_for(touched: dict[str, int], open_page: Open) -> None:
    today = clock.now().date()
    app = open_page("revenue", rev_range="Dates")
    days = (today - timedelta(days=3), today - timedelta(days=1))
    app.date_input(key="rev_range_dates").set_value(days).run()
    assert_well(app)
    assert "vs 3 days before" in texts(app)
    assert cards(app)["Orders"] == "1"


def test_windows_by_channel_and_touches_are_saved(ui: Store, open_page: Open) -> None:
    app = open_page("settings")
    app.number_input(key="set_window_sms").set_value(2)
    app.selectbox(key="set_touch").set_value("delivered")
    app.button(key="set_save").click().run()
    assert_well(app)
    with ui.engine.connect() as conn:
        saved = product_settings.load(conn)
    assert (saved.attribution_windows, saved.attribution_touch) == ({"sms": 2}, "delivered")


def test_the_price_table_opens_and_says_which_price_holds_elsewhere(
    ui: Store, open_page: Open
) -> None:
    with ui.engine.begin() as conn:
        price = {"channel": "sms", "provider": "twilio", "country": "DE", "micros": 65_500}
        product_settings.save(conn, {"message_prices": [price]}, "test", clock.now())
    app = open_page("settings", set_tab="Costs")
    assert_well(app)
    assert "SMS \\$0.0079" in texts(app)
    app.button(key="set_prices_save").click().run()
    assert_well(app)
    with ui.engine.connect() as conn:
        saved = product_settings.load(conn)
    assert saved.cost_micros("sms", "twilio", "DE") == 65_500
    assert saved.cost_micros("sms", "twilio", "FR") == 7_900


def test_an_edited_price_table_is_read_row_by_row() -> None:
    kept = [MessagePrice(channel="sms", country="DE", micros=65_500)]
    table = prices.as_table(kept)
    assert [MessagePrice(**row) for row in prices.of_table(table)] == kept
    blank = pl.DataFrame({name: [None] for name in prices.COLUMNS}, schema=prices.COLUMNS)
    assert prices.of_table(pl.concat([table, blank])) == prices.of_table(table)
    with pytest.raises(InvalidSetting, match="Row 2 of the prices has no cost"):
        prices.of_table(pl.concat([table, blank.with_columns(channel=pl.lit("push"))]))
