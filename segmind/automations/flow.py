"""The words of a run on its way: where it stands, what it asks of the world, what it becomes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from segmind.automations.definition import Definition
from segmind.automations.part import ChannelName, RuleJson
from segmind.automations.steps import Option, Send, SetTrait, Webhook

GOAL = "goal"
FINISHED = "finished"


@dataclass(frozen=True, slots=True)
class InFlight:
    """A run that is due at ``step``. ``arrived_at``: when it came there (the first step: when it
    was triggered); None in runs of older versions of Segmind, whose waits end at ``due_at``."""

    id: int
    customer_id: int
    triggered_at: datetime
    step: str
    due_at: datetime
    arrived_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Ask:
    """An event that happened to a customer, asked since an instant of each run's own."""

    event: str
    where: tuple[Mapping[str, Any], ...] = ()
    #: An event of the trigger's own name counts only when it came later: else the trigger itself
    #: would be the goal.
    strictly_later: bool = False


class World(Protocol):
    """What a walk asks. Answers are as of one instant; whoever is asked about may have none."""

    def happened(self, ask: Ask, since: Mapping[int, Since]) -> set[int]:
        """Of the runs (by id): those since whose instant it happened."""

    def latest(self, events: Collection[str], since: Mapping[int, Since]) -> dict[int, datetime]:
        """By run id: when one of the events last happened to the customer, since then."""

    def matching(self, rule: RuleJson, customer_ids: Collection[int]) -> set[int]:
        """Those of the customers whom the segment rule matches."""

    def zones(self, customer_ids: Collection[int]) -> dict[int, ZoneInfo]:
        """The zone in which each customer most likely is."""

    def reachable(self, channel: ChannelName, purpose: str, ids: Collection[int]) -> set[int]:
        """Those of the customers who have an address there, and have not said no."""

    def preferred(self, customer_ids: Collection[int]) -> dict[int, str]:
        """The channel that a customer's trait ``preferred_channel`` names."""

    def rhythm(self, event: str, least: int, ids: Collection[int]) -> dict[int, Rhythm]:
        """How often each customer does it, for those who did it at least ``least`` times."""


@dataclass(frozen=True, slots=True)
class Since:
    """A customer, and the instant from which on their events are asked."""

    customer_id: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Rhythm:
    """A customer's habit: the median time between two of the events, and the latest of them."""

    gap: timedelta
    last: datetime


@dataclass(frozen=True, slots=True)
class Note:
    """What happened to a run at a step; kept as its history."""

    step: str
    outcome: str  # waited, passed, yes, no, done, timed_out, branch:x, sent, skipped, exited ...
    detail: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to be sent: by which step, on which of its channels, with which content."""

    step: Send
    option: Option


@dataclass(slots=True)
class Move:
    """What becomes of a run: where it stands afterwards, its notes, and what is done for it.

    ``arrivals``: the steps that it came to on this way.
    """

    run: InFlight
    step: str | None
    due_at: datetime | None
    arrived_at: datetime | None
    exit_reason: str | None = None
    notes: list[Note] = field(default_factory=list)
    sends: list[Outgoing] = field(default_factory=list)
    traits: list[SetTrait] = field(default_factory=list)
    calls: list[Webhook] = field(default_factory=list)
    arrivals: list[str] = field(default_factory=list)

    @property
    def exited(self) -> bool:
        return self.exit_reason is not None

    @property
    def customer_id(self) -> int:
        return self.run.customer_id

    def leave(self, step: str, reason: str) -> None:
        """The run ends here."""
        self.step, self.due_at, self.arrived_at, self.exit_reason = None, None, None, reason
        self.notes.append(Note(step, "exited", {"reason": reason}))

    def note(self, step: str, outcome: str, **detail: Any) -> None:
        """Add to the run's history."""
        self.notes.append(Note(step, outcome, detail or None))


@dataclass(frozen=True, slots=True)
class Scene:
    """What every step sees: the definition, the world, the moment, and what chance is drawn by
    (``automation:7``, so that a customer's luck differs between automations)."""

    definition: Definition
    world: World
    now: datetime
    salt: str


def standing(run: InFlight) -> Move:
    """A run before it moves."""
    return Move(run, run.step, run.due_at, run.arrived_at)


def since_trigger(runs: Sequence[InFlight]) -> dict[int, Since]:
    """By run id: the customer, from the trigger on."""
    return {run.id: Since(run.customer_id, run.triggered_at) for run in runs}
