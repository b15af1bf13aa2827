"""One person's way through an automation, step by step: by the very walk that the engine makes."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np
from sqlalchemy import Connection

from segmind.automations import values
from segmind.automations.backtest.ending import first_end
from segmind.automations.backtest.leaving import BLOCKS, SENT, Gate
from segmind.automations.backtest.past import Past, instant, micros
from segmind.automations.backtest.runs import UNREACHABLE, WAITING, Runs, Sends
from segmind.automations.backtest.timeline import NEVER
from segmind.automations.contents import draft_of
from segmind.automations.definition import Definition
from segmind.automations.flow import Ask, InFlight, Move, Note, Outgoing
from segmind.automations.part import RuleJson
from segmind.automations.steps import Condition, WaitFor
from segmind.automations.walk import exits, first_due, walk
from segmind.automations.world import FactsWorld
from segmind.channels.content import EmailContent, PushContent, SmsContent
from segmind.customers import queries
from segmind.customers.facts import Facts
from segmind.errors import NotFound
from segmind.segments.explain import Explained, explain
from segmind.segments.linking import Resolve
from segmind.segments.rule import parse
from segmind.segments.words import Words
from segmind.templates.render import RenderError, render
from segmind.templates.variables import context, shop_of
from segmind.workspace.product_settings import ProductSettings

#: A way with more looks than this would not end: the longest waits are a year, and steps are few.
MOST_LOOKS: Final = 2_000
#: Events later than this after the start are not looked for.
_HORIZON: Final = timedelta(days=3 * 366)


@dataclass(frozen=True, slots=True)
class Happened:
    """What happened at a step, and when. ``why``: of a question the rule with its verdicts."""

    at: datetime
    step: str
    outcome: str
    detail: Mapping[str, Any] | None = None
    why: Explained | None = None


@dataclass(frozen=True, slots=True)
class Letter:
    """A message that would have been sent: queued at ``at``; ``leaves_at`` a provider would have
    got it, None where it would not, for the reason in ``blocked``. ``title`` (subject) and ``text``
    are what it says; ``text`` says what is wrong where it cannot be rendered."""

    step: str
    channel: str
    at: datetime
    leaves_at: datetime | None
    blocked: str
    title: str
    text: str


@dataclass(frozen=True)
class Simulated:
    """One person's way. ``enters`` is None without an entry filter, else its verdicts at the start:
    who does not meet it is followed all the same. ``ended_at`` and ``reason``: when and why it
    ended, None while it waits (for what has not happened yet)."""

    customer_id: int
    started_at: datetime
    enters: Explained | None
    happened: tuple[Happened, ...]
    letters: tuple[Letter, ...]
    ended_at: datetime | None
    reason: str | None
    notes: tuple[str, ...] = field(default=())


def simulate(
    conn: Connection,
    facts: Facts,
    settings: ProductSettings,
    definition: Definition,
    customer_id: int,
    start: datetime,
    *,
    resolve: Resolve,
    words: Words,
    automation_id: int | None = None,
) -> Simulated:
    """Follow a customer who is triggered at ``start``, as if they entered then.

    What the log holds after ``start`` happens to them; beyond its end nothing does. The definition
    holds template versions (``contents.frozen``).

    Raises:
        NotFound: there is no such customer. InvalidRule: a rule cannot be asked any more.
    """
    mine = facts.of_customer(customer_id)
    if not mine.count:
        raise NotFound(what="customer", key=customer_id)
    one = _One(
        conn, facts, mine, settings, definition, customer_id, start, resolve, words, automation_id
    )
    return one.followed()


@dataclass
class _One:
    conn: Connection
    everything: Facts
    mine: Facts
    settings: ProductSettings
    definition: Definition
    customer_id: int
    start: datetime
    resolve: Resolve
    words: Words
    automation_id: int | None
    _happened: list[Happened] = field(default_factory=list)
    _letters: list[Letter] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._past = Past(self.mine, None, self.start + _HORIZON)
        self._who = np.array([self.customer_id])
        end, which = first_end(
            self._past, self.definition, self._who, np.array([micros(self.start)])
        )
        self._end = None if end[0] == NEVER else max(instant(end[0]), self.start)
        self._end_reason = exits(self.definition)[which[0]][1] if self._end else ""

    def followed(self) -> Simulated:
        first = self.definition.steps[0]
        run: InFlight | None = InFlight(
            1,
            self.customer_id,
            self.start,
            first.id,
            first_due(self.definition, self.start, self.start),
            self.start,
        )
        rule = self.definition.entry_filter
        enters = None if rule is None else self._explained(rule, self.start)
        reason: str | None = None
        ended: datetime | None = None
        for _ in range(MOST_LOOKS):
            assert run is not None
            at = max(self._next_look(run), self.start)
            if at - self.start > _HORIZON:
                break
            if self._end is not None and self._end <= at:
                ended, reason = self._end, self._end_reason
                self._happened.append(Happened(ended, run.step, "exited", {"reason": reason}))
                break
            move = self._look(run, at)
            if move.exited:
                ended, reason = at, move.exit_reason
                break
            assert move.step is not None
            assert move.due_at is not None
            run = InFlight(1, self.customer_id, self.start, move.step, move.due_at, move.arrived_at)
        return Simulated(
            self.customer_id,
            self.start,
            enters,
            tuple(self._happened),
            tuple(self._letters),
            ended,
            reason,
        )

    def _next_look(self, run: InFlight) -> datetime:
        """When the engine looks at the run: when it is due, or what it waits for has come."""
        step = self.definition.step(run.step)
        if not isinstance(step, WaitFor):
            return run.due_at
        since = micros(run.arrived_at or self.start)
        timeline = self._past.asked(Ask(step.event, step.where))
        did = int(timeline.next_known(self._who, np.array([since]), later=True)[0])
        return run.due_at if did == NEVER else min(run.due_at, instant(did))

    def _look(self, run: InFlight, at: datetime) -> Move:
        world = FactsWorld(self.mine, at, self._matching)
        salt = f"automation:{self.automation_id or 0}"
        (move,) = walk(self.definition, [run], world, at, salt)
        # What goes well together is told by what others bought.
        everybody = FactsWorld(self.everything, at, self._matching)
        said = values.values_for(self.conn, self.definition, everybody, [move], self.settings)
        letters = [self._letter(outgoing, at, said.get(1, {})) for outgoing in move.sends]
        self._letters += letters
        told = [self._told(note, at) for note in move.notes] + [
            _of_letter(each) for each in letters
        ]
        way = [run.step, *move.arrivals]
        told.sort(key=lambda each: (way.index(each.step), each.outcome == "exited"))
        self._happened += told
        return move

    def _told(self, note: Note, at: datetime) -> Happened:
        step = self.definition.step(note.step)
        why = self._explained(step.rule, at) if isinstance(step, Condition) else None
        return Happened(at, note.step, note.outcome, note.detail, why)

    def _letter(self, outgoing: Outgoing, at: datetime, said: Mapping[str, Any]) -> Letter:
        title, text_ = self._written(outgoing, said)
        leaves, fate = self._fate(outgoing, at)
        return Letter(
            outgoing.step.id,
            outgoing.option.channel,
            at,
            leaves,
            "" if fate == SENT else BLOCKS[fate],
            title,
            text_,
        )

    def _written(self, outgoing: Outgoing, said: Mapping[str, Any]) -> tuple[str, str]:
        people = queries.written_to(self.conn, [self.customer_id])
        person = people[0] if people else None
        content = render(
            draft_of(self.conn, outgoing.option),
            context(customer=person, shop=shop_of(self.settings), values=said),
        )
        match content:
            case RenderError():
                return "", str(content)
            case EmailContent(subject=subject, text=body):
                return subject, body
            case PushContent(title=title, body=body):
                return title, body
            case SmsContent(body=body):
                return "", body

    def _fate(self, outgoing: Outgoing, at: datetime) -> tuple[datetime | None, str]:
        """When it leaves, and what becomes of it, by the same gate as in a back-test."""
        number = [step.id for step in self.definition.steps].index(outgoing.step.id)
        option = outgoing.step.options.index(outgoing.option)
        zero = np.zeros(1, dtype=np.int64)
        runs = Runs(
            customers=self._who,
            triggered=np.array([micros(self.start)]),
            entered=np.array([micros(self.start)]),
            end=np.array([micros(self._end) if self._end else NEVER]),
            end_reason=zero,
            left_at=np.array([NEVER]),
            reason=np.array([WAITING]),
            step=zero,
            by_event=np.zeros(1, dtype=np.bool_),
        )
        assert option != UNREACHABLE
        sends = Sends(zero, np.array([micros(at)]), np.array([number]), np.array([option]))
        gate = Gate(self._past, self.definition, self.settings, self.automation_id)
        fates = gate.fates(runs, sends)
        fate = fates.names[int(fates.code[0])]
        return (instant(fates.at[0]) if fate == SENT else None), fate

    def _explained(self, rule: RuleJson, at: datetime) -> Explained:
        asked = parse(json.dumps(rule))
        return explain(asked, self.everything, self.customer_id, at, self.resolve, self.words)

    def _matching(
        self, rule: RuleJson, _: Facts, ids: Collection[int] | None, as_of: datetime
    ) -> set[int]:
        return {who for who in self._asked(ids) if self._explained(rule, as_of).met}

    def _asked(self, ids: Collection[int] | None) -> Iterator[int]:
        yield from (self.customer_id,) if ids is None else (i for i in ids if i == self.customer_id)


def _of_letter(letter: Letter) -> Happened:
    detail = {"channel": letter.channel}
    if letter.blocked:
        detail["reason"] = letter.blocked
    return Happened(letter.at, letter.step, "skipped" if letter.blocked else "sent", detail)
