"""Reading ahead when serving begins: what questions need of the log, before somebody asks."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from typing import Final

from sqlalchemy import Connection

from segmind import clock
from segmind.analytics import deliverability, funnel, lift, overview
from segmind.analytics.carriage import carriage
from segmind.analytics.period import Period
from segmind.api.stores import RETRY_SECONDS, Stores
from segmind.campaigns import campaign as campaigns
from segmind.campaigns import groups
from segmind.customers.facts import Facts, read_facts
from segmind.db.engine import Store
from segmind.errors import SegmindError, Unavailable
from segmind.events import quality
from segmind.segments.preview import preview
from segmind.segments.segment import list_segments, resolver

log = logging.getLogger("segmind.web")

_Question = Callable[[], object]
#: The period that pages open with.
_DAYS: Final = 30


def begin(stores: Stores) -> None:
    """Read ahead in a thread of its own, as soon as the database answers."""
    threading.Thread(target=_once_there, args=[stores], name="read ahead", daemon=True).start()


def read_ahead(store: Store, now: datetime) -> int:
    """Ask every segment and the figures of the first pages once; returns how many answered.

    What cannot be answered is left to whoever asks it.
    """
    facts = read_facts(store)
    answered = 0
    for question in _questions(store, facts, now):
        try:
            question()
        except SegmindError:
            continue
        answered += 1
    return answered


def _questions(store: Store, facts: Facts, now: datetime) -> Iterator[_Question]:
    with store.engine.connect() as conn:
        segments, resolve = list_segments(conn), resolver(conn)
        for segment in segments:
            yield lambda rule=segment.rule: preview(rule, facts, now, resolve)  # type: ignore[misc]
        period = Period.last_days(_DAYS, now, facts.zone)
        yield lambda: overview.summary(facts, period)
        yield lambda: funnel.product_funnel(facts, period)
        yield lambda: quality.measure(facts.log)
        for stretch in (period, period.before()):
            yield partial(deliverability.by_place, facts, carriage(store), stretch)
        for number in groups.holding_out(conn, period.since, now):
            # Also for the statistics' library, which takes one to two seconds to load.
            yield partial(_lift, conn, facts, number, now)


def _lift(conn: Connection, facts: Facts, campaign_id: int, now: datetime) -> object:
    return lift.measure(facts, groups.experiment_of(conn, campaigns.get(conn, campaign_id)), now)


def _once_there(stores: Stores) -> None:
    began = time.perf_counter()
    while True:
        try:
            answered = read_ahead(stores.get(), clock.now())
        except Unavailable:
            time.sleep(RETRY_SECONDS)
        except Exception:
            log.warning("Reading ahead failed; questions are answered all the same.", exc_info=True)
            return
        else:
            log.info("Read ahead: %d answers, %.1f s.", answered, time.perf_counter() - began)
            return
