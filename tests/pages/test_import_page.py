"""Importing on the page Data: what is asked before, and what is shown after."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from segmind.db.engine import Store
from segmind.errors import InvalidInput
from segmind.ui.data import log
from tests.pages.conftest import Open, assert_well, texts

CSV = b"when,what,who\n" + b"".join(
    b"2026-11-20T10:0%d:00Z,product_viewed,c-%d\n" % (n, n) for n in range(5)
)


def test_an_import_waits_until_time_event_and_customer_are_named(
    ui: Store, open_page: Open
) -> None:
    app = open_page("data", dat_tab="Import")
    app.file_uploader(key="dat_file_0").set_value(("events.csv", CSV, "text/csv")).run()
    assert_well(app)
    assert app.dataframe[0].value["who"].to_list() == ["c-0", "c-1", "c-2"]
    assert app.button(key="dat_start").disabled
    said = "Say which column is the time and which is the event and which is the customer."
    assert said in texts(app)
    for name, column in (("time", "when"), ("event", "what")):
        app.selectbox(key=f"dat_map_{name}").set_value(column).run()
    assert "Say which column is the customer." in texts(app)
    app.selectbox(key="dat_map_anonymous").set_value("who").run()
    assert not app.button(key="dat_start").disabled


@pytest.mark.parametrize("packed", [False, True])
def test_the_first_rows_of_a_file_are_shown_as_they_stand(packed: bool, tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    path.write_bytes(gzip.compress(CSV) if packed else CSV)
    rows = log.first_rows(path)
    assert rows.columns == ["when", "what", "who"]
    assert rows["who"].to_list() == ["c-0", "c-1", "c-2"]


def test_a_damaged_file_shows_no_rows(tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    path.write_bytes(b"a,b,a\n1,2\n1,2,3\n")
    assert log.first_rows(path).rows() == [("1", "2")]  # a short row is left out
    path.write_bytes(b"")
    with pytest.raises(InvalidInput):
        log.first_rows(path)
