"""Events that runs heed: those that end them (goal, exit rules), and those they wait for.

Whoever ordered a moment ago must not be reminded. A pass ends the runs of those who did, and
withdraws their messages that no dispatcher has taken yet; by committing it lets the automation's
messages out for FRESH more seconds. A process that was killed or stands still in between lets
nothing out, so no message leaves after an event that is older than that.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, text

from segmind.automations import counts, history, passes
from segmind.automations import scan as scanning
from segmind.automations.automation import Automation, definition_of
from segmind.automations.counts import Counts
from segmind.automations.definition import Definition
from segmind.automations.flow import Ask, InFlight
from segmind.automations.rules import matching_in
from segmind.automations.scan import News
from segmind.automations.steps import WaitFor
from segmind.automations.walk import exits, leavers
from segmind.automations.world import FactsWorld
from segmind.customers.facts import read_facts
from segmind.db.engine import Store
from segmind.events.schema import Source
from segmind.messages import contacts, sources
from segmind.messages.lifecycle import State as MessageState

#: A run that ended longer ago has no message left that could be withdrawn.
WITHDRAW_WITHIN = timedelta(days=8)
#: For so long messages may leave after a pass. An event ingested 5 seconds before a provider is
#: called was there when the pass began; a second is left for claiming and calling.
FRESH = timedelta(seconds=4)
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


def heed(store: Store, automation: Automation, clock: Callable[[], datetime]) -> Heeded:
    """Look at the events that arrived since the last pass, up to the present of ``clock``."""
    with passes.turn(store, automation, COLUMN) as turn:
        if turn is None:
            return Heeded()
        conn, standing = turn
        until = conn.execute(text("SELECT clock_timestamp()")).scalar_one() + FRESH
        # Read after that instant: what was ingested before it is in these facts, and before now.
        now = clock()
        facts = read_facts(store)
        done = Heeded()
        is_new = not _memory.is_same(store, automation, facts)
        if is_new:
            news = News(
                since=now - WITHDRAW_WITHIN,
                # A clock that was set back must not hide what arrives now.
                seen_to=min(standing.seen_to or standing.live_since, now) - scanning.OVERLAP,
                read=_memory.files(store, automation),
            )
            world = FactsWorld(facts, now, matching_in(conn))
            more: Counts = Counter()
            for version, definition in _versions_in_flight(conn, automation.id, now):
                heeded, left = _heed(conn, automation.id, version, definition, world, news)
                done += heeded
                more += left
            counts.add(conn, automation.id, more)  # last: nothing is waited for any more
            passes.mark(conn, automation, COLUMN, now)
        sources.keep_fresh(conn, Source.AUTOMATION, automation.id, until)
    if is_new:
        _memory.keep(store, automation, facts, now)
    return done


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
        waiting, ended = _runs_of(conn, automation_id, version, customers, news.since)
        events_only = definition.model_copy(
            update={"exit_rules": tuple(r for r in definition.exit_rules if r.rule is None)}
        )
        reasons = leavers(events_only, [*waiting, *ended], world)
        more = history.let_go(conn, waiting, reasons, world.now)
        left = sum(run.id in reasons for run in waiting)
        withdrawn = _withdraw(conn, reasons, world.now)
    woken = sum(
        _wake(conn, automation_id, version, step, world, news)
        for step in definition.steps
        if isinstance(step, WaitFor)
    )
    return Heeded(left, withdrawn, woken), more


def _versions_in_flight(
    conn: Connection, automation_id: int, now: datetime
) -> list[tuple[int, Definition]]:
    versions = conn.execute(
        text(
            "SELECT v.version FROM automation_version v WHERE v.automation_id = :id"
            " AND EXISTS (SELECT FROM automation_run r WHERE r.automation_id = :id"
            "  AND r.version = v.version AND (r.state = 'waiting' OR r.exited_at > :since))"
            " ORDER BY v.version"
        ),
        {"id": automation_id, "since": now - WITHDRAW_WITHIN},
    ).scalars()
    return [(version, definition_of(conn, automation_id, version)) for version in versions.all()]


def _runs_of(
    conn: Connection, automation_id: int, version: int, customers: set[int], since: datetime
) -> tuple[list[InFlight], list[InFlight]]:
    """The customers' runs that wait, and those that ended lately: a message of theirs may still
    wait for its hour. Those that are just being moved are waited for: the mover may be about to
    send on older news than these."""
    waiting: list[InFlight] = []
    ended: list[InFlight] = []
    rows = conn.execute(
        text(
            "SELECT r.id, COALESCE(m.into_id, r.customer_id) AS customer_id, r.triggered_at,"
            "  COALESCE(r.step, '') AS step, COALESCE(r.due_at, r.entered_at) AS due_at,"
            "  r.arrived_at, r.state"
            " FROM automation_run r LEFT JOIN customer_merge m ON m.from_id = r.customer_id"
            " WHERE r.automation_id = :id AND r.version = :version"
            "  AND (r.customer_id = ANY(:customers) OR r.customer_id IN ("
            "   SELECT from_id FROM customer_merge WHERE into_id = ANY(:customers)))"
            "  AND (r.state = 'waiting' OR r.exited_at > :since)"
            " ORDER BY r.id FOR UPDATE OF r"
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
            row["id"],
            row["customer_id"],
            row["triggered_at"],
            row["step"],
            row["due_at"],
            row["arrived_at"],
        )
        (waiting if row["state"] == "waiting" else ended).append(run)
    return waiting, ended


def _withdraw(conn: Connection, reasons: Mapping[int, str], now: datetime) -> int:
    """Messages of these runs that are not at a provider are not sent any more; how many.

    A claimed one is taken from its dispatcher, whose fence it does not pass then. One that is being
    handed over, or in doubt, expires: if it turns out that it did not leave, it never does.
    """
    ids = list(
        conn.execute(
            text(_WITHDRAW),
            {
                "skipped": int(MessageState.SKIPPED),
                "runs": list(reasons),
                "reasons": list(reasons.values()),
                "kind": int(Source.AUTOMATION),
                "unsent": [
                    int(MessageState.READY),
                    int(MessageState.CLAIMED),
                    int(MessageState.RETRY),
                ],
            },
        ).scalars()
    )
    if ids:
        contacts.release(conn, ids)
    conn.execute(
        text(
            "UPDATE message SET expires_at = :now WHERE run_id = ANY(:runs)"
            " AND source_kind = :kind AND state = ANY(:underway) AND expires_at > :now"
        ),
        {
            "now": now,
            "runs": list(reasons),
            "kind": int(Source.AUTOMATION),
            "underway": [int(MessageState.DISPATCHING), int(MessageState.IN_DOUBT)],
        },
    )
    return len(ids)


_WITHDRAW = """
UPDATE message m
SET state = :skipped, skip_reason = g.reason, claim_token = NULL, lease_until = NULL
FROM unnest(CAST(:runs AS bigint[]), CAST(:reasons AS text[])) AS g (run, reason)
WHERE m.run_id = g.run AND m.source_kind = :kind AND m.state = ANY(:unsent)
RETURNING m.id
"""


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
            "  AND r.due_at > :now AND (r.customer_id = ANY(:customers) OR r.customer_id IN ("
            "   SELECT from_id FROM customer_merge WHERE into_id = ANY(:customers)))"
            " ORDER BY r.id FOR UPDATE)"
        ),
        {
            "now": world.now,
            "id": automation_id,
            "version": version,
            "step": step.id,
            "customers": list(customers),
        },
    )
    return int(woken.rowcount)
