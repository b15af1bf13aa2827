"""How many are enough: counts compared with a number, ratios compared with a share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal, Self

import narwhals as nw
from pydantic import Field, model_validator

from segmind import percent
from segmind.segments.fault import fault
from segmind.segments.part import Part

CountOp = Literal["at_least", "at_most", "exactly", "more_than", "less_than", "between"]
RatioOp = Literal["at_least", "at_most", "more_than", "less_than"]

_LARGEST: Final = 10**15
_WORDS: Final[dict[str, str]] = {
    "at_least": "at least",
    "at_most": "at most",
    "exactly": "exactly",
    "more_than": "more than",
    "less_than": "less than",
}


class CountThreshold(Part):
    """``op n``; ``between`` reaches from ``n`` to ``to``, both included."""

    op: CountOp = "at_least"
    n: int = Field(default=1, ge=0, le=_LARGEST)
    to: int | None = Field(default=None, ge=0, le=_LARGEST)

    @model_validator(mode="after")
    def _has_the_ends_it_needs(self) -> Self:
        if (self.op == "between") != (self.to is not None):
            raise fault("Only between takes to, and it needs one.", "Give n and to, or change op.")
        if self.to is not None and self.to < self.n:
            raise fault("The upper end to is below n.", "Swap the two.")
        return self

    def holds(self, count: nw.Expr) -> nw.Expr:
        """Whether a column of numbers passes."""
        match self.op:
            case "at_least":
                return count >= self.n
            case "at_most":
                return count <= self.n
            case "exactly":
                return count == self.n
            case "more_than":
                return count > self.n
            case "less_than":
                return count < self.n
            case "between":
                return (count >= self.n) & (count <= (self.to or self.n))

    def holds_average(self, total: nw.Expr, count: nw.Expr) -> nw.Expr:
        """Whether ``total / count`` passes, exactly; never where ``count`` is 0."""
        # Compared by whole numbers, rounded towards the side that cannot change the verdict.
        low, high = total // count, -((-total) // count)
        match self.op:
            case "at_least":
                passes = low >= self.n
            case "at_most":
                passes = high <= self.n
            case "exactly":
                passes = (low == self.n) & (high == self.n)
            case "more_than":
                passes = high > self.n
            case "less_than":
                passes = low < self.n
            case "between":
                passes = (low >= self.n) & (high <= (self.to or self.n))
        return passes.fill_null(False) & (count > 0)

    @property
    def means_never(self) -> bool:
        """Whether only zero passes."""
        return (self.op in {"exactly", "at_most"} and self.n == 0) or (
            self.op == "less_than" and self.n == 1
        )

    @property
    def means_any(self) -> bool:
        """Whether everything above zero passes, and nothing else."""
        return (self.op == "at_least" and self.n == 1) or (self.op == "more_than" and self.n == 0)

    def words(self, say: Callable[[int], str]) -> str:
        """``at least twice``: ``say`` puts a number in words."""
        if self.op == "between":
            return f"between {say(self.n)} and {say(self.to or self.n)}"
        return f"{_WORDS[self.op]} {say(self.n)}"


class RatioThreshold(Part):
    """``op ratio``, where 0.1 is 10%."""

    op: RatioOp
    ratio: float = Field(ge=0, le=1_000_000, allow_inf_nan=False)

    def holds(self, part: nw.Expr, whole: nw.Expr) -> nw.Expr:
        """Whether ``part / whole`` passes; ``whole`` must be above zero for the answer to count."""
        # The quotient of two integers is the double nearest to the true one, and so is the literal
        # 0.1: a tie such as 3 of 30 against 0.1 compares as equal, which 3 > 0.1 * 30 would not.
        quotient = part / whole
        match self.op:
            case "at_least":
                return quotient >= self.ratio
            case "at_most":
                return quotient <= self.ratio
            case "more_than":
                return quotient > self.ratio
            case "less_than":
                return quotient < self.ratio

    @property
    def ratio_words(self) -> str:
        """``at most 50%``."""
        return f"{_WORDS[self.op]} {percent.said(100 * self.ratio)}"
