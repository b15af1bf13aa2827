"""What can become of a message: the states of sending, the legal moves, and delivery beside them.

Sending is ours and moves only along ``MOVES``. Delivery is what providers report, in any order and
any number of times: ``furthest`` is its reducer, commutative, associative and idempotent.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from segmind.channels.delivery import Word
from segmind.errors import Conflict


class IllegalMove(Conflict):
    """A message cannot go from {before} to {after}."""

    code = "illegal_move"


class State(IntEnum):
    """Where the sending of a message stands."""

    READY = 0
    CLAIMED = 1
    DISPATCHING = 2
    ACCEPTED = 3
    RETRY = 4
    IN_DOUBT = 5
    FAILED = 6
    SKIPPED = 7
    EXPIRED = 8

    @property
    def label(self) -> str:
        """The state in plain words."""
        return _STATE_LABELS[self]


_STATE_LABELS: Final = {
    State.READY: "Ready to be sent",
    State.CLAIMED: "Being prepared",
    State.DISPATCHING: "Being handed to the provider",
    State.ACCEPTED: "Accepted by the provider",
    State.RETRY: "Waiting for its time",
    State.IN_DOUBT: "In doubt: the provider may or may not have it",
    State.FAILED: "Failed",
    State.SKIPPED: "Not sent on purpose",
    State.EXPIRED: "Too late to be sent",
}

#: Every move that there is. RETRY holds all that waits for ``due_at``: a retry, quiet hours, a
#: scheduled send; from it on the provider is asked about what is IN_DOUBT. A receipt proves
#: acceptance, whatever we believed: then any state but the two owned by a dispatcher's call becomes
#: ACCEPTED.
MOVES: Final[dict[State, frozenset[State]]] = {
    State.READY: frozenset(
        {State.CLAIMED, State.SKIPPED, State.EXPIRED, State.RETRY, State.ACCEPTED}
    ),
    State.CLAIMED: frozenset(
        {
            State.DISPATCHING,
            State.READY,
            State.RETRY,
            State.FAILED,
            State.SKIPPED,
            State.EXPIRED,
            State.ACCEPTED,
        }
    ),
    State.DISPATCHING: frozenset({State.ACCEPTED, State.RETRY, State.IN_DOUBT, State.FAILED}),
    State.RETRY: frozenset({State.CLAIMED, State.SKIPPED, State.EXPIRED, State.ACCEPTED}),
    State.IN_DOUBT: frozenset({State.ACCEPTED, State.RETRY, State.FAILED, State.EXPIRED}),
    State.FAILED: frozenset({State.ACCEPTED}),
    State.SKIPPED: frozenset({State.ACCEPTED}),
    State.EXPIRED: frozenset({State.ACCEPTED}),
    State.ACCEPTED: frozenset(),
}

#: Nothing more is going to be done for these by ourselves.
FINAL: Final = frozenset({State.ACCEPTED, State.FAILED, State.SKIPPED, State.EXPIRED})
#: A receipt that proves acceptance moves these; a DISPATCHING row's own acknowledgement is coming.
PROVABLE: Final = frozenset(s for s in State if s not in {State.ACCEPTED, State.DISPATCHING})


def require_move(before: State, after: State) -> None:
    """Raises: IllegalMove: the table has no such move."""
    if after not in MOVES[before]:
        raise IllegalMove(before=before.name, after=after.name)


class Delivery(IntEnum):
    """How far a message got, as its provider reports."""

    NONE = 0
    QUEUED = 1
    SENDING = 2
    SENT = 3
    DELIVERED = 4
    BOUNCED = 5
    FAILED = 6

    @property
    def label(self) -> str:
        """The state of delivery in plain words."""
        return _DELIVERY_LABELS[self]


_DELIVERY_LABELS: Final = {
    Delivery.NONE: "Nothing reported yet",
    Delivery.QUEUED: "Queued at the provider",
    Delivery.SENDING: "On its way",
    Delivery.SENT: "Left the provider, delivery not confirmed",
    Delivery.DELIVERED: "Delivered",
    Delivery.BOUNCED: "Bounced",
    Delivery.FAILED: "The provider gave up",
}

#: FAILED yields to proof that it was sent; a bounce may come after a delivery (e-mail does that).
RANK: Final[dict[Delivery, int]] = {
    Delivery.NONE: 0,
    Delivery.QUEUED: 1,
    Delivery.SENDING: 2,
    Delivery.FAILED: 3,
    Delivery.SENT: 4,
    Delivery.DELIVERED: 5,
    Delivery.BOUNCED: 6,
}

#: What a provider's word says of delivery. An open or a click proves that it arrived.
REPORTED: Final[dict[Word, Delivery]] = {
    Word.QUEUED: Delivery.QUEUED,
    Word.SENT: Delivery.SENT,
    Word.DELIVERED: Delivery.DELIVERED,
    Word.BOUNCED_HARD: Delivery.BOUNCED,
    Word.BOUNCED_SOFT: Delivery.BOUNCED,
    Word.FAILED: Delivery.FAILED,
    Word.OPENED: Delivery.DELIVERED,
    Word.CLICKED: Delivery.DELIVERED,
    Word.UNSUBSCRIBED: Delivery.DELIVERED,
    Word.COMPLAINED: Delivery.DELIVERED,
}


def furthest(one: Delivery, other: Delivery) -> Delivery:
    """What two reports say together, in whichever order they came."""
    return max(one, other, key=RANK.__getitem__)
