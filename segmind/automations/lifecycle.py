"""The states of an automation and the moves between them that are legal."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from segmind.errors import Conflict


class State(StrEnum):
    """Where an automation is.

    ``live``: triggers start runs, runs move. ``paused``: nothing moves and nothing is sent; runs
    stay where they are. ``stopped``: every run has left, for good.
    """

    DRAFT = "draft"
    LIVE = "live"
    PAUSED = "paused"
    STOPPED = "stopped"


#: From a state to those that may follow it. What is stopped stays so: its unsent messages are
#: withdrawn, and must not come back to life. A copy starts afresh.
MOVES: Final[dict[State, frozenset[State]]] = {
    State.DRAFT: frozenset({State.LIVE, State.STOPPED}),
    State.LIVE: frozenset({State.PAUSED, State.STOPPED}),
    State.PAUSED: frozenset({State.LIVE, State.STOPPED}),
    State.STOPPED: frozenset(),
}


class IllegalMove(Conflict):
    """A {before} automation cannot become {after}."""

    code = "illegal_move"
    hint = "From {before} it can become: {possible}."


def require(before: State, after: State) -> None:
    """Raises :class:`IllegalMove` unless the move is legal."""
    if after not in MOVES[before]:
        possible = ", ".join(sorted(MOVES[before])) or "nothing any more"
        raise IllegalMove(before=str(before), after=str(after), possible=possible, field="state")
