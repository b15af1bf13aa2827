"""The page about the rule language cannot drift from the language."""

from __future__ import annotations

import re
from typing import get_args

import pytest

from segmind.segments.acts import PHRASES
from segmind.segments.describe import describe
from segmind.segments.fields import CUSTOMER_FIELDS, EVENT_FIELDS
from segmind.segments.operators import OPERATORS
from segmind.segments.rule import AnyCondition, parse
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


@pytest.mark.parametrize("word", [*OPERATORS, *CUSTOMER_FIELDS, *EVENT_FIELDS, *PHRASES])
def test_every_word_of_the_language_is_on_the_page(word: str) -> None:
    assert f"`{word}`" in PAGE
