"""What is replayed: a definition over a period of the past."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from segmind.automations.backtest import notes
from segmind.automations.definition import Definition
from segmind.automations.entry import CART_LIFE
from segmind.automations.steps import WaitRhythm
from segmind.automations.world import RHYTHM_WITHIN
from segmind.errors import InvalidInput

#: The longest period: what a shop knows by heart is shorter.
LONGEST: Final = timedelta(days=400)


class InvalidPeriod(InvalidInput):
    """The period cannot be replayed."""

    code = "invalid_period"


@dataclass(frozen=True)
class Question:
    """What is replayed: a definition over a period, as of ``now``.

    ``automation_id``: what splits are drawn by, and whose own messages of that time do not count
    into the caps; None for a definition that was not saved. ``imported_as_it_happened``: see
    :class:`Past`.
    """

    definition: Definition
    since: datetime
    until: datetime
    now: datetime
    automation_id: int | None = None
    imported_as_it_happened: bool = True

    def checked(self) -> Question:
        """The question, if it can be asked; a period that reaches beyond now ends there.

        Raises:
            InvalidPeriod: ``field`` names what is wrong.
        """
        if self.since >= self.until:
            raise InvalidPeriod("The period ends before it begins.", field="until")
        if self.since >= self.now:
            raise InvalidPeriod("The period lies in the future.", field="since")
        if self.until - self.since > LONGEST:
            raise InvalidPeriod("The period is longer than 400 days.", field="since")
        return self


def begin_of(definition: Definition, since: datetime) -> datetime | None:
    """From when on single events matter to a replay from ``since`` on; None: from the first."""
    if notes.asks_the_log(definition):
        return None
    reach = CART_LIFE
    if any(isinstance(step, WaitRhythm) for step in definition.steps):
        reach = RHYTHM_WITHIN
    return since - reach
