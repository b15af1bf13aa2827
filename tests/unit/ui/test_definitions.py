"""No page and no answer shows a figure that docs/definitions.md does not define."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel

from segmind.analytics import glossary
from segmind.analytics.glossary.document import document
from segmind.api import analytics_answers, earned_answers, insight_answers
from segmind.api.shapes import Money
from segmind.settings import ROOT

#: Calls that show a figure; their first argument is its name.
SHOWS = {"Kpi", "chart_card", "head", "metric", "rate"}
UI = ROOT / "segmind" / "ui"
#: Where the name is not written at the call: the file and how it is said there, with the constants
#: of the same file that it can be. Empty: it is handed on from a call that is looked at itself.
HANDED_ON: dict[tuple[str, str], tuple[str, ...]] = {
    ("components/chart_card.py", "title"): (),
    ("components/metrics.py", "kpi.label"): (),
    ("components/waterfall_card.py", "title"): ("Who will receive it",),
    ("views/deliverability/course.py", "title"): ("Bounced", "Complaints and opt-outs"),
    ("views/deliverability/kpis.py", "label"): (),
    ("views/deliverability/places.py", "title"): (
        "By provider",
        "By recipient's domain or country",
    ),
    ("views/engagement/kpis.py", "label"): (),
    ("views/overview/kpis.py", "label"): (
        "Net revenue",
        "Attributed revenue",
        "Active customers",
        "Messages sent",
    ),
    ("views/insights/retention.py", "label"): (
        "Back in week 1",
        "Back in week 2",
        "Back in week 4",
        "Back in month 1",
        "Back in month 2",
        "Back in month 4",
    ),
    ("views/revenue/sources.py", "title"): ("By channel", "By campaign and automation"),
    ("views/segments/movements.py", "title"): ("Why they entered", "Why they left"),
}


def calls() -> Iterator[tuple[str, int, ast.expr]]:
    """File, line and first argument of everything that shows a figure."""
    for path in [*UI.rglob("*.py"), *(ROOT / "pages").glob("*.py")]:
        name = path.relative_to(UI if path.is_relative_to(UI) else ROOT).as_posix()
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            function = node.func
            called = function.attr if isinstance(function, ast.Attribute) else ""
            called = function.id if isinstance(function, ast.Name) else called
            first = node.args[0]
            is_frame = called == "head" and isinstance(function, ast.Attribute)
            if called in SHOWS and not is_frame:
                yield name, node.lineno, first


def shown() -> Iterator[tuple[str, str]]:
    """Where, and the name of what is shown."""
    for file, line, first in calls():
        if isinstance(first, ast.Constant) and isinstance(first.value, str):
            yield f"{file}:{line}", first.value
            continue
        key = (file, ast.unparse(first))
        assert key in HANDED_ON, f"{file}:{line} shows {key[1]}: say in HANDED_ON what it can be."
        for name in HANDED_ON[key]:
            assert name in (UI / file).read_text(), f"{file} does not say {name!r} any more."
            yield f"{file}:{line}", name


def test_every_figure_on_a_page_is_defined() -> None:
    found = list(shown())
    assert len(found) > 40  # the walk itself works
    missing = [f"{where} shows {name!r}" for where, name in found if not glossary.terms(name)]
    assert missing == [], "Define it in segmind/analytics/glossary."


def figures_of(model: type[BaseModel]) -> Iterator[str]:
    """The fields of an answer that are numbers of something; ids and settings are not."""
    for name, field in model.model_fields.items():
        kinds = {field.annotation, *get_args(field.annotation)}
        if kinds & {int, float} and not name.endswith("_id"):
            yield name


@pytest.mark.parametrize("module", [analytics_answers, earned_answers, insight_answers])
def test_every_figure_of_an_answer_is_defined(module: object) -> None:
    models = [
        each
        for each in vars(module).values()
        if isinstance(each, type) and issubclass(each, BaseModel) and each is not Money
    ]
    told = {f"{m.__name__}.{name}": name for m in models for name in figures_of(m)}
    assert len(told) > 10
    assert [where for where, name in told.items() if name not in glossary.FIELDS] == []


def test_the_page_of_definitions_is_the_glossary() -> None:
    written = Path(ROOT / "docs" / "definitions.md").read_text()
    assert written == document(), (
        "Write it anew: python -m segmind.analytics.glossary.document > docs/definitions.md"
    )


def test_every_term_says_all_of_itself() -> None:
    for term in glossary.TERMS:
        assert term.names, term
        assert all((term.unit, term.means, term.formula, term.source)), term.names


def test_a_term_names_code_that_exists() -> None:
    for term in glossary.TERMS:
        for quoted in term.source.split("`")[1::2]:
            parts = quoted.split(".")
            module = ROOT / "segmind" / parts[0]
            place = module / f"{parts[1]}.py" if len(parts) > 1 else module
            there = place.exists() or place.with_suffix("").is_dir()
            assert there, f"{term.names[0]}: there is no {quoted}"
