"""The engine: starts runs from the log, lets those leave who bought, and moves those that are due.

What is promised: a trigger starts its run once, across restarts, sealing and late events, whatever
the number of schedulers; a step is done once; a message of a step exists once (unique by run and
step). Everything about a run that changes together is committed together, so a process that is
killed leaves a run where it was or where it got to, never in between.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection
from sqlalchemy.exc import InterfaceError, OperationalError

from segmind.automations import automation as automations
from segmind.automations import cart, entering, flight
from segmind.automations.definition import Definition
from segmind.automations.entering import Entered
from segmind.automations.flight import Claimed, Sending
from segmind.automations.lifecycle import State
from segmind.automations.rules import matching_in
from segmind.automations.walk import InFlight, walk
from segmind.automations.world import FactsWorld
from segmind.consent.addresses import address_key
from segmind.customers.facts import read_facts
from segmind.db.engine import Store
from segmind.errors import SegmindError
from segmind.workspace import product_settings
from segmind.workspace.product_settings import ProductSettings

log = logging.getLogger(__name__)

#: Runs that are moved in one transaction.
BATCH = 2_000


@dataclass(frozen=True, slots=True)
class Advanced:
    """What one pass did."""

    moved: int
    sent: int
    failed: int


def enter(store: Store, now: datetime) -> Entered:
    """Start the runs that new events trigger, and let those leave whose goal (or exit event) has
    come, withdrawing what was not sent to them yet. An automation that fails stops no other."""
    with store.engine.connect() as conn:
        live = automations.list_automations(conn, state=State.LIVE)
    total = Entered()
    for automation in live:
        try:
            total += entering.scan(store, automation, now)
        except (OperationalError, InterfaceError):
            raise
        except Exception as error:
            log.error("Automation %d could not be scanned: %s.", automation.id, _said(error))
    return total


def advance(
    store: Store, now: datetime, *, stopping: Callable[[], bool] = lambda: False
) -> Advanced:
    """Move every run that is due; returns when none is left (or ``stopping`` says so).

    A run that cannot go on fails by itself, with its reason in its history.
    """
    moved = sent = failed = 0
    while not stopping():
        done = _batch(store, now)
        moved += done.moved
        sent += done.sent
        failed += done.failed
        if done.moved + done.failed < BATCH:
            break
    return Advanced(moved, sent, failed)


def _batch(store: Store, now: datetime) -> Advanced:
    moved = sent = failed = 0
    with store.engine.begin() as conn:
        claims = flight.claim(conn, now, BATCH)
        if not claims:
            return Advanced(0, 0, 0)
        settings = product_settings.load(conn)
        # Read after the claim: an order that came before a run was due is in these facts.
        world = FactsWorld(read_facts(store), now, matching_in(conn))
        for claimed in claims:
            flight.let_go(conn, claimed.gone, {run.id: flight.GONE for run in claimed.gone}, now)
            definition = automations.definition_of(conn, claimed.automation_id, claimed.version)
            step = _Step(store, conn, settings, world, definition, claimed, now)
            new, broken = step.do(claimed.runs)
            moved += len(claimed.runs) + len(claimed.gone) - broken
            sent += new
            failed += broken
    return Advanced(moved, sent, failed)


@dataclass(frozen=True)
class _Step:
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
        except Exception as error:
            if len(runs) == 1:
                log.error("Run %d failed: %s.", runs[0].id, _said(error))
                flight.fail(self.conn, runs[0], _said(error), self.now)
                return 0, 1
        half = len(runs) // 2
        first, second = self.do(runs[:half]), self.do(runs[half:])
        return first[0] + second[0], first[1] + second[1]

    def _together(self, runs: Sequence[InFlight]) -> int:
        moves = walk(self.definition, runs, self.world, self.now)
        sending = [move for move in moves if move.sends]
        return flight.apply(
            self.conn,
            moves,
            Sending(
                key=address_key(self.store.settings.secret_key),
                automation_id=self.claimed.automation_id,
                now=self.now,
                vars=cart.values_for(self.definition, self.world, sending, self.settings),
            ),
        )


def _said(error: Exception) -> str:
    """What may be shown of an error: our own sentences; of others the class, for their texts may
    quote a row."""
    return str(error) if isinstance(error, SegmindError) else type(error).__name__
