"""The states of a campaign and the moves between them that are legal."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Final

from segmind.errors import Conflict


class Status(StrEnum):
    """Where a campaign is.

    ``missed``: its start did not happen by itself, because it would have been too late or because
    something blocked it; the campaign's ``problem`` says which, and a person has to decide.
    """

    DRAFT = "draft"
    SCHEDULED = "scheduled"
    LAUNCHING = "launching"
    SENDING = "sending"
    PAUSED = "paused"
    SENT = "sent"
    CANCELLED = "cancelled"
    MISSED = "missed"


#: From a status to those that may follow it. A paused campaign goes back to where it came from:
#: to launching while its audience is not complete in the outbox, else to sending.
MOVES: Final[dict[Status, frozenset[Status]]] = {
    Status.DRAFT: frozenset({Status.SCHEDULED, Status.LAUNCHING, Status.CANCELLED}),
    Status.SCHEDULED: frozenset(
        {Status.DRAFT, Status.SCHEDULED, Status.LAUNCHING, Status.MISSED, Status.CANCELLED}
    ),
    Status.MISSED: frozenset({Status.DRAFT, Status.SCHEDULED, Status.LAUNCHING, Status.CANCELLED}),
    Status.LAUNCHING: frozenset({Status.SENDING, Status.PAUSED, Status.CANCELLED}),
    Status.SENDING: frozenset({Status.PAUSED, Status.SENT, Status.CANCELLED}),
    Status.PAUSED: frozenset({Status.LAUNCHING, Status.SENDING, Status.CANCELLED}),
    Status.SENT: frozenset(),
    Status.CANCELLED: frozenset(),
}

#: What may still be edited: nothing has been promised to anybody yet.
EDITABLE: Final = frozenset({Status.DRAFT, Status.MISSED})
#: Messages may exist and may still change.
RUNNING: Final = frozenset({Status.LAUNCHING, Status.SENDING, Status.PAUSED})
FINAL: Final = frozenset(status for status, then in MOVES.items() if not then)


class IllegalMove(Conflict):
    """A {before} campaign cannot become {after}."""

    code = "illegal_move"
    hint = "From {before} it can become: {possible}."


def may(before: Status, after: Status) -> bool:
    """Whether a campaign may go from ``before`` to ``after``."""
    return after in MOVES[before]


def require(before: Status, after: Status) -> None:
    """Raises :class:`IllegalMove` unless the move is legal."""
    if not may(before, after):
        possible = ", ".join(sorted(MOVES[before])) or "nothing any more"
        raise IllegalMove(before=str(before), after=str(after), possible=possible, field="status")


def sources_of(after: Status) -> Iterable[Status]:
    """The statuses from which ``after`` can be reached."""
    return [before for before, then in MOVES.items() if after in then]
