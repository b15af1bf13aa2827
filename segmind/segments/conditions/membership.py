"""Conditions on other segments."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import narwhals as nw
from pydantic import Field

from segmind.segments.conditions.base import Condition, Found, Question, Requirement
from segmind.segments.words import Words


class InSegment(Condition):
    """Meets the rule of another segment, at the same moment."""

    type: Literal["in_segment"] = "in_segment"
    segment_id: int = Field(ge=1, le=2**62)

    def target(self, question: Question) -> Condition:
        """What the other segment asks."""
        return question.segments[self.segment_id].root

    def requirements(self, question: Question) -> Iterator[Requirement]:
        return self.target(question).requirements(question)

    def expression(self, question: Question) -> nw.Expr:
        return self.target(question).expression(question)

    def sentence(self, words: Words) -> str:
        return f"are in {words.segment(self.segment_id)}"

    def detail(self, question: Question, found: Found, words: Words) -> str:
        return ""
