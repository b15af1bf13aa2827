"""Why somebody is not written to: one closed list, in the order in which reasons are named."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """The one reason that comes first. The order of the members is the order of the checks."""

    ERASED = "erased"
    NO_ADDRESS = "no_address"
    INVALID_ADDRESS = "invalid_address"
    NO_CONSENT = "no_consent"
    SUPPRESSED = "suppressed"
    GLOBAL_HOLDOUT = "global_holdout"
    QUIET_HOURS = "quiet_hours"
    NEVER_OPEN = "never_open"
    FREQUENCY_CAP = "frequency_cap"

    @property
    def label(self) -> str:
        """The reason in plain words."""
        return _LABELS[self]


_LABELS = {
    Reason.ERASED: "The customer was erased",
    Reason.NO_ADDRESS: "No address on this channel",
    Reason.INVALID_ADDRESS: "The address is not valid",
    Reason.NO_CONSENT: "No consent for this channel",
    Reason.SUPPRESSED: "The address is suppressed",
    Reason.GLOBAL_HOLDOUT: "In the global holdout: no marketing at all",
    Reason.QUIET_HOURS: "Quiet hours where the customer lives",
    Reason.NEVER_OPEN: "No hour is allowed in every possible zone of the customer",
    Reason.FREQUENCY_CAP: "Already contacted as often as allowed",
}


class SuppressionReason(StrEnum):
    """Why an address must not be used, the weakest first."""

    UNSUBSCRIBED = "unsubscribed"
    ERASED = "erased"
    MANUAL = "manual"
    HARD_BOUNCE = "hard_bounce"
    COMPLAINT = "complaint"

    @property
    def label(self) -> str:
        """The reason in plain words."""
        return _SUPPRESSION_LABELS[self]


_SUPPRESSION_LABELS = {
    SuppressionReason.UNSUBSCRIBED: "unsubscribed",
    SuppressionReason.ERASED: "erased on request",
    SuppressionReason.MANUAL: "suppressed by hand",
    SuppressionReason.HARD_BOUNCE: "does not exist (hard bounce)",
    SuppressionReason.COMPLAINT: "complained",
}
