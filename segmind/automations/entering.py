"""One automation's pass over what is new for its trigger: runs begin."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import polars as pl
from sqlalchemy import Connection, text

from segmind.automations import counts, dates, passes
from segmind.automations import scan as scanning
from segmind.automations.automation import Automation
from segmind.automations.counts import ENTERED, WHOLE
from segmind.automations.entry import Earlier, Entry, Trigger, choose
from segmind.automations.flow import Since
from segmind.automations.look import Looks
from segmind.automations.scan import News
from segmind.automations.triggers import DateTrigger, ScheduleTrigger
from segmind.automations.walk import exits, first_due
from segmind.automations.wall_clock import occurrences
from segmind.automations.world import FactsWorld
from segmind.customers.facts import Facts
from segmind.db.engine import Store
from segmind.db.literals import literal

COLUMN = "scanned_to"


@dataclass(frozen=True, slots=True)
class Entered:
    """What passes did: runs begun."""

    entered: int = 0

    def __add__(self, other: Entered) -> Entered:
        return Entered(self.entered + other.entered)


_memory = passes.Memory()


def scan(store: Store, automation: Automation, looks: Looks) -> Entered:
    """Start the runs that what is new up to the present of ``looks`` triggers."""
    look = looks.present()
    now, facts = look.now, look.facts
    if not _may_be_due(store, automation, facts, now):
        return Entered()
    with passes.turn(store, automation, COLUMN) as turn:
        if turn is None:
            return Entered()
        conn, standing = turn
        # Another scheduler may have passed since the look: what it began is read in this
        # transaction, and a trigger's entry key starts a run once.
        pass_ = _Pass(conn, automation, look.world(conn), standing)
        judged = _memory.judged(store, automation)
        entered, judged = pass_.enter(_memory.files(store, automation), judged)
        passes.mark(conn, automation, COLUMN, now)
    _memory.keep(store, automation, facts, now, judged)
    return Entered(entered)


def _may_be_due(store: Store, automation: Automation, facts: Facts, now: datetime) -> bool:
    """Whether there is anything to look at: new facts, or for dates and schedules a new time."""
    trigger = automation.definition.trigger
    if not isinstance(trigger, DateTrigger | ScheduleTrigger):
        return not _memory.is_same(store, automation, facts)
    after = max(filter(None, (automation.scanned_to, automation.live_since)), default=now)
    if isinstance(trigger, DateTrigger):
        return dates.may_have_come(trigger, after, now)
    return any(True for _ in occurrences(trigger, after, now, facts.zone))


@dataclass(frozen=True)
class _Pass:
    conn: Connection
    automation: Automation
    world: FactsWorld
    standing: passes.Standing

    def enter(
        self, read: frozenset[int], judged: pl.DataFrame | None
    ) -> tuple[int, pl.DataFrame | None]:
        """Begin what there is to begin; returns how many runs, and which triggers have been decided
        about (``judged``: at the last look)."""
        definition = self.automation.definition
        trigger = definition.trigger
        now, live_since = self.world.now, self.standing.live_since
        seen_to = min(self.standing.seen_to or live_since, now)
        if isinstance(trigger, ScheduleTrigger):
            after = max(seen_to, live_since)
            come = occurrences(trigger, after, now, self.world.facts.zone)
            return sum(self._begin(self._of_occasion(at)) for at in come), None
        since = max(live_since, now - scanning.LOOK_BACK)
        if isinstance(trigger, DateTrigger):
            return self._begin(dates.come(self.world, trigger, since, now)), None
        news = News(since, seen_to - scanning.OVERLAP, read)
        if judged is not None:
            judged = judged.filter(pl.col("received_at") > news.seen_to)
            news = replace(news, judged=judged)
        found, looked_at = scanning.triggers(self.world, trigger, news)
        if judged is not None:
            looked_at = pl.concat([judged, looked_at]).unique(["event_hi", "event_lo"])
        return self._begin(found), looked_at

    def _of_occasion(self, at: datetime) -> list[Trigger]:
        """Everybody whom the entry filter means, at a time of the schedule."""
        rule = self.automation.definition.entry_filter
        assert rule is not None  # the definition sees to it
        name = f"at:{at.isoformat()}"
        matching = self.world.matching_at(rule, at)
        return [Trigger(customer, at, name, occasion=name) for customer in matching]

    def _begin(self, found: Sequence[Trigger]) -> int:
        definition = self.automation.definition
        found = self._not_overtaken(found)
        if not found:
            return 0
        customers = {trigger.customer_id for trigger in found}
        first = min(trigger.at for trigger in found)
        is_cart = definition.key == "cart"
        orders = scanning.orders_of(self.world, customers, first) if is_cart else {}
        entries = choose(definition, found, self._earlier(customers), orders)
        is_asked = definition.trigger.kind == "schedule"
        if definition.entry_filter is not None and entries and not is_asked:
            passing = self.world.matching(
                definition.entry_filter, {entry.customer_id for entry in entries}
            )
            entries = [entry for entry in entries if entry.customer_id in passing]
        return self._insert(entries)

    def _not_overtaken(self, found: Sequence[Trigger]) -> Sequence[Trigger]:
        """Triggers without those after which something came already that ends their runs: who
        ordered before the late news of his cart arrived need not enter to leave at once."""
        ends = exits(self.automation.definition)
        if not found or not ends:
            return found
        since = {n: Since(trigger.customer_id, trigger.at) for n, trigger in enumerate(found)}
        gone = set().union(*(self.world.happened(ask, since) for ask, _ in ends))
        return [trigger for n, trigger in enumerate(found) if n not in gone]

    def _earlier(self, customers: Collection[int]) -> dict[int, list[Earlier]]:
        """The customers' runs, also those begun under an id that was merged into theirs since."""
        rows = self.conn.execute(
            text(
                "SELECT COALESCE(m.into_id, r.customer_id) AS customer_id, r.triggered_at,"
                "  r.entry_key, r.exited_at"
                " FROM automation_run r LEFT JOIN customer_merge m ON m.from_id = r.customer_id"
                " WHERE r.automation_id = :id AND r.customer_id = ANY(CAST(:ids AS bigint[]))"
            ),
            {"id": self.automation.id, "ids": literal(self.world.behind(customers))},
        )
        runs: dict[int, list[Earlier]] = {}
        for row in rows:
            runs.setdefault(row.customer_id, []).append(
                Earlier(row.triggered_at, row.entry_key, row.exited_at)
            )
        return runs

    def _insert(self, entries: Collection[Entry]) -> int:
        if not entries:
            return 0
        definition, now = self.automation.definition, self.world.now
        first = definition.steps[0]
        done = self.conn.execute(
            text(
                "INSERT INTO automation_run (automation_id, version, customer_id, entry_key,"
                "  triggered_at, entered_at, step, due_at, arrived_at)"
                " SELECT :id, :version, customer_id, entry_key, triggered_at, :now, :step, due_at,"
                "  triggered_at"
                " FROM unnest(CAST(:customers AS bigint[]), CAST(:keys AS text[]),"
                "  CAST(:ats AS timestamptz[]), CAST(:dues AS timestamptz[]))"
                "  AS given (customer_id, entry_key, triggered_at, due_at)"
                " ON CONFLICT (automation_id, customer_id, entry_key) DO NOTHING"
            ),
            {
                "id": self.automation.id,
                "version": self.automation.version,
                "now": now,
                "step": first.id,
                "customers": literal([entry.customer_id for entry in entries]),
                "keys": literal([entry.entry_key for entry in entries]),
                "ats": literal([entry.triggered_at for entry in entries]),
                "dues": literal(
                    [first_due(definition, entry.triggered_at, now) for entry in entries]
                ),
            },
        )
        begun = int(done.rowcount)
        counts.add(
            self.conn, self.automation.id, {(WHOLE, ENTERED): begun, (first.id, ENTERED): begun}
        )
        return begun
