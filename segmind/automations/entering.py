"""One automation's pass over what is new in the log: runs begin, runs end."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, text

from segmind.automations import flight
from segmind.automations import scan as scanning
from segmind.automations.automation import Automation, definition_of
from segmind.automations.definition import Definition
from segmind.automations.entry import Earlier, Entry, choose
from segmind.automations.rules import matching_in
from segmind.automations.walk import InFlight, exits, first_due, leavers
from segmind.automations.world import FactsWorld
from segmind.customers.facts import read_facts
from segmind.db.engine import Store
from segmind.db.locks import try_lock
from segmind.events.schema import Source
from segmind.messages import contacts
from segmind.messages.lifecycle import State as MessageState

#: A run that ended longer ago has no message left that could be withdrawn.
WITHDRAW_WITHIN = timedelta(days=8)


@dataclass(frozen=True, slots=True)
class Entered:
    """What a pass did: runs begun, runs ended by an event, messages withdrawn before they left."""

    entered: int = 0
    left: int = 0
    withdrawn: int = 0

    def __add__(self, other: Entered) -> Entered:
        return Entered(
            self.entered + other.entered,
            self.left + other.left,
            self.withdrawn + other.withdrawn,
        )


#: The facts that this process looked at last, by store and automation: the same again say nothing.
_seen: OrderedDict[tuple[str, int], tuple[str, datetime]] = OrderedDict()
_seen_lock = threading.Lock()
_SEEN_KEPT = 1_000


def scan(store: Store, automation: Automation, now: datetime) -> Entered:
    """Look at the events that arrived since the last pass."""
    facts = read_facts(store)
    key = (f"{store.engine.url}", automation.id)
    mark = (facts.version, automation.updated_at)
    with _seen_lock:
        if _seen.get(key) == mark:
            return Entered()
    with store.engine.begin() as conn:
        # One process at a time, so that what one starts is there when another one chooses.
        if not try_lock(conn, f"automation.scan:{automation.id}"):
            return Entered()
        state = _state(conn, automation.id)
        if state is None:
            return Entered()
        live_since, scanned_to = state
        world = FactsWorld(read_facts(store), now, matching_in(conn))
        # A clock that was set back must not hide what arrives now.
        seen_to = min(scanned_to or live_since, now) - scanning.OVERLAP
        since = max(live_since, now - scanning.LOOK_BACK)
        entered = _enter(conn, automation, world, since, seen_to)
        left, withdrawn = _leave(conn, automation.id, world, seen_to)
        conn.execute(
            text("UPDATE automation SET scanned_to = :now WHERE id = :id"),
            {"now": now, "id": automation.id},
        )
    last = world.facts.log.last_ts
    if last is not None and last > now:
        # Something happened after ``now`` was asked: the same facts will say more in a moment.
        return Entered(entered, left, withdrawn)
    with _seen_lock:
        _seen[key] = (world.facts.version, automation.updated_at)
        while len(_seen) > _SEEN_KEPT:
            _seen.popitem(last=False)
    return Entered(entered, left, withdrawn)


def _state(conn: Connection, automation_id: int) -> tuple[datetime, datetime | None] | None:
    """live_since and scanned_to, held until the transaction ends; None when it is not live."""
    row = conn.execute(
        text(
            "SELECT live_since, scanned_to FROM automation WHERE id = :id AND state = 'live'"
            " FOR NO KEY UPDATE"
        ),
        {"id": automation_id},
    ).one_or_none()
    return None if row is None or row.live_since is None else (row.live_since, row.scanned_to)


def _enter(
    conn: Connection, automation: Automation, world: FactsWorld, since: datetime, seen_to: datetime
) -> int:
    definition = automation.definition
    found = scanning.triggers(
        world, definition.trigger.event, definition.trigger.where, since, seen_to
    )
    if not found:
        return 0
    customers = {trigger.customer_id for trigger in found}
    first = min(trigger.at for trigger in found)
    orders = scanning.orders_of(world, customers, first) if definition.key == "cart" else {}
    entries = choose(definition, found, _earlier(conn, automation.id, customers), orders)
    if definition.entry_filter is not None and entries:
        passing = world.matching(definition.entry_filter, {e.customer_id for e in entries})
        entries = [entry for entry in entries if entry.customer_id in passing]
    return _insert(conn, automation, entries, world.now)


def _earlier(
    conn: Connection, automation_id: int, customers: Collection[int]
) -> dict[int, list[Earlier]]:
    """The customers' runs, also those begun under an id that was merged into theirs since."""
    rows = conn.execute(
        text(
            "SELECT COALESCE(m.into_id, r.customer_id) AS customer_id, r.triggered_at,"
            "  r.entry_key, r.state = 'waiting' AS waiting"
            " FROM automation_run r LEFT JOIN customer_merge m ON m.from_id = r.customer_id"
            " WHERE r.automation_id = :id AND (r.customer_id = ANY(:customers)"
            "  OR r.customer_id IN (SELECT from_id FROM customer_merge"
            "   WHERE into_id = ANY(:customers)))"
        ),
        {"id": automation_id, "customers": list(customers)},
    )
    runs: dict[int, list[Earlier]] = {}
    for row in rows:
        runs.setdefault(row.customer_id, []).append(
            Earlier(row.triggered_at, row.entry_key, row.waiting)
        )
    return runs


def _insert(
    conn: Connection, automation: Automation, entries: Collection[Entry], now: datetime
) -> int:
    if not entries:
        return 0
    definition = automation.definition
    done = conn.execute(
        text(
            "INSERT INTO automation_run (automation_id, version, customer_id, entry_key,"
            "  triggered_at, entered_at, step, due_at)"
            " SELECT :id, :version, customer_id, entry_key, triggered_at, :now, :step, due_at"
            " FROM unnest(CAST(:customers AS bigint[]), CAST(:keys AS text[]),"
            "  CAST(:ats AS timestamptz[]), CAST(:dues AS timestamptz[]))"
            "  AS given (customer_id, entry_key, triggered_at, due_at)"
            " ON CONFLICT (automation_id, customer_id, entry_key) DO NOTHING"
        ),
        {
            "id": automation.id,
            "version": automation.version,
            "now": now,
            "step": definition.steps[0].id,
            "customers": [entry.customer_id for entry in entries],
            "keys": [entry.entry_key for entry in entries],
            "ats": [entry.triggered_at for entry in entries],
            "dues": [first_due(definition, entry.triggered_at, now) for entry in entries],
        },
    )
    return int(done.rowcount)


def _leave(
    conn: Connection, automation_id: int, world: FactsWorld, seen_to: datetime
) -> tuple[int, int]:
    """Runs that an event has ended since, and messages withdrawn: (left, withdrawn)."""
    left = withdrawn = 0
    for version, definition in _versions_in_flight(conn, automation_id, world.now):
        asks = [ask for ask, _ in exits(definition)]
        since = world.now - WITHDRAW_WITHIN
        customers = scanning.customers_who(world, asks, seen_to, since)
        if not customers:
            continue
        waiting, ended = _runs_of(conn, automation_id, version, customers, since)
        events_only = definition.model_copy(
            update={"exit_rules": tuple(r for r in definition.exit_rules if r.rule is None)}
        )
        reasons = leavers(events_only, [*waiting, *ended], world)
        leaving = [run for run in waiting if run.id in reasons]
        flight.let_go(conn, leaving, reasons, world.now)
        left += len(leaving)
        withdrawn += _withdraw(conn, reasons)
    return left, withdrawn


def _versions_in_flight(
    conn: Connection, automation_id: int, now: datetime
) -> list[tuple[int, Definition]]:
    versions = conn.execute(
        text(
            "SELECT DISTINCT version FROM automation_run WHERE automation_id = :id"
            " AND (state = 'waiting' OR exited_at > :since)"
        ),
        {"id": automation_id, "since": now - WITHDRAW_WITHIN},
    ).scalars()
    return [(version, definition_of(conn, automation_id, version)) for version in versions.all()]


def _runs_of(
    conn: Connection, automation_id: int, version: int, customers: set[int], since: datetime
) -> tuple[list[InFlight], list[InFlight]]:
    """The customers' runs that wait (locked; those that are just being moved are left to the
    mover), and those that ended lately: a message of theirs may still wait for its hour."""
    waiting: list[InFlight] = []
    ended: list[InFlight] = []
    rows = conn.execute(
        text(
            "SELECT r.id, COALESCE(m.into_id, r.customer_id) AS customer_id, r.triggered_at,"
            "  COALESCE(r.step, '') AS step, COALESCE(r.due_at, r.entered_at) AS due_at, r.state"
            " FROM automation_run r LEFT JOIN customer_merge m ON m.from_id = r.customer_id"
            " WHERE r.automation_id = :id AND r.version = :version"
            "  AND COALESCE(m.into_id, r.customer_id) = ANY(:customers)"
            "  AND (r.state = 'waiting' OR r.exited_at > :since)"
            " FOR UPDATE OF r SKIP LOCKED"
        ),
        {
            "id": automation_id,
            "version": version,
            "customers": list(customers),
            "since": since,
        },
    ).mappings()
    for row in rows:
        run = InFlight(
            row["id"], row["customer_id"], row["triggered_at"], row["step"], row["due_at"]
        )
        (waiting if row["state"] == "waiting" else ended).append(run)
    return waiting, ended


def _withdraw(conn: Connection, reasons: dict[int, str]) -> int:
    """Messages of these runs that no dispatcher has taken yet are not sent any more."""
    ids = list(
        conn.execute(
            text(
                "UPDATE message m SET state = :skipped, skip_reason = g.reason"
                " FROM unnest(CAST(:runs AS bigint[]), CAST(:reasons AS text[])) AS g (run, reason)"
                " WHERE m.run_id = g.run AND m.source_kind = :kind AND m.state = ANY(:unsent)"
                " RETURNING m.id"
            ),
            {
                "skipped": int(MessageState.SKIPPED),
                "runs": list(reasons),
                "reasons": list(reasons.values()),
                "kind": int(Source.AUTOMATION),
                "unsent": [int(MessageState.READY), int(MessageState.RETRY)],
            },
        ).scalars()
    )
    if ids:
        contacts.release(conn, ids)
    return len(ids)
