"""The outbox as a state machine: whatever happens in whatever order, the carrier's log judges.

``HYPOTHESIS_PROFILE=search`` looks much further.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from hypothesis.stateful import run_state_machine_as_test as run_machine
from sending_bench import NOON, Bench, Scripted, registry_of
from sqlalchemy import Connection, text

from segmind.channels.delivery import Delivery, Word
from segmind.channels.outcome import Accepted, InDoubt, Outcome, Rejected, Retry
from segmind.channels.provider import Finding, Found, NotFound, Parcel
from segmind.consent import suppressions
from segmind.consent.reasons import SuppressionReason
from segmind.db.engine import Store
from segmind.events.schema import Channel
from segmind.messages import (
    acknowledge,
    claim,
    handover,
    inbox,
    reaper,
    receipts,
    reconcile,
    sources,
)
from segmind.messages.allowance import Allowance
from segmind.messages.dispatch import Dispatcher
from segmind.messages.doubt_policy import DoubtPolicy
from segmind.messages.handover import Marked
from segmind.messages.judging import Claimed
from segmind.messages.lifecycle import FINAL, State
from segmind.messages.rendering import Rendered
from segmind.messages.retry import RetryPolicy
from segmind.messages.sources import Ready, SourceKey
from segmind.messages.under_way import IS_ACCEPTED, STATE
from segmind.workspace.product_settings import ProductSettings

OPEN = ProductSettings(quiet_hours={}, place_hours={}, caps={})
AT_ONCE = {channel: DoubtPolicy(0.0, most_rounds=50) for channel in Channel}
LONG = os.environ.get("HYPOTHESIS_PROFILE") == "search"
BUDGET = hypothesis_settings(
    max_examples=300 if LONG else 5, stateful_step_count=40 if LONG else 14
)


class Carrier(Scripted):
    """A carrier with a log. ``mood`` decides what comes of a parcel; it always tells the truth when
    it is asked afterwards."""

    def __init__(self) -> None:
        super().__init__("email", answer=self._answer, found=self._found)
        self.batch_size = 4
        self.mood = "well"
        self.log: list[UUID] = []

    def _answer(self, parcel: Parcel) -> Outcome:
        if self.mood in {"well", "taken, not told"}:
            self.log.append(parcel.message_public_id)
        match self.mood:
            case "well":
                return Accepted(f"P{parcel.message_public_id.hex}", 202)
            case "too many":
                return Retry("429", "Slowly.", 1.0, 429)
            case "bad address":
                return Rejected("400", "No such mailbox.", suppress=True, http_status=400)
            case _:
                return InDoubt("It answered 500.", 500)

    def _found(self, parcel: Parcel) -> Finding:
        if parcel.message_public_id in self.log:
            return Found(f"P{parcel.message_public_id.hex}")
        return NotFound()


MOODS = ("well", "too many", "taken, not told", "not taken, not told", "bad address")


class Outbox(RuleBasedStateMachine):
    """What dispatchers, reapers, vendors, customers and operators do, one after the other."""

    store: Store

    def __init__(self) -> None:
        super().__init__()
        self.bench = Bench(self.store)
        for table in ("message", "attempt", "micro_batch", "recipient_portion", "webhook_inbox",
                      "suppression", "outbox_source", "customer", "contact_book", "event_seen",
                      "event_recent"):  # fmt: skip
            self.bench.run(f"TRUNCATE {table} CASCADE")
        self.version = self.bench.version()
        self.carrier = Carrier()
        self.now = NOON
        self.draw = random.Random(1)
        self.campaigns = 0
        self.enqueued = 0
        self.before: dict[int, State] = {}
        self.resent: set[UUID] = set()
        self.marked_sent: set[UUID] = set()
        self.forbidden: dict[UUID, int] = {}
        self.refusing: set[str] = set()
        self.zombies: list[tuple[UUID | None, Marked, list[Outcome]]] = []

    # --- what happens ----------------------------------------------------------------------------

    @rule(count=st.integers(1, 9))
    def a_campaign_is_launched(self, count: int) -> None:
        self.campaigns += 1
        people = self.bench.customers(count)
        self.enqueued += self.bench.broadcast(
            people, self.version, source_id=self.campaigns, now=self.now,
            lifetime=timedelta(days=30),
        )  # fmt: skip

    @rule(mood=st.sampled_from(MOODS))
    def a_round_is_dispatched(self, mood: str) -> None:
        self.carrier.mood = mood
        self.dispatcher().run_once()

    @precondition(lambda self: self.campaigns)
    @rule(data=st.data(), how=st.sampled_from(["judged", "marked", "called", "called in vain"]))
    def a_dispatcher_dies(self, data: st.DataObject, how: str) -> None:
        source = SourceKey(1, data.draw(st.integers(1, self.campaigns)))
        broadcaster = self.dispatcher()._broadcaster
        provider = broadcaster._sender.provider(Channel.EMAIL)
        ready = Ready(source, Channel.EMAIL, None, in_portions=True)
        with self.store.engine.connect() as conn:
            turn = broadcaster._turn(conn, OPEN, ready, 3)
            if turn is None:
                return
            marked, _ = broadcaster._made(
                conn, OPEN, ready, provider, turn, Allowance(self.store.engine, ()), self.now
            )
            if how == "judged":
                return
            conn.commit()
        if how != "marked" and marked is not None:
            self.call(None, marked, how)

    @rule(how=st.sampled_from(["claimed", "marked", "called", "called in vain"]))
    def a_dispatcher_dies_with_retries(self, how: str) -> None:
        engine = self.store.engine
        with engine.begin() as conn:
            got = claim.waiting(conn, self.bench.key, OPEN, self.now, limit=3, lease=60.0)
        if how == "claimed" or not got.rows:
            return
        with engine.begin() as conn:
            batch = self.rendered(conn, got.rows)
            marked = handover.mark(conn, got.token, self.carrier.name, batch, 60.0)
        if how != "marked" and marked.going:
            self.call(got.token, marked, how)

    def rendered(self, conn: Connection, rows: Sequence[Claimed]) -> list[Rendered]:
        sender = self.dispatcher()._sender
        made = sender.renderer.render(conn, rows, OPEN, "http://127.0.0.1")
        sender.book.keep(conn)
        return [item for item in made if isinstance(item, Rendered)]

    def call(self, token: UUID | None, marked: Marked, how: str) -> None:
        self.carrier.mood = "well" if how == "called" else "not taken, not told"
        outcomes = self.carrier.send([item.parcel for item in marked.going])
        self.zombies.append((token, marked, outcomes))

    @precondition(lambda self: self.zombies)
    @rule()
    def the_dead_wakes_up_and_acknowledges(self) -> None:
        token, marked, outcomes = self.zombies.pop()
        with self.store.engine.begin() as conn:
            acknowledge.acknowledge(
                conn, self.bench.key, token, marked, outcomes, self.now, self.now, self.draw
            )

    @rule()
    def leases_run_out(self) -> None:
        self.bench.run(
            "UPDATE message SET lease_until = now() - interval '1 day',"
            " due_at = CASE WHEN state = 5 THEN now() ELSE due_at END WHERE state IN (1, 2, 5)"
        )
        self.bench.run("UPDATE micro_batch SET lease_until = now() - interval '1 day'")
        with self.store.engine.begin() as conn:
            reaper.run(conn, self.now)

    @rule()
    def doubts_are_settled(self) -> None:
        reconcile.run(self.store, registry_of(self.carrier), self.now, policies=AT_ONCE)

    @rule()
    def time_passes(self) -> None:
        self.now += timedelta(minutes=20)

    @precondition(lambda self: self.carrier.log)
    @rule(data=st.data(), word=st.sampled_from([Word.SENT, Word.DELIVERED, Word.BOUNCED_SOFT]))
    def a_receipt_comes_twice(self, data: st.DataObject, word: Word) -> None:
        which = data.draw(st.sampled_from(sorted(self.carrier.log)))
        said = Delivery(word, "scripted", self.now, f"{which}:{word}", message_public_id=which)
        for _ in range(2):
            with self.store.engine.begin() as conn:
                inbox.store(conn, [said], self.now)
            receipts.reduce_inbox(self.store, self.now)

    @precondition(lambda self: self.enqueued)
    @rule(data=st.data())
    def somebody_says_no(self, data: st.DataObject) -> None:
        rows = self.bench.rows("SELECT address, public_id FROM message ORDER BY id")
        everybody = self.bench.rows("SELECT email FROM customer ORDER BY id")
        address = data.draw(st.sampled_from([str(row[0]) for row in everybody]))
        with self.store.engine.begin() as conn:
            reason = SuppressionReason.UNSUBSCRIBED
            suppressions.add(conn, self.bench.key, Channel.EMAIL, address, reason, "test", self.now)
        self.refusing.add(address)
        for given, public_id in rows:
            if given == address:
                times = self.carrier.log.count(public_id)  # type: ignore[arg-type]
                self.forbidden.setdefault(public_id, times)  # type: ignore[arg-type]

    @precondition(lambda self: self.campaigns)
    @rule(data=st.data(), state=st.sampled_from(["paused", "open"]))
    def a_campaign_is_paused_or_resumed(self, data: st.DataObject, state: str) -> None:
        which = data.draw(st.integers(1, self.campaigns))
        with self.store.engine.begin() as conn:
            sources.set_state(conn, 1, which, state, "", self.now)

    @rule(resend=st.booleans())
    def a_person_decides_a_doubt(self, resend: bool) -> None:
        rows = self.bench.rows("SELECT id, public_id FROM message WHERE state = 5 LIMIT 1")
        for message_id, public_id in rows:
            with self.store.engine.begin() as conn:
                decide = reconcile.resend if resend else reconcile.mark_sent
                decide(conn, [message_id], self.now)  # type: ignore[list-item]
            (self.resent if resend else self.marked_sent).add(public_id)  # type: ignore[arg-type]

    # --- what always holds -----------------------------------------------------------------------

    @invariant()
    def states_add_up_to_the_audience(self) -> None:
        coming = self.bench.value("SELECT COALESCE(sum(size - taken), 0) FROM recipient_portion")
        assert len(self.states()) + int(str(coming)) == self.enqueued

    @invariant()
    def nobody_is_sent_twice_but_by_a_persons_decision(self) -> None:
        times = Counter(self.carrier.log)
        twice = {message for message, n in times.items() if n > 1}
        assert twice <= self.resent, (twice, self.resent)

    @invariant()
    def who_said_no_gets_nothing_from_then_on(self) -> None:
        for message, n in self.forbidden.items():
            assert self.carrier.log.count(message) <= n
        made_later = self.bench.rows(
            "SELECT public_id FROM message WHERE address = ANY(:who)", who=sorted(self.refusing)
        )
        for (message,) in made_later:
            assert message in self.forbidden or message not in self.carrier.log

    @invariant()
    def what_has_ended_stays_ended(self) -> None:
        now = self.states()
        for message, before in self.before.items():
            if before in FINAL:
                assert now[message] in {before, State.ACCEPTED}, (before, now[message])
        self.before = now

    @invariant()
    def every_skip_has_its_reason(self) -> None:
        assert not self.bench.value(
            "SELECT count(*) FROM message WHERE state = 7 AND skip_reason IS NULL"
        )

    @invariant()
    def nothing_is_believed_sent_that_is_not(self) -> None:
        believed = {row[0] for row in self.bench.rows(
            f"SELECT public_id FROM message m WHERE {IS_ACCEPTED}"
        )}  # fmt: skip
        assert believed <= set(self.carrier.log) | self.marked_sent

    def teardown(self) -> None:
        """Once all is well and everything may go, what the carrier has is what we know it has."""
        if not self.enqueued:
            return
        self.zombies.clear()
        self.carrier.mood = "well"
        self.bench.run("UPDATE outbox_source SET state = 'open'")
        for _ in range(6):
            self.leases_run_out()
            self.doubts_are_settled()
            self.now += timedelta(hours=1)
            self.dispatcher().run_until_idle()
        assert set(self.states().values()) <= FINAL, Counter(self.states().values())
        accepted = {row[0] for row in self.bench.rows(
            f"SELECT public_id FROM message m WHERE {IS_ACCEPTED}"
        )}  # fmt: skip
        assert not self.bench.value("SELECT count(*) FROM recipient_portion")
        # What a person had sent again may be refused the second time.
        assert accepted - self.marked_sent <= set(self.carrier.log) <= accepted | self.resent
        self.nobody_is_sent_twice_but_by_a_persons_decision()

    # --- helpers ---------------------------------------------------------------------------------

    def dispatcher(self) -> Dispatcher:
        return Dispatcher(
            self.store, registry_of(self.carrier), OPEN, now=lambda: self.now, seed=1,
            channels=[Channel.EMAIL], retry_policy=RetryPolicy(most_attempts=50),
        )  # fmt: skip

    def states(self) -> dict[int, State]:
        with self.store.engine.connect() as conn:
            rows = conn.execute(text(f"SELECT id, {STATE} FROM message m"))
            return {message_id: State(state) for message_id, state in rows}


def test_whatever_happens_to_the_outbox_the_carriers_log_agrees(store: Store) -> None:
    machine = type("OutboxHere", (Outbox,), {"store": store})
    run_machine(machine, settings=BUDGET)
