"""What a comparison found: an estimate with its interval, or why there is none."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Effect:
    """How much more the treated did than the control, per customer, in the outcome's unit.

    ``low`` and ``high`` bound it with ``confidence``; ``p_value`` is that of no difference (two
    sided). ``control`` is the control's own mean, ``variance_cut`` the share of the variance that
    what was known before took away (0: none).
    """

    estimate: float
    low: float
    high: float
    p_value: float
    confidence: float
    control: float
    variance_cut: float = 0.0

    @property
    def is_significant(self) -> bool:
        """Whether the interval leaves no room for "no difference"."""
        return self.low > 0 or self.high < 0

    @property
    def relative(self) -> float | None:
        """The estimate as a share of the control's mean; None where that is zero."""
        return self.estimate / self.control if self.control else None

    def times(self, customers: int) -> Effect:
        """The same for so many customers together: "in all, so much more"."""
        return replace(
            self,
            estimate=self.estimate * customers,
            low=self.low * customers,
            high=self.high * customers,
            control=self.control * customers,
        )


class WhyNot(StrEnum):
    """Why an effect cannot be measured; the value is the sentence shown."""

    NO_TREATED = "Nobody got the message, so there is nothing to compare."
    NO_CONTROL = (
        "There is no holdout, so what would have happened anyway is not known. "
        "Keep a holdout of a few percent to measure lift."
    )
    TOO_FEW = "A group has fewer than two customers; a difference needs at least two in each."
    NO_VARIANCE = "Everybody did the same, so there is no spread to judge a difference by."
    NOT_OVER = "The period in which orders count is not over yet."


@dataclass(frozen=True, slots=True)
class NotMeasured:
    """No effect can be stated, and why."""

    why: WhyNot

    @property
    def sentence(self) -> str:
        return self.why.value


Measured = Effect | NotMeasured
