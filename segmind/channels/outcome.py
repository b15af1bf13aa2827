"""What can come of handing one message to a provider: a closed union.

The line that matters runs between ``Retry`` and ``InDoubt``: a message is retried blindly only
where it is *proved* that it was not sent. Everything ambiguous (a time-out after the request was
written, a 5xx, a torn answer) is in doubt and is settled by evidence.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Accepted:
    """The provider took it; ``provider_id`` is its name there."""

    provider_id: str
    http_status: int | None = None


@dataclass(frozen=True, slots=True)
class Retry:
    """Proved not sent, and worth another try after ``after_seconds`` (None: our own pace).

    ``begun`` False: no request was made for it, so it should count as no attempt.
    """

    code: str
    detail: str
    after_seconds: float | None = None
    http_status: int | None = None
    pause_sender: bool = False  # nothing else of this sender will pass either, for now
    begun: bool = True


@dataclass(frozen=True, slots=True)
class InDoubt:
    """It may or may not have been sent. Never send again without evidence."""

    detail: str
    http_status: int | None = None
    code: str = "in_doubt"


@dataclass(frozen=True, slots=True)
class Rejected:
    """Refused for good, not sent.

    ``suppress``: the address itself is the reason; do not use it again.
    ``pause_sender``: the set-up is the reason (credentials, sender); others will fail alike.
    ``blames_content``: the text is the reason; others of the same template may fail alike.
    """

    code: str
    detail: str
    suppress: bool = False
    pause_sender: bool = False
    http_status: int | None = None
    blames_content: bool = False


Outcome = Accepted | Retry | InDoubt | Rejected

#: Longest wait that a provider's Retry-After can ask of us.
LONGEST_WAIT = 900.0
