"""Settings come from the environment once, and a misspelt one is not ignored in silence."""

from __future__ import annotations

import stat
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from segmind import clock
from segmind.errors import InvalidInput, NotFound
from segmind.settings import ROOT, VARIABLES, from_environment


def test_without_a_variable_everything_lies_in_var_and_listens_on_loopback(tmp_path: Path) -> None:
    settings = from_environment({"SEGMIND_HOME": str(tmp_path)})
    assert settings.lake == tmp_path / "lake"
    assert settings.database_url is None
    assert settings.is_loopback
    assert settings.public_url == "http://127.0.0.1:8631"


def test_a_misspelt_variable_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="SEGMIND_DATABSE_URL"):
        from_environment({"SEGMIND_HOME": str(tmp_path), "SEGMIND_DATABSE_URL": "x"})


@pytest.mark.parametrize("port", ["0", "65536", "http", "-1"])
def test_a_port_that_is_no_port_is_refused(tmp_path: Path, port: str) -> None:
    with pytest.raises(InvalidInput, match="SEGMIND_PORT"):
        from_environment({"SEGMIND_HOME": str(tmp_path), "SEGMIND_PORT": port})


def test_the_secret_key_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    first = from_environment({"SEGMIND_HOME": str(tmp_path)}).secret_key
    again = from_environment({"SEGMIND_HOME": str(tmp_path)}).secret_key
    assert first == again
    assert len(first) == 64
    assert stat.S_IMODE((tmp_path / "secret.key").stat().st_mode) == 0o600


def test_a_short_secret_key_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="too short"):
        from_environment({"SEGMIND_HOME": str(tmp_path), "SEGMIND_SECRET_KEY": "short"})


def test_the_readme_names_every_variable() -> None:
    readme = (ROOT / "README.md").read_text()
    assert [name for name in VARIABLES if name not in readme] == []


def test_the_clock_stands_still_inside_a_block_and_moves_on_after_it() -> None:
    at = datetime(2019, 10, 1, 4, 50, tzinfo=timezone(timedelta(hours=2)))
    with clock.frozen(at):
        assert clock.now() == datetime(2019, 10, 1, 2, 50, tzinfo=UTC)
    assert clock.now() > at


def test_a_naive_instant_cannot_freeze_the_clock() -> None:
    with pytest.raises(ValueError, match="aware"), clock.frozen(datetime(2019, 10, 1)):  # noqa: DTZ001
        pass


def test_an_error_is_a_sentence_with_its_place_and_a_hint() -> None:
    error = NotFound(what="segment", key=7, field="segment_id", hint="Look at the list.")
    assert str(error) == "There is no segment 7. (at segment_id) Look at the list."
