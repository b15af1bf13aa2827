"""Make the demo shop in an empty workspace, in one go or not at all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
import polars as pl
from sqlalchemy import Connection, text

from scripts.demo_shop import customers, lifecycle, recovery
from scripts.demo_shop.days import ahead, keeping_acts, with_past
from scripts.demo_shop.loading import TABLES, Loading, analyse_others
from scripts.demo_shop.past import ACTOR, Caused, Past, tell_campaigns
from scripts.demo_shop.steps import Steps, Took
from scripts.demo_shop.stories import Story
from segmind.analytics import message_costs
from segmind.consent.addresses import address_key
from segmind.customers import columns
from segmind.db import jobs
from segmind.db.engine import Store
from segmind.errors import Conflict
from segmind.events import log, maintenance
from segmind.events.bulk import append_bulk
from segmind.events.maintenance import UTC_ZONE
from segmind.events.products import ids_of_frame
from segmind.events.schema import Channel
from segmind.events.shop.calibration import Line, compare
from segmind.events.shop.catalogue import Catalogue, make_catalogue
from segmind.events.shop.people import make_people
from segmind.events.shop.published import Size
from segmind.events.shop.stream import Shop, days_of_events, upper_half
from segmind.events.shop.visits import plan_visits
from segmind.segments import membership, segment
from segmind.templates.template import Draft, parse_draft
from segmind.templates.versions import save_version
from segmind.workspace import product_settings

Say = Callable[[str], None]
DAYS = 60
#: Midnights before today at which memberships are computed, so that segments have a history. In a
#: larger shop the scheduler fills it.
HISTORY_DAYS = (21, 14, 7, 3, 1)
MOST_EVENTS_WITH_HISTORY = 5_000_000
#: Tables whose rows are numbered here: while they are being loaded nobody can ask them.
NUMBERED = ("customer", "message", "automation_run")
SETTINGS = {
    "shop_name": "Larkfield",
    "currency": "USD",
    "postal_address": "Larkfield Ltd, 1 Example Street, Springfield",
    "email_from": "hello@larkfield.example",
    "email_from_name": "Larkfield",
    "sms_sender": "Larkfield",
}


class NotEmpty(Conflict):
    """The workspace already has customers; the demo shop needs an empty one."""

    hint = "Use another SEGMIND_HOME or database, or delete the folder var/ first."


@dataclass(frozen=True, slots=True)
class Made:
    """What was made: counts, the truth about the past campaigns (shares of delivered messages that
    caused an order, and what all of them are worth), and the calibration."""

    events: int
    customers: int
    truth: dict[str, float]
    caused: dict[str, Caused]
    calibration: list[Line]
    took: list[Took]


def make(
    store: Store, *, events: int, seed: int, now: datetime, days: int = DAYS,
    history: Sequence[int] = HISTORY_DAYS, say: Say = print,
) -> Made:  # fmt: skip
    """Fill an empty workspace with a shop of ``events`` events in the ``days`` before ``now``, with
    memberships of so many days ago (``history``).

    A run that was interrupted is cleared away first. The truth (share of recipients who ordered
    because of each campaign, and minor units that it caused) is kept as the result of the job
    "seed".

    Raises:
        NotEmpty: there are customers that no interrupted run left.
    """
    _clear_unfinished(store)
    with store.engine.connect() as conn:
        if conn.execute(text("SELECT EXISTS (SELECT 1 FROM customer)")).scalar():
            raise NotEmpty()
    job = jobs.start(store.engine, "seed", f"Demo shop of {events:,} events", total=100)

    steps = Steps()

    def step(done: int, sentence: str) -> None:
        steps.begin(sentence)
        jobs.progress(store.engine, job, done, sentence)
        say(f"[{done:3d} %] {sentence}")

    try:
        made = _make(store, Size(events), seed, now - timedelta(days=days), now, history, step)
        made = replace(made, took=steps.ended())
    except BaseException:
        # The job stays "running": the next run sees that this one was not finished.
        say("The demo shop was not finished; the next start clears it away and begins anew.")
        raise
    worth = {name: its.total for name, its in made.caused.items()}
    result = {"truth": made.truth, "caused": worth, "seed": seed, "events": events}
    jobs.finish(store.engine, job, result=result)
    return made


def _make(
    store: Store, size: Size, seed: int, since: datetime, until: datetime,
    history: Sequence[int], step: Callable[[int, str], None],
) -> Made:  # fmt: skip
    step(2, "Products and settings")
    catalogue = make_catalogue(size, np.random.default_rng([seed, 1]))
    with store.engine.begin() as conn:
        product_settings.save(conn, SETTINGS, ACTOR, until)
        segment.ensure_built_ins(conn, ACTOR, since)
        free = {table: customers.first_free_id(conn, table) for table in NUMBERED}
        known = ids_of_frame(conn, catalogue.frame)
        product_ids = catalogue.frame.join(known, on="external_id", how="left",
                                           maintain_order="left")["product_id"]  # fmt: skip
    shop = Shop(seed, product_ids.to_numpy().astype(np.int32), free["customer"])
    loading = Loading(store)
    try:
        with store.engine.connect() as conn:
            written, people, truth, caused = _tell(
                store, conn, loading, size, catalogue, shop, free, since, until, step
            )
        if not _has_history(size):
            step(70, "Calendar days summed up")
            maintenance.catch_up(store, until)
        step(80, "Generated against published")
        lines = compare(_shop_events(store, seed, since, until), size)
        step(87, "The database completed")
        loading.finish()
    except BaseException:
        loading.abandon()
        raise
    columns.rebuild_from(store, people)
    count = people.height
    del people
    step(90, "Segments, now and in the past")
    _refresh_segments(store, history if _has_history(size) else (), until)
    if _has_history(size):
        # Only now: what is told of the past would have days summed up again.
        step(94, "Calendar days summed up")
        maintenance.catch_up(store, until)
    step(97, "Tables analysed")
    with store.engine.begin() as conn:
        analyse_others(conn)
    return Made(written, count, truth, caused, lines, [])


def _tell(
    store: Store, conn: Connection, loading: Loading, size: Size, catalogue: Catalogue, shop: Shop,
    free: dict[str, int], since: datetime, until: datetime, step: Callable[[int, str], None],
) -> tuple[int, pl.DataFrame, dict[str, float], dict[str, Caused]]:  # fmt: skip
    """Write the log and have the rows loaded; returns how many events there are, the customers as
    columns, and the truth about the campaigns and what they caused."""
    seed = shop.seed
    step(5, "Customers")
    count = size.count("users")
    people = make_people(count, shop.first_customer_id, since, np.random.default_rng([seed, 3]))
    customers.load_ids(loading, people)
    visits = plan_visits(size, since, until, np.random.default_rng([seed, 2]))
    step(15, "Past campaigns, their receipts and the orders that they caused")
    past = Past(
        conn=conn,
        loading=loading,
        people=people,
        catalogue=catalogue,
        product_ids=shop.product_ids,
        key=address_key(store.settings.secret_key),
        seed=seed,
        since=since,
        until=until,
        save_content=_save_content,
        next_message_id=free["message"],
        first_run_id=free["automation_run"],
    )
    truth = tell_campaigns(past)
    customers.load_people(loading, people, past.gone)
    past.people_are_loaded = True
    step(25, f"{size.events:,} events of {count:,} customers")
    told = past.take_events(0)
    acts: list[pl.DataFrame] = []
    days = days_of_events(visits, catalogue, shop, until)
    written = append_bulk(store, ahead(with_past(keeping_acts(days, acts), told)), until).accepted
    step(60, "The past of cart recovery")
    lifecycle.begin(past)
    truth |= recovery.tell(past, pl.concat(acts))
    written += append_bulk(store, past.take_events(told.height), until).accepted
    loading.do(lambda conn: customers.bump_identity(conn, "message"))
    loading.do(message_costs.forget)
    loading.complete(TABLES)
    return written, customers.as_columns(people, past.gone), truth, past.caused


def _save_content(conn: Connection, story: Story) -> int:
    return save_version(conn, draft_of(story.channel, story.subject, story.body))


def draft_of(channel: Channel, subject: str, body: str) -> Draft:
    """A plain draft for a channel."""
    if channel is Channel.EMAIL:
        return parse_draft(
            {
                "channel": "email",
                "subject": subject,
                "blocks": [
                    {"kind": "heading", "text": subject},
                    {"kind": "text", "text": body},
                    {"kind": "button", "label": "Go to the shop",
                     "href": "https://larkfield.example/"},
                ],
            }
        )  # fmt: skip
    if channel is Channel.SMS:
        return parse_draft({"channel": "sms", "body": body})
    return parse_draft({"channel": "push", "title": subject, "body": body})


def _refresh_segments(store: Store, history: Sequence[int], until: datetime) -> None:
    midnight = until.replace(hour=0, minute=0, second=0, microsecond=0)
    for as_of in (*(midnight - timedelta(days=days) for days in history), until):
        membership.refresh_all(store, as_of)


def _has_history(size: Size) -> bool:
    return size.events <= MOST_EVENTS_WITH_HISTORY


def _shop_events(store: Store, seed: int, since: datetime, until: datetime) -> pl.LazyFrame:
    """The shop's own events, without those of the past campaigns and the orders they caused."""
    asked = ["customer_id", "kind", "session_key", "value", "event_hi"]
    # The log alone: customers cannot be asked while they are being loaded.
    engine = store.engine.execution_options(isolation_level="REPEATABLE READ")
    with engine.begin() as conn:
        events = log.read(conn, store, UTC_ZONE).events(since=since, until=until, columns=asked)
    return events.filter(pl.col("event_hi") == upper_half(seed))


def _clear_unfinished(store: Store) -> None:
    """Empty a workspace that an interrupted run of this script left half full."""
    with store.engine.begin() as conn:
        state = conn.execute(
            text("SELECT state FROM job WHERE kind = 'seed' ORDER BY id DESC LIMIT 1")
        ).scalar()
        if state != "running":
            return
        used = "SELECT EXISTS (SELECT 1 FROM import_run) OR EXISTS (SELECT 1 FROM member)"
        if conn.execute(text(used)).scalar():
            raise NotEmpty()
        tables = conn.execute(
            text(
                "SELECT string_agg(format('%I', tablename), ', ') FROM pg_tables "
                "WHERE schemaname = 'public' AND tablename <> 'alembic_version'"
            )
        ).scalar_one()
        conn.execute(text(f"TRUNCATE {tables} RESTART IDENTITY CASCADE"))
