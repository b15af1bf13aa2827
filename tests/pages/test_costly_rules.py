"""A rule that takes long says so before it runs, and can be cancelled."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from segmind import stopping
from segmind.segments import cost, preview
from segmind.stopping import Stopped
from segmind.ui.data import segments as data
from tests.pages.conftest import Open, assert_well, texts
from tests.pages.test_builder_rows import put_in

DEAR = {"type": "did", "event": "product_viewed",
        "where": [{"field": "value", "op": "at_least", "value": 1}]}  # fmt: skip


@pytest.fixture
def dear(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that reads an event is free."""
    monkeypatch.setattr(cost, "FREE_SECONDS", 0.0)


class Gate:
    """A preview that waits until it may go on, and can be stopped meanwhile."""

    def __init__(self) -> None:
        self.may_go, self.was_stopped = threading.Event(), threading.Event()

    def __call__(self, *given: Any) -> preview.Preview:
        while stopping.is_watched() and not self.may_go.wait(0.005):
            try:
                stopping.check()
            except Stopped:
                self.was_stopped.set()
                raise
        return preview.preview(*given)


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Gate:
    made = Gate()
    monkeypatch.setattr(data, "preview_rule", made)
    return made


def labels(app: AppTest) -> set[str]:
    return {metric.label for metric in app.metric}


def test_a_costly_rule_is_counted_only_when_asked_to(
    shop: dict[str, int], open_page: Open, dear: None
) -> None:
    app = put_in(open_page("segment"), DEAR)
    assert_well(app)
    assert "Reads about" in texts(app)
    assert "viewed a product (where value is at least" in texts(app)
    assert "Customers" not in labels(app)
    app.button(key="seg_new_asked_begin").click().run()
    _until(app, lambda: "Customers" in labels(app))
    assert_well(app)
    # Another threshold is another question.
    app = put_in(app, {**DEAR, "n": 2})
    assert "Customers" not in labels(app)


def test_a_count_can_be_cancelled_and_its_work_stops(
    shop: dict[str, int], open_page: Open, dear: None, gate: Gate
) -> None:
    app = put_in(open_page("segment"), DEAR)
    app.button(key="seg_new_asked_begin").click().run()
    assert "Counting …" in texts(app)
    app.button(key="seg_new_asked_cancel").click().run()
    assert gate.was_stopped.wait(5)
    app.run()
    assert_well(app)
    assert "Reads about" in texts(app)


def test_another_rule_stops_the_count_of_the_one_before(
    shop: dict[str, int], open_page: Open, dear: None, gate: Gate
) -> None:
    app = put_in(open_page("segment"), DEAR)
    app.button(key="seg_new_asked_begin").click().run()
    put_in(app, {**DEAR, "n": 3})
    assert gate.was_stopped.wait(5)


def test_a_rule_answered_from_rollups_is_counted_at_once(
    shop: dict[str, int], open_page: Open, dear: None
) -> None:
    app = put_in(open_page("segment"), {"type": "did", "event": "product_viewed"})
    assert "Customers" in labels(app)


def test_an_unknown_property_is_told_at_its_row(shop: dict[str, int], open_page: Open) -> None:
    where = [{"field": "properties.sise", "op": "is", "value": "XL"}]
    app = put_in(open_page("segment"), {"type": "did", "event": "product_viewed", "where": where})
    assert_well(app)
    assert "No such event has properties.sise" in texts(app)
    assert app.button(key="seg_new_save").disabled


def _until(app: AppTest, is_so: Any, seconds: float = 15) -> None:
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.1)
        app.run()
