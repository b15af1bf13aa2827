"""The condition on a customer's RFM group and scores."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Final, Literal, Self

import narwhals as nw
from pydantic import Field, field_validator, model_validator

from segmind.segments import rfm
from segmind.segments.aggregates.rfm import RfmScores
from segmind.segments.conditions.base import Condition, Found, Question, Requirement
from segmind.segments.fault import did_you_mean, fault
from segmind.segments.windows import Last, Window
from segmind.segments.words import Words, ago, alternatives, times

Score = Annotated[int, Field(ge=1, le=rfm.FIFTHS)]
Scores = tuple[Score, ...]
_COLUMNS: Final = {"recency": "r", "frequency": "f", "monetary": "m"}


class Rfm(Condition):
    """In one of these RFM groups, and with one of these scores, among customers with orders.

    What is left empty does not matter. Who has no order in the window is in no group.
    """

    type: Literal["rfm"] = "rfm"
    groups: tuple[str, ...] = Field(default=(), max_length=len(rfm.GROUPS))
    recency: Scores = Field(default=(), max_length=rfm.FIFTHS)
    frequency: Scores = Field(default=(), max_length=rfm.FIFTHS)
    monetary: Scores = Field(default=(), max_length=rfm.FIFTHS)
    window: Window = Field(default_factory=lambda: Last(amount=365))

    @field_validator("groups")
    @classmethod
    def _are_groups(cls, groups: tuple[str, ...]) -> tuple[str, ...]:
        for key in groups:
            if key not in rfm.BY_KEY:
                raise fault(f"There is no group {key!r}.", did_you_mean(key, list(rfm.BY_KEY)))
        return groups

    @model_validator(mode="after")
    def _asks_something(self) -> Self:
        if not (self.groups or self.recency or self.frequency or self.monetary):
            raise fault("No group and no score is asked for.", "Choose at least one.")
        return self

    @property
    def _scores(self) -> dict[str, Scores]:
        """The scores that are asked for, by what they are of."""
        every: dict[str, Scores] = {name: getattr(self, name) for name in _COLUMNS}
        return {name: wanted for name, wanted in every.items() if wanted}

    def _aggregate(self, question: Question) -> RfmScores:
        return RfmScores(self.window.span(question.at))

    def requirements(self, question: Question) -> Iterator[Requirement]:
        yield self._aggregate(question)

    def expression(self, question: Question) -> nw.Expr:
        scores = self._aggregate(question)
        met = ~scores.column("r").is_null()
        if self.groups:
            cell = rfm.cell(scores.column("r"), scores.column("f"))
            met = met & cell.is_in(rfm.cells_of(self.groups))
        for name, wanted in self._scores.items():
            met = met & scores.column(_COLUMNS[name]).is_in(sorted(wanted))
        return met.fill_null(False)

    def sentence(self, words: Words) -> str:
        parts = []
        if self.groups:
            names = alternatives([f"“{rfm.BY_KEY[key].name}”" for key in self.groups])
            parts.append(f"group is {names}")
        for name, wanted in self._scores.items():
            parts.append(f"{name} score is {alternatives([str(n) for n in sorted(wanted)])}")
        when = self.window.words()
        tail = "" if when == "ever" else f" by orders {when}"
        return f"RFM {' and '.join(parts)}{tail}"

    @property
    def pronoun(self) -> Literal["whose"]:
        return "whose"

    def detail(self, question: Question, found: Found, words: Words) -> str:
        scores = self._aggregate(question)
        r, f, m = (found.of(scores, column) for column in _COLUMNS.values())
        if r is None:
            return "no order in the window"
        return (
            f"{rfm.group_of(r, f).name}: R {r} (last order "
            f"{ago(found.of(scores, 'last_order'), question.at.as_of)}), F {f} (ordered "
            f"{times(found.of(scores, 'orders'))}), M {m} ({words.money(found.of(scores, 'net'))})"
        )
