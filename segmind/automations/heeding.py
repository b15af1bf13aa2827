"""Events that runs heed: those that end them (goal, exit rules), and those they wait for.

Whoever ordered a moment ago must not be reminded. A pass ends the runs of those who did, and
withdraws their messages that no dispatcher has taken yet; by committing it lets the automation's
messages out for FRESH more seconds. A process that was killed or stands still in between lets
nothing out, so no message leaves after an event that is older than that.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, text

from segmind.automations import counts, history, passes
from segmind.automations import scan as scanning
from segmind.automations.automation import Automation, definition_of
from segmind.automations.counts import Counts
from segmind.automations.definition import Definition
from segmind.automations.flow import Ask, InFlight
from segmind.automations.look import Looks
from segmind.automations.scan import News
from segmind.automations.steps import WaitFor
from segmind.automations.walk import exits, leavers
from segmind.automations.withdrawing import withdraw
from segmind.automations.world import FactsWorld
from segmind.db.engine import Store
from segmind.db.literals import literal
from segmind.events.schema import Source
from segmind.messages import sources

#: A run that ended longer ago has no message left that could be withdrawn.
WITHDRAW_WITHIN = timedelta(days=8)
#: For so long messages may leave after a pass. An event ingested 5 seconds before a provider is
#: called was there when the pass began; a second is left for claiming and calling.
FRESH = timedelta(seconds=4)
#: ... and for so long after its end, so that messages leave also where a pass takes seconds: then
#: what an event stops is as much older as the pass took.
LEAST = timedelta(seconds=1)
COLUMN = "heeded_to"


@dataclass(frozen=True, slots=True)
class Heeded:
    """What passes did: runs ended by an event, messages withdrawn before they left, runs woken."""

    left: int = 0
    withdrawn: int = 0
    woken: int = 0

    def __add__(self, other: Heeded) -> Heeded:
        return Heeded(
            self.left + other.left,
            self.withdrawn + other.withdrawn,
            self.woken + other.woken,
        )


_memory = passes.Memory()


def heed(store: Store, automation: Automation, looks: Looks) -> Heeded:
    """Look at the events that arrived since the last pass, up to the present of ``looks``."""
    with passes.turn(store, automation, COLUMN) as turn:
        if turn is None:
            return Heeded()
        conn, standing = turn
        look = looks.present()
        now, facts = look.now, look.facts
        done = Heeded()
        is_new = not _memory.is_same(store, automation, facts)
        if is_new:
            news = News(
                since=now - WITHDRAW_WITHIN,
                # A clock that was set back must not hide what arrives now.
                seen_to=min(standing.seen_to or standing.live_since, now) - scanning.OVERLAP,
                read=_memory.files(store, automation),
            )
            world = look.world(conn)
            more: Counts = Counter()
            for version, definition in _versions_in_flight(store, conn, automation, now):
                heeded, left = _heed(conn, automation.id, version, definition, world, news)
                done += heeded
                more += left
            counts.add(conn, automation.id, more)  # last: nothing is waited for any more
            passes.mark(conn, automation, COLUMN, now)
        until = max(look.begun + FRESH, _database_clock(conn) + LEAST)
        sources.keep_fresh(conn, Source.AUTOMATION, automation.id, until)
    if is_new:
        _memory.keep(store, automation, facts, now)
    return done


def _database_clock(conn: Connection) -> datetime:
    found: datetime = conn.execute(text("SELECT clock_timestamp()")).scalar_one()
    return found


def _heed(
    conn: Connection,
    automation_id: int,
    version: int,
    definition: Definition,
    world: FactsWorld,
    news: News,
) -> tuple[Heeded, Counts]:
    more: Counts = Counter()
    ends = [ask for ask, _ in exits(definition)]
    left = withdrawn = 0
    if ends and (customers := scanning.customers_who(world, ends, news)):
        ids = world.behind(customers)
        waiting, ended = _runs_of(conn, automation_id, version, ids, news.since)
        events_only = definition.model_copy(
            update={"exit_rules": tuple(r for r in definition.exit_rules if r.rule is None)}
        )
        reasons = leavers(events_only, [*waiting, *ended], world)
        more = history.let_go(conn, waiting, reasons, world.now)
        left = sum(run.id in reasons for run in waiting)
        withdrawn = withdraw(conn, reasons, world.now)
    woken = sum(
        _wake(conn, automation_id, version, step, world, news)
        for step in definition.steps
        if isinstance(step, WaitFor)
    )
    return Heeded(left, withdrawn, woken), more


@dataclass(frozen=True, slots=True)
class _InFlight:
    """The versions that somebody followed at a moment (of this process's own clock)."""

    changed_at: datetime
    found_at: float
    versions: frozenset[int]


#: Old versions empty, they do not fill: a list that is a minute old names some in vain.
_VERSIONS_LAST = 60.0
_in_flight: dict[tuple[str, int], _InFlight] = {}


def _versions_in_flight(
    store: Store, conn: Connection, automation: Automation, now: datetime
) -> list[tuple[int, Definition]]:
    """The present version, the one before it (somebody may just be entering it), and those of
    which a run waits or ended lately."""
    key = (str(store.engine.url), automation.id)
    known = _in_flight.get(key)
    is_old = known is None or time.monotonic() - known.found_at > _VERSIONS_LAST
    if known is None or is_old or known.changed_at != automation.updated_at:
        rows = conn.execute(
            text(
                "SELECT DISTINCT version FROM automation_run WHERE automation_id = :id"
                " AND (state = 'waiting' OR exited_at > :since)"
            ),
            {"id": automation.id, "since": now - WITHDRAW_WITHIN},
        ).scalars()
        known = _InFlight(automation.updated_at, time.monotonic(), frozenset(rows))
        _in_flight[key] = known
    newest = {automation.version, max(1, automation.version - 1)}
    return [
        (version, definition_of(conn, automation.id, version))
        for version in sorted(known.versions | newest)
    ]


def _runs_of(
    conn: Connection, automation_id: int, version: int, ids: list[int], since: datetime
) -> tuple[list[InFlight], list[InFlight]]:
    """The runs under these customers' ids that wait, and those that ended lately: a message of
    theirs may still wait for its hour. Those that are just being moved are waited for: the mover
    may be about to send on older news than these."""
    waiting: list[InFlight] = []
    ended: list[InFlight] = []
    rows = conn.execute(
        text(
            "SELECT r.id, COALESCE(m.into_id, r.customer_id) AS customer_id, r.triggered_at,"
            "  COALESCE(r.step, '') AS step, COALESCE(r.due_at, r.entered_at) AS due_at,"
            "  r.arrived_at, r.state"
            " FROM automation_run r LEFT JOIN customer_merge m ON m.from_id = r.customer_id"
            " WHERE r.automation_id = :id AND r.version = :version"
            "  AND r.customer_id = ANY(CAST(:ids AS bigint[]))"
            "  AND (r.state = 'waiting' OR r.exited_at > :since)"
            " ORDER BY r.id FOR UPDATE OF r"
        ),
        {
            "id": automation_id,
            "version": version,
            "ids": literal(ids),
            "since": since,
        },
    ).mappings()
    for row in rows:
        run = InFlight(
            row["id"],
            row["customer_id"],
            row["triggered_at"],
            row["step"],
            row["due_at"],
            row["arrived_at"],
        )
        (waiting if row["state"] == "waiting" else ended).append(run)
    return waiting, ended


def _wake(
    conn: Connection,
    automation_id: int,
    version: int,
    step: WaitFor,
    world: FactsWorld,
    news: News,
) -> int:
    """Runs that wait at ``step`` for what their customers have just done are due now; the step
    itself looks whether it fits, and lets the others wait on."""
    customers = scanning.customers_who(world, [Ask(step.event)], news)
    if not customers:
        return 0
    woken = conn.execute(
        text(
            "UPDATE automation_run SET due_at = :now WHERE id IN ("
            " SELECT r.id FROM automation_run r WHERE r.automation_id = :id"
            "  AND r.version = :version AND r.step = :step AND r.state = 'waiting'"
            "  AND r.due_at > :now AND r.customer_id = ANY(CAST(:ids AS bigint[]))"
            " ORDER BY r.id FOR UPDATE)"
        ),
        {
            "now": world.now,
            "id": automation_id,
            "version": version,
            "step": step.id,
            "ids": literal(world.behind(customers)),
        },
    )
    return int(woken.rowcount)
