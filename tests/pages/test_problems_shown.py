"""An error becomes a calm sentence; the log names no customer."""

from __future__ import annotations

import logging

import pytest
from streamlit.testing.v1 import AppTest


def _page_without_database() -> None:
    from sqlalchemy import create_engine, text

    from segmind.ui import problems

    with problems.shown("Read the customers"):
        engine = create_engine("postgresql+psycopg://nobody@/none?host=/nonexistent")
        with engine.connect() as conn:
            conn.execute(text("SELECT 1"))


def _page_with_a_wrong_statement() -> None:
    import sqlite3

    from sqlalchemy.exc import ProgrammingError

    from segmind.ui import problems

    with problems.shown("Save it"):
        given = {"email": "ada@example.com"}
        raise ProgrammingError("INSERT ...", given, sqlite3.ProgrammingError("no such column"))


def test_a_database_that_is_away_is_said_to_be_away() -> None:
    page = AppTest.from_function(_page_without_database).run()
    assert not page.error
    assert not page.exception
    (said,) = page.warning
    assert said.value.startswith("Read the customers: PostgreSQL does not answer.")
    assert "Nothing is lost" in said.value


def test_what_went_wrong_is_logged_without_values(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, "segmind.ui.problems"):
        page = AppTest.from_function(_page_with_a_wrong_statement).run()
    (said,) = page.error
    assert said.value.startswith("Save it: something went wrong on our side.")
    assert "no such column" in caplog.text
    assert "ada@example.com" not in caplog.text + said.value
