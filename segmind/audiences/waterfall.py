"""From a segment to who will receive: every person counted once, at the first reason."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final

from segmind.consent.reasons import Reason as GateReason


class Reason(StrEnum):
    """Why somebody of the segment gets no message, in the order in which it is asked."""

    EXCLUDED_SEGMENT = "excluded_segment"
    NO_ADDRESS = GateReason.NO_ADDRESS.value
    INVALID_ADDRESS = GateReason.INVALID_ADDRESS.value
    DUPLICATE_ADDRESS = "duplicate_address"
    NO_CONSENT = GateReason.NO_CONSENT.value
    SUPPRESSED = GateReason.SUPPRESSED.value
    GLOBAL_HOLDOUT = GateReason.GLOBAL_HOLDOUT.value
    FREQUENCY_CAP = GateReason.FREQUENCY_CAP.value
    HOLDOUT = "holdout"

    @property
    def label(self) -> str:
        """The reason as a step on screen."""
        return _LABELS[self]


_LABELS: Final[dict[Reason, str]] = {
    Reason.EXCLUDED_SEGMENT: "In an excluded segment",
    Reason.NO_ADDRESS: "No address on this channel",
    Reason.INVALID_ADDRESS: "Address not valid",
    Reason.DUPLICATE_ADDRESS: "Same address as another customer",
    Reason.NO_CONSENT: "No consent for this channel",
    Reason.SUPPRESSED: "Address suppressed",
    Reason.GLOBAL_HOLDOUT: "Global holdout: no marketing at all",
    Reason.FREQUENCY_CAP: "Contacted as often as allowed",
    Reason.HOLDOUT: "Holdout",
}

SEGMENT: Final = "segment"


@dataclass(frozen=True, slots=True)
class Step:
    """One step: how many it removed and how many remain after it."""

    reason: str
    label: str
    removed: int
    remaining: int


@dataclass(frozen=True, slots=True)
class Waterfall:
    """The steps in their order; the first is the segment itself, which removes nobody.

    It adds up to the last person: each step's remaining is the one's before less its removed.
    """

    steps: tuple[Step, ...]

    @property
    def segment(self) -> int:
        """How many customers the segment has."""
        return self.steps[0].remaining

    @property
    def recipients(self) -> int:
        """How many will receive."""
        return self.steps[-1].remaining

    def removed(self, reason: Reason | str) -> int:
        """How many were removed for a reason."""
        return sum(step.removed for step in self.steps if step.reason == reason)

    def as_json(self) -> dict[str, Any]:
        """``{"segment", "recipients", "steps": [{"reason", "label", "removed", "remaining"}]}``."""
        steps = [asdict(step) for step in self.steps]
        return {"segment": self.segment, "recipients": self.recipients, "steps": steps}

    @classmethod
    def of(cls, size: int, removed: dict[str, int]) -> Waterfall:
        """The waterfall of a segment of ``size`` from how many each reason removed."""
        steps = [Step(SEGMENT, "In the segment", 0, size)]
        for reason in Reason:
            gone = removed.get(reason.value, 0)
            steps.append(Step(reason.value, reason.label, gone, steps[-1].remaining - gone))
        return cls(tuple(steps))
