"""Per cent is spelled one way: the sign at its number."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from segmind import percent
from segmind.settings import ROOT
from segmind.ui import figures

APART = re.compile(r"\d %(?![a-zA-Z}{(])")
#: What ends a number that an f-string puts in: ``{share:.1f}%`` beside the functions for it.
OWN = re.compile(r"^%(?![a-zA-Z}{.])")


def sentences(path: Path) -> Iterator[tuple[int, str, bool]]:
    """(line, text, follows a value) of each text that is no docstring."""
    tree = ast.parse(path.read_text("utf-8"))
    docs = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    after = {
        id(part)
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr)
        for value, part in zip(node.values, node.values[1:], strict=False)
        if isinstance(value, ast.FormattedValue)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
            yield node.lineno, node.value, id(node) in after


def places(*folders: str) -> list[Path]:
    return sorted(path for name in folders for path in (ROOT / name).rglob("*.py"))


def test_no_sentence_parts_a_number_from_its_percent_sign() -> None:
    apart = [
        f"{path.relative_to(ROOT)}:{line}: {text.strip()[:60]}"
        for path in places("segmind", "pages", "scheduler")
        if "templates" not in path.parts
        for line, text, follows in sentences(path)
        if APART.search(text) or (follows and re.match(r" %(?![a-zA-Z}{(])", text))
    ]
    assert apart == []


def test_percent_signs_are_written_by_the_functions_for_it() -> None:
    own = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in places("segmind/ui", "segmind/segments", "segmind/experiments", "pages")
        if path != ROOT / "segmind/ui/figures.py"
        for line, text, follows in sentences(path)
        if follows and OWN.match(text)
    ]
    assert own == []


@pytest.mark.parametrize(
    "found, expected",
    [
        (percent.of_share(0.0784), "7.8%"),
        (percent.of_share(0.95, 0), "95%"),
        (percent.rounded(1 / 3), "33.3%"),
        (percent.rounded(0.5), "50%"),
        (percent.said(12.5), "12.5%"),
        (figures.percent(0.0784), "7.8%"),
        (figures.share(1, 3), "33.3%"),
        (figures.share(1, 0), "–"),
        (figures.per_cent(10.0), "10%"),
        (figures.change(4.21), "+4.2%"),
        (figures.change(-1250.4), "-1,250%"),
    ],
)
def test_a_percentage_reads_so(found: str, expected: str) -> None:
    assert found == expected
