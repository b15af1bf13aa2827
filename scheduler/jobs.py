"""The whole background life of Segmind on one page: what, how often, and by what.

Every job may run in any number of processes and be repeated at will: what is due lies in
PostgreSQL, is claimed there, and happens once.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from scheduler.context import Context
from scheduler.ticker import Job
from segmind import clock
from segmind.analytics import message_costs, predicting
from segmind.automations import engine
from segmind.callbacks import deliver
from segmind.callbacks.address import rules_of
from segmind.campaigns import breaker, deciding
from segmind.campaigns import tend as campaigns
from segmind.consent.addresses import address_key
from segmind.customers import columns, erasure
from segmind.db import heartbeat
from segmind.db.engine import Store
from segmind.events import maintenance
from segmind.messages import (
    reaper,
    receipts,
    reconcile,
    rescore,
    retention,
    sandbox_post,
    sources,
    told,
)
from segmind.messages.erasure import forgetting
from segmind.segments import history, membership, sizes
from segmind.workspace import product_settings, signing_secret

#: Receipts reduced in one go.
RECEIPTS = 2_000
#: Days of history computed in one go: a new segment has its past within half an hour.
HISTORY_DAYS = 2
#: Share of the time that automations look at what is new, each of heeding and entering: messages
#: are let out for seconds after a look, so that a look a second is often enough.
LOOKING = 0.15
#: How far back opens and clicks are judged again: what shows a scanner comes within seconds.
JUDGED_AGAIN = timedelta(minutes=30)


def dispatch(store: Store, context: Context) -> None:
    """Rounds until there is nothing to send; a new message is found within a quarter second.

    Whether there is anything is one question: the lanes ask fifty a second between them.
    """
    with store.engine.connect() as conn:
        if not sources.has_any(conn, context.now()):
            return
    context.carriers(store).lanes.run_until_idle(context.stopping.is_set)


def tend_senders(store: Store, context: Context) -> None:
    context.senders.tend(store)


def report_from_sandbox(store: Store, context: Context) -> None:
    registry = context.carriers(store).registry
    while not context.stopping.is_set():
        if sandbox_post.post_due(store, registry, context.now()) == 0:
            return


def reduce_receipts(store: Store, context: Context) -> None:
    while not context.stopping.is_set():
        if receipts.reduce_inbox(store, context.now(), RECEIPTS) < RECEIPTS:
            return


def reap(store: Store, context: Context) -> None:
    with store.engine.begin() as conn:
        reaper.run(conn, context.now())


def settle_doubts(store: Store, context: Context) -> None:
    while not context.stopping.is_set():
        report = reconcile.run(store, context.carriers(store).registry, context.now())
        if report.accepted + report.again == 0:
            return


def start_campaigns(store: Store, context: Context) -> None:
    campaigns.start_due(store, context.now())


def decide_tests(store: Store, context: Context) -> None:
    deciding.decide_due(store, context.now())


def finish_campaigns(store: Store, context: Context) -> None:
    campaigns.finish_done(store, context.now())


def brake_campaigns(store: Store, context: Context) -> None:
    breaker.pause_failing(store, context.now())


def enter_automations(store: Store, context: Context) -> None:
    engine.enter(store, context.now)


def heed_orders(store: Store, context: Context) -> None:
    engine.heed(store, context.now)


def advance_automations(store: Store, context: Context) -> None:
    engine.advance(store, context.now, stopping_now=context.stopping.is_set)


def tell_changes(store: Store, context: Context) -> None:
    while not context.stopping.is_set():
        with store.engine.begin() as conn:
            if told.tell_changes(conn, clock.wall(), RECEIPTS) < RECEIPTS:
                return


def call_back(store: Store, context: Context) -> None:
    """By the system's time: a receiver's clock does not stand still with the product's."""
    with store.engine.begin() as conn:
        secrets = signing_secret.valid(conn, store.settings.secret_key, clock.wall())
        deliver.prune(conn, clock.wall())
        told.prune(conn, clock.wall())
    tell_changes(store, context)
    rules = rules_of(store.settings)
    while not context.stopping.is_set():
        if deliver.deliver_due(store, secrets, rules, clock.wall()).seen == 0:
            return


def seal_log(store: Store, context: Context) -> None:
    maintenance.seal_if_due(store, context.now())


def tend_log(store: Store, context: Context) -> None:
    with store.engine.connect() as conn:
        zone = product_settings.load(conn).zone
    maintenance.tend(store, zone, context.now())


def mirror_customers(store: Store, _context: Context) -> None:
    columns.rebuild_if_due(store)


def forget_erased(store: Store, context: Context) -> None:
    key = address_key(store.settings.secret_key)
    erasure.forget_in_files(store, [forgetting(key, context.now())])


def judge_clicks(store: Store, context: Context) -> None:
    rescore.rescore(store, context.now() - JUDGED_AGAIN)


def retain(store: Store, context: Context) -> None:
    retention.run(store, context.now())
    with store.engine.begin() as conn:
        sizes.thin(conn, context.now())


def refresh_segments(store: Store, context: Context) -> None:
    membership.refresh_all(store, _to_the_second(context.now()))


def keep_history(store: Store, context: Context) -> None:
    now = context.now()
    history.fill(store, now, most_days=HISTORY_DAYS)
    history.prune(store, now)


def fit_predictions(store: Store, context: Context) -> None:
    """The model of the day; again on that day only after large imports."""
    predicting.fit_if_due(store, context.now())


def add_up_costs(store: Store, context: Context) -> None:
    with store.engine.begin() as conn:
        message_costs.roll(conn, context.now())


def beat(store: Store, context: Context) -> None:
    with store.engine.begin() as conn:
        heartbeat.beat(conn, context.process, context.pulse.lag(), context.pulse.report())


def _to_the_second(instant: datetime) -> datetime:
    return instant.replace(microsecond=0)


#: Name, sentence, seconds between runs, function.
JOBS: Final = (
    Job("dispatch", "Hand queued messages to their providers", 0.25, dispatch),
    Job("senders", "Start more sending processes while there is much to send", 1.0, tend_senders),
    Job("receipts", "Apply the receipts that have come in", 0.25, reduce_receipts),
    Job("sandbox", "Let the sandbox carrier report", 0.5, report_from_sandbox),
    Job("launch", "Start campaigns that are due, carry launches on", 0.5, start_campaigns),
    Job("tests", "Name the winners of tests, send the rest what won", 1.0, decide_tests),
    Job("finish", "Close campaigns of which every message is settled", 1.0, finish_campaigns),
    Job("brake", "Pause campaigns that fail for too many", 2.0, brake_campaigns),
    Job(
        "heed",
        "End automation runs by what customers have just done",
        0.5,
        heed_orders,
        share=LOOKING,
    ),
    Job(
        "enter",
        "Start automation runs by what is new in the log",
        1.0,
        enter_automations,
        share=LOOKING,
    ),
    Job("advance", "Move automation runs that are due", 1.0, advance_automations),
    Job("beat", "Say that this scheduler lives", 2.0, beat),
    Job("reap", "Give back what a dead process had claimed", 5.0, reap),
    Job("doubts", "Settle messages in doubt by evidence", 10.0, settle_doubts),
    Job("callbacks", "Call the webhooks of others with what they asked for", 1.0, call_back),
    Job("seal", "Seal recent events", 1.0, seal_log),
    Job("log", "Roll up and compact the event log, remove what nobody needs", 5.0, tend_log),
    Job("mirror", "Write the customers' columns anew", 15.0, mirror_customers),
    Job("erasures", "Forget erased customers in event files", 30.0, forget_erased),
    Job("judge", "Judge opens and clicks again by what came later", 600.0, judge_clicks),
    Job("retention", "Forget what was kept long enough", 21_600.0, retain),
    Job("costs", "Add up what messages of past days cost", 900.0, add_up_costs),
    Job("predictions", "Fit the day's model of customers' purchases", 300.0, fit_predictions),
    Job("segments", "Refresh the members of all segments", 60.0, refresh_segments),
    Job("history", "Fill days of segments' history, drop the oldest", 60.0, keep_history),
)
