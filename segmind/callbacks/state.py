"""Where telling something stands."""

from __future__ import annotations

from enum import IntEnum
from typing import Final


class State(IntEnum):
    """WAITING until it is due (a claim is a lease on a waiting row); the others are final."""

    WAITING = 0
    DELIVERED = 1
    GIVEN_UP = 2  # every try failed, or the receiver said that it wants no more
    EXPIRED = 3
    REFUSED = 4  # the address may not be called

    @property
    def label(self) -> str:
        """The state in plain words."""
        return _LABELS[self]


_LABELS: Final = {
    State.WAITING: "Waiting for its time",
    State.DELIVERED: "Delivered",
    State.GIVEN_UP: "Given up",
    State.EXPIRED: "Too late to be told",
    State.REFUSED: "Not called: the address is not allowed",
}
