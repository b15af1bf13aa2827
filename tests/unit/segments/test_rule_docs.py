"""The page about the rule language cannot drift from the language."""

from __future__ import annotations

import re
from typing import get_args

import pytest

from segmind.segments import rfm
from segmind.segments.acts import PHRASES
from segmind.segments.conditions.behaviour import Metric
from segmind.segments.conditions.predicted import What
from segmind.segments.describe import describe
from segmind.segments.fields import CUSTOMER_FIELDS, EVENT_FIELDS
from segmind.segments.operators import OPERATORS
from segmind.segments.rule import AnyCondition, parse
from segmind.segments.windows import Period, Window
from segmind.settings import ROOT

PAGE = (ROOT / "docs" / "segment-rules.md").read_text()
EXAMPLES = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
CONDITIONS = [c.model_fields["type"].default for c in get_args(get_args(AnyCondition)[0])]


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_is_a_rule(example: str) -> None:
    assert describe(parse(example)).endswith(".")


def test_every_condition_has_an_example() -> None:
    shown = {parse(example).root.type for example in EXAMPLES}
    assert shown == set(CONDITIONS) - {"any", "none"}
    for name in CONDITIONS:
        assert f"`{name}`" in PAGE or f"### {name}\n" in PAGE


WORDS = [
    *OPERATORS,
    *CUSTOMER_FIELDS,
    *EVENT_FIELDS,
    *PHRASES,
    *get_args(Metric),
    *get_args(Period),
    *get_args(What),
    *rfm.BY_KEY,
]


@pytest.mark.parametrize("word", WORDS)
def test_every_word_of_the_language_is_on_the_page(word: str) -> None:
    assert f"`{word}`" in PAGE


def test_every_window_is_on_the_page() -> None:
    for window in get_args(get_args(Window)[0]):
        assert f'{{"type": "{window.model_fields["type"].default}"' in PAGE


def test_the_table_of_rfm_groups_is_the_one_that_is_used() -> None:
    for (recency, frequency), key in rfm.CELLS.items():
        row = next(line for line in PAGE.splitlines() if line.startswith(f"| R {recency} |"))
        assert row.split("|")[1 + frequency].strip() == f"`{key}`"
