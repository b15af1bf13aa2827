"""The engine: starts runs from the log, lets those leave who bought, and moves those that are due.

What is promised: a trigger starts its run once, across restarts, sealing and late events, whatever
the number of schedulers; a step is done once; a message of a step exists once (unique by run and
step). Everything about a run that changes together is committed together, so a process that is
killed leaves a run where it was or where it got to, never in between.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import InterfaceError, OperationalError

from segmind.automations import automation as automations
from segmind.automations import counts, entering, flight, heeding, history, stopping, values
from segmind.automations.automation import Automation
from segmind.automations.definition import Definition
from segmind.automations.entering import Entered
from segmind.automations.flight import Claimed, Doing
from segmind.automations.flow import InFlight
from segmind.automations.heeding import Heeded
from segmind.automations.lifecycle import State
from segmind.automations.look import Looks
from segmind.automations.rules import matching_in
from segmind.automations.walk import walk
from segmind.automations.world import FactsWorld
from segmind.consent.addresses import address_key
from segmind.customers.facts import read_facts
from segmind.db.engine import Store
from segmind.errors import SegmindError
from segmind.segments.fault import InvalidRule
from segmind.workspace import product_settings
from segmind.workspace.product_settings import ProductSettings

log = logging.getLogger(__name__)
Done = TypeVar("Done")

#: Runs that are moved in one transaction: what is asked of the log is asked once for all of them,
#: and a pause still takes effect within a second or two.
BATCH = 5_000
#: Batches that are moved at a time where more than one is due. Each claims runs of its own, as two
#: schedulers do: 2 make use of a second core, for the database thinks about as long as Python.
WORKERS = 2


@dataclass(frozen=True, slots=True)
class Advanced:
    """What one pass did."""

    moved: int = 0
    sent: int = 0
    failed: int = 0

    def __add__(self, other: Advanced) -> Advanced:
        return Advanced(
            self.moved + other.moved, self.sent + other.sent, self.failed + other.failed
        )


def salt(automation_id: int) -> str:
    """What splits of an automation are drawn by."""
    return f"automation:{automation_id}"


#: An instant, or a clock: what takes long looks at it again and again.
Present = datetime | Callable[[], datetime]


def enter(store: Store, now: Present) -> Entered:
    """Start the runs that are triggered. An automation that fails stops no other."""
    return sum((done for done in _each_live(store, entering.scan, now)), Entered())


def heed(store: Store, now: Present) -> Heeded:
    """Let those leave whose goal (or exit event) has come, withdrawing what was not sent to them
    yet, and wake those who waited for what has happened; see :mod:`segmind.automations.heeding`."""
    return sum((done for done in _each_live(store, heeding.heed, now)), Heeded())


def _each_live(
    store: Store,
    pass_: Callable[[Store, Automation, Looks], Done],
    now: Present,
) -> list[Done]:
    looks = Looks(store, _clock(now))
    with store.engine.connect() as conn:
        live = automations.list_automations(conn, state=State.LIVE)
    done = []
    for automation in live:
        try:
            done.append(pass_(store, automation, looks))
        except (OperationalError, InterfaceError):
            raise
        except Exception as error:
            log.error("Automation %d could not be scanned: %s.", automation.id, _said(error))
    return done


def advance(
    store: Store, now: Present, *, stopping_now: Callable[[], bool] = lambda: False
) -> Advanced:
    """Move every run that is due; returns when none is left (or ``stopping_now`` says so).

    Automations take turns, a batch each. A run that cannot go on fails by itself, with its reason
    in its history. Whoever is left in a stopped automation leaves.
    """
    total = Advanced()
    clock = _clock(now)
    with store.engine.connect() as conn:
        due = flight.live_with_due(conn, clock())
        stopped = stopping.unfinished(conn)
    done, full = _round(store, due, clock)
    total += done
    if full and not stopping_now():
        # While one waits for the database, another one can think.
        with ThreadPoolExecutor(WORKERS, thread_name_prefix="advance") as workers:
            going = [
                workers.submit(_until_empty, store, full, clock, stopping_now)
                for _ in range(WORKERS)
            ]
            total = sum((each.result() for each in going), total)
    for automation_id in stopped:
        while not stopping_now() and _let_leave(store, automation_id, clock()):
            continue
    return total


def _round(
    store: Store, due: Sequence[int], clock: Callable[[], datetime]
) -> tuple[Advanced, list[int]]:
    """A batch of each; and those of which there was a full one, so that there may be more."""
    total, full = Advanced(), []
    for automation_id in due:
        done = _batch(store, automation_id, clock())
        total += done
        if done.moved + done.failed >= BATCH:
            full.append(automation_id)
    return total, full


def _until_empty(
    store: Store,
    due: Sequence[int],
    clock: Callable[[], datetime],
    stopping_now: Callable[[], bool],
) -> Advanced:
    total = Advanced()
    while due and not stopping_now():
        done, due = _round(store, due, clock)
        total += done
    return total


def _clock(now: Present) -> Callable[[], datetime]:
    return now if callable(now) else lambda: now


def _let_leave(store: Store, automation_id: int, now: datetime) -> int:
    with store.engine.begin() as conn:
        return stopping.let_leave(conn, automation_id, now)


def _batch(store: Store, automation_id: int, now: datetime) -> Advanced:
    total = Advanced()
    with store.engine.begin() as conn:
        claims = flight.claim(conn, automation_id, now, BATCH)
        if not claims:
            return total
        settings = product_settings.load(conn)
        # Read after the claim: an order that came before a run was due is in these facts.
        world = FactsWorld(read_facts(store), now, matching_in(conn))
        for claimed in claims:
            gone = {run.id: flight.GONE for run in claimed.gone}
            left = history.let_go(conn, claimed.gone, gone, now)
            counts.add(conn, automation_id, left)
            definition = automations.definition_of(conn, automation_id, claimed.version)
            turn = _Turn(store, conn, settings, world, definition, claimed, now)
            new, broken = turn.do(claimed.runs)
            moved = len(claimed.runs) + len(claimed.gone) - broken
            total += Advanced(moved, new, broken)
    return total


@dataclass(frozen=True)
class _Turn:
    """Due runs of one version, moved in one transaction."""

    store: Store
    conn: Connection
    settings: ProductSettings
    world: FactsWorld
    definition: Definition
    claimed: Claimed
    now: datetime

    def do(self, runs: Sequence[InFlight]) -> tuple[int, int]:
        """Move them together; if that fails, in halves, down to the one that is broken.

        Returns how many messages are new, and how many runs failed.
        """
        if not runs:
            return 0, 0
        try:
            with self.conn.begin_nested():
                return self._together(runs), 0
        except (OperationalError, InterfaceError):
            raise
        except InvalidRule as error:
            # A rule that cannot be asked any more (its segment is gone) fails for everybody.
            return self._fail(runs, error)
        except Exception as error:
            if len(runs) == 1:
                return self._fail(runs, error)
        half = len(runs) // 2
        first, second = self.do(runs[:half]), self.do(runs[half:])
        return first[0] + second[0], first[1] + second[1]

    def _fail(self, runs: Sequence[InFlight], error: Exception) -> tuple[int, int]:
        log.error("Run %d (of %d) failed: %s.", runs[0].id, len(runs), _said(error))
        more = history.fail(self.conn, runs, _said(error), self.now)
        counts.add(self.conn, self.claimed.automation_id, more)
        return 0, len(runs)

    def _together(self, runs: Sequence[InFlight]) -> int:
        automation_id = self.claimed.automation_id
        moves = walk(self.definition, runs, self.world, self.now, salt(automation_id))
        sending = [move for move in moves if move.sends]
        return flight.apply(
            self.conn,
            moves,
            Doing(
                key=address_key(self.store.settings.secret_key),
                automation_id=automation_id,
                now=self.now,
                vars=values.values_for(
                    self.conn, self.definition, self.world, sending, self.settings
                ),
            ),
        )


def _said(error: Exception) -> str:
    """What may be shown of an error: our own sentences; of others the class, for their texts may
    quote a row."""
    return str(error) if isinstance(error, SegmindError) else type(error).__name__
