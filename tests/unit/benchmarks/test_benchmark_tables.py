"""What the benchmark says of its measurements."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from scripts.bench.document import put, size_name, table
from scripts.bench.engines.engine import Answer, Ready, canonical
from scripts.bench.plan import Outcome, Plan, Run
from scripts.bench.questions import QUESTIONS
from scripts.bench.questions.dialect import CLICKHOUSE, DUCKDB, POSTGRES, Asked, rule_of, sql_of
from scripts.bench.report import mismatches, summary, times
from scripts.bench.statistics import geometric_mean, median, percentile
from segmind.segments.rule import parse

ASKED = Asked(datetime(2026, 3, 2, 1, 30, tzinfo=UTC), ZoneInfo("America/New_York"))


def _run(engine: str, answers: tuple[Answer, ...], seconds: float, error: str = "") -> Run:
    outcome = Outcome("at_risk", 9.0, (seconds, seconds, 3 * seconds), answers, error)
    return Run(engine, Ready(0.5, engine), {"at_risk": outcome}, 10**8)


def test_a_different_answer_names_question_moment_and_engine() -> None:
    ours = _run("segmind", ([[3, 6, 0]], [[4, 10, 4]]), 0.01)
    theirs = _run("duckdb", ([[3, 6, 0]], [[5, 10, 4]]), 0.05)
    (sentence,) = mismatches({"segmind": ours, "duckdb": theirs})
    assert sentence == ("at_risk at moment 1: segmind says [[4, 10, 4]], duckdb says [[5, 10, 4]]")
    assert mismatches({"segmind": ours, "duckdb": _run("duckdb", ours_answers(ours), 0.05)}) == []


def ours_answers(run: Run) -> tuple[Answer, ...]:
    return run.outcomes["at_risk"].answers


def test_an_engine_that_fails_is_no_agreement() -> None:
    ours, failed = _run("segmind", ([[3, 6, 0]],), 0.01), _run("duckdb", (), 0.0, "no such table")
    assert mismatches({"segmind": ours, "duckdb": failed}) == [
        "duckdb failed at_risk: no such table"
    ]


def test_tables_tell_the_median_the_slowest_and_the_ratio_to_ours() -> None:
    runs = {
        name: _run(name, ([[3, 6, 0]],), s) for name, s in (("segmind", 0.01), ("duckdb", 0.05))
    }
    assert "30 · 9,000" in times(runs)
    assert "50 · 150 · 9,000 (5.0x)" in times(runs)
    assert "50 (5.0x)" in summary(runs)


def test_percentiles_are_measured_values() -> None:
    assert median([5.0, 1.0, 3.0]) == 3.0
    assert percentile([float(n) for n in range(1, 8)], 0.95) == 7.0
    assert percentile([float(n) for n in range(1, 101)], 0.95) == 95.0
    assert geometric_mean([0.5, 2.0]) == pytest.approx(1.0)


def test_fragments_replace_their_own_kind_and_keep_the_order_of_sizes(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- begin segments -->\n<!-- end segments -->\nafter\n")
    for key, text in (("67.5M", "large"), ("0.7M", "small"), ("6.75M", "old"), ("6.75M", "new")):
        put(page, "segments", key, text)
    words = [line for line in page.read_text().splitlines() if line and "<!--" not in line]
    assert words == ["before", "small", "new", "large", "after"]
    with pytest.raises(ValueError, match="has no lines"):
        put(page, "growth", "all", "text")


def test_every_question_is_said_in_every_dialect_and_every_rule_can_be_parsed() -> None:
    assert len({question.name for question in QUESTIONS}) == len(QUESTIONS)
    groups = [question.group for question in QUESTIONS]
    assert [groups.count(group) for group in ("built-in", "rule", "dashboard")] == [6, 20, 7]
    for question in QUESTIONS:
        for dialect in (DUCKDB, CLICKHOUSE, POSTGRES):
            assert "$" not in sql_of(question.template(dialect), dialect, ASKED)
        if question.rule is not None:
            parse(rule_of(question.rule, ASKED))


def test_words_of_a_template_mean_instants_in_the_workspaces_zone() -> None:
    assert ASKED.day(0) == date(2026, 3, 1), "01:30 UTC is the evening before in New York."
    assert sql_of("$midnight(1)", DUCKDB, ASKED) == ("TIMESTAMPTZ '2026-02-28 05:00:00.000000+00'")
    assert sql_of("$ago(6 hours)", CLICKHOUSE, ASKED) == (
        "toDateTime64('2026-03-01 19:30:00.000000', 6, 'UTC')"
    )
    assert sql_of("kind = $order_refunded", POSTGRES, ASKED) == "kind = 6"
    assert rule_of({"window": {"since": "$date(40)"}}, ASKED) == {"window": {"since": "2026-01-20"}}


def test_every_repeat_asks_about_a_moment_of_its_own() -> None:
    plan = Plan("2026-03-02T12:00:00+00:00", 7, 60.0)
    moments = [plan.asked(turn, "UTC").as_of for turn in range(8)]
    assert [later - moments[0] for later in moments] == [
        timedelta(microseconds=n) for n in range(8)
    ]


def test_figures_compare_without_days_of_nothing() -> None:
    rows = [(date(2026, 3, 2), 5, None), (date(2026, 3, 1), 0, 0)]
    assert canonical(rows) == [["2026-03-02", 5, 0]]
    assert canonical([[0]]) == [[0]], "A single figure may be nothing."


def test_tables_are_straight_and_sizes_have_short_names() -> None:
    lines = table(["a", "b"], [["long", "1"], ["x", "1,000"]]).splitlines()
    assert len({len(line) for line in lines}) == 1
    sizes = (702_541, 6_764_659, 67_501_979, 1_234_567)
    assert [size_name(n) for n in sizes] == ["0.7M", "6.75M", "67.5M", "1.2M"]
