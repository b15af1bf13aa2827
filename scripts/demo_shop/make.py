"""Make the demo shop in an empty workspace, in one go or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np
import polars as pl
from sqlalchemy import Connection, text

from scripts.demo_shop import customers, recovery
from scripts.demo_shop.frames import with_ids
from scripts.demo_shop.past import ACTOR, Past, tell_campaigns
from scripts.demo_shop.stories import Story
from segmind.consent.addresses import address_key
from segmind.customers import columns
from segmind.customers.facts import read_facts
from segmind.db import jobs
from segmind.db.engine import Store
from segmind.errors import Conflict
from segmind.events import maintenance
from segmind.events.bulk import append_bulk
from segmind.events.products import ids_of_frame
from segmind.events.schema import Channel, Kind
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
#: Midnights before today at which memberships are computed, so that segments have a history.
HISTORY_DAYS = (21, 14, 7, 3, 1)
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
    """What was made: counts, the truth about the past campaigns, and the calibration."""

    events: int
    customers: int
    truth: dict[str, float]
    calibration: list[Line]


def make(
    store: Store, *, events: int, seed: int, now: datetime, days: int = DAYS, say: Say = print
) -> Made:
    """Fill an empty workspace with a shop of ``events`` events in the ``days`` before ``now``.

    A run that was interrupted is cleared away first. The truth (share of recipients who ordered
    because of each campaign) is kept as the result of the job "seed".

    Raises:
        NotEmpty: there are customers that no interrupted run left.
    """
    _clear_unfinished(store)
    with store.engine.connect() as conn:
        if conn.execute(text("SELECT EXISTS (SELECT 1 FROM customer)")).scalar():
            raise NotEmpty()
    job = jobs.start(store.engine, "seed", f"Demo shop of {events:,} events", total=100)

    def step(done: int, sentence: str) -> None:
        jobs.progress(store.engine, job, done, sentence)
        say(f"[{done:3d} %] {sentence}")

    try:
        made = _make(store, Size(events), seed, now - timedelta(days=days), now, step)
    except BaseException:
        # The job stays "running": the next run sees that this one was not finished.
        say("The demo shop was not finished; the next start clears it away and begins anew.")
        raise
    jobs.finish(store.engine, job, result={"truth": made.truth, "seed": seed, "events": events})
    return made


def _make(
    store: Store, size: Size, seed: int, since: datetime, until: datetime,
    step: Callable[[int, str], None],
) -> Made:  # fmt: skip
    step(2, "Products and settings")
    catalogue = make_catalogue(size, np.random.default_rng([seed, 1]))
    with store.engine.begin() as conn:
        product_settings.save(conn, SETTINGS, ACTOR, until)
        known = ids_of_frame(conn, catalogue.frame)
        product_ids = catalogue.frame.join(known, on="external_id", how="left",
                                           maintain_order="left")["product_id"]  # fmt: skip
    step(5, "Customers")
    visits = plan_visits(size, since, until, np.random.default_rng([seed, 2]))
    with store.engine.begin() as conn:
        first_id = customers.first_free_id(conn, "customer")
        people = make_people(visits.people, first_id, since, np.random.default_rng([seed, 3]))
        customers.write_people(conn, people)
    step(20, f"{size.events:,} events of {visits.people:,} customers")
    shop = Shop(seed, product_ids.to_numpy().astype(np.int32), first_id)
    acts: list[pl.DataFrame] = []
    kept = _keeping_acts(days_of_events(visits, catalogue, shop, until), acts)
    written = append_bulk(store, kept, received_at=until)
    step(55, "Past campaigns, their receipts and the orders that they caused")
    past_events, truth = _tell_past(store, people, catalogue, shop, acts, since, until)
    step(70, "Calendar days summed up")
    maintenance.catch_up(store, until)
    columns.rebuild(store)
    step(85, "Segments, now and in the past")
    midnight = until.replace(hour=0, minute=0, second=0, microsecond=0)
    for as_of in (*(midnight - timedelta(days=ago) for ago in HISTORY_DAYS), until):
        membership.refresh_all(store, as_of)
    maintenance.catch_up(store, until)
    step(95, "Generated against published")
    with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
        conn.execute(text("ANALYZE"))
    lines = compare(_shop_events(store, seed, since, until), size)
    return Made(written.accepted + past_events, visits.people, truth, lines)


def _keeping_acts(
    days: Iterator[tuple[date, pl.DataFrame]], acts: list[pl.DataFrame]
) -> Iterator[pl.DataFrame]:
    """Pass the days on; keep cart additions and order lines for the story of cart recovery."""
    wanted = [int(Kind.PRODUCT_ADDED), int(Kind.ORDER_COMPLETED)]
    for _, frame in days:
        acts.append(
            frame.filter(pl.col("kind").is_in(wanted)).select(
                "customer_id", "kind", "ts", "session_key", "value", "product_id"
            )
        )
        yield frame


def _tell_past(
    store: Store, people: pl.DataFrame, catalogue: Catalogue, shop: Shop,
    acts: list[pl.DataFrame], since: datetime, until: datetime,
) -> tuple[int, dict[str, float]]:  # fmt: skip
    with store.engine.begin() as conn:
        segment.ensure_built_ins(conn, ACTOR, since)
        past = Past(
            conn=conn,
            people=people,
            catalogue=catalogue,
            product_ids=shop.product_ids,
            key=address_key(store.settings.secret_key),
            seed=shop.seed,
            since=since,
            until=until,
            save_content=_save_content,
        )
        truth = tell_campaigns(past)
        truth |= recovery.tell(past, pl.concat(acts))
    log = with_ids(past.events, high=-shop.seed - 1, until=until)
    return append_bulk(store, log.sort("ts"), received_at=until).accepted, truth


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


def _shop_events(store: Store, seed: int, since: datetime, until: datetime) -> pl.LazyFrame:
    """The shop's own events, without those of the past campaigns and the orders they caused."""
    asked = ["customer_id", "kind", "session_key", "value", "event_hi"]
    log = read_facts(store).log.events(since=since, until=until, columns=asked)
    return log.filter(pl.col("event_hi") == upper_half(seed))


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
