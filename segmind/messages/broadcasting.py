"""A campaign's messages, micro-batch by micro-batch: judged, rendered and marked in one
transaction, handed over, answered in another.

Nothing waits between the gate's word and the call but rendering, so nothing has to be written down
for the time between (why that is safe: :mod:`segmind.messages.micro_batches`).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from segmind.channels.provider import Provider
from segmind.consent import caps
from segmind.consent.addresses import address_key
from segmind.db.engine import Store
from segmind.messages import handover, judging, micro_batches
from segmind.messages.allowance import Allowance
from segmind.messages.dispatch_report import DispatchReport
from segmind.messages.handover import Marked
from segmind.messages.judging import Judged
from segmind.messages.rendering import Rendered, Unrenderable
from segmind.messages.sending import Sender, weight_of
from segmind.messages.sources import Ready
from segmind.workspace.product_settings import ProductSettings

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Prepared:
    """A micro-batch up to its call. ``last_id``: all up to it are dealt with."""

    report: DispatchReport
    marked: Marked | None = None
    last_id: int = 0


class Broadcaster:
    """Hands campaigns' messages over. One instance belongs to one thread."""

    def __init__(
        self, store: Store, sender: Sender, *, now: Callable[[], datetime], lease: float
    ) -> None:
        self._store = store
        self._sender = sender
        self._now = now
        self._lease = lease
        self._key = address_key(store.settings.secret_key)

    def send(
        self,
        settings: ProductSettings,
        ready: Ready,
        allowance: Allowance,
        *,
        above: int,
        limit: int,
    ) -> tuple[DispatchReport, int]:
        """One micro-batch of at most ``limit`` messages with ids above ``above``: what became of
        it, and the id up to which nothing is left to do (0: nothing was found)."""
        sender, provider = self._sender, self._sender.provider(ready.channel)
        began = time.monotonic()
        with self._store.engine.begin() as conn:
            judged = judging.judge_fresh(
                conn,
                self._key,
                settings,
                ready.source,
                self._now(),
                above=above,
                limit=min(limit, provider.batch_size),
                channel=ready.channel,
            )
            started_at = self._now()
            prepared = self._prepare(conn, settings, ready, provider, judged, allowance, started_at)
        sender.book.kept()
        marked, report = prepared.marked, prepared.report
        if marked is None:
            return report, prepared.last_id
        until = sender.last_moment(began)
        if time.monotonic() >= until:
            # This process stood still (stopped, swapped out): the micro-batch may be given up for
            # lost by the time the call is made. Leave it to the reaper; nothing was sent.
            log.warning("A micro-batch was abandoned: its lease had run down before the call.")
            return report, prepared.last_id
        report.add(sender.hand_over(None, provider, settings, marked, started_at, until))
        return report, prepared.last_id

    def _prepare(
        self,
        conn: Connection,
        settings: ProductSettings,
        ready: Ready,
        provider: Provider,
        judged: Judged,
        allowance: Allowance,
        started_at: datetime,
    ) -> _Prepared:
        """Render what may go, within the allowance, and mark it. The caller commits."""
        report = DispatchReport.of(judged)
        if not judged.rows:
            return _Prepared(report, None, judged.last_id)
        url = settings.public_url or self._store.settings.public_url
        results = self._sender.renderer.render(conn, judged.rows, settings, url)
        bad = [result for result in results if isinstance(result, Unrenderable)]
        good = [result for result in results if isinstance(result, Rendered)]
        report.failed = handover.fail_unrenderable(conn, None, bad)
        _give_back(conn, judged, bad)
        self._sender.book.keep(conn)
        weights = [weight_of(provider, item) for item in good]
        granted = allowance.take(weights)
        going, left = good[:granted], good[granted:]
        marked = None
        if going:
            marked = micro_batches.begin(
                conn, ready.source, provider.name, going, started_at, self._lease
            )
            if marked is None:  # the source was stopped a moment ago
                allowance.back(sum(weights[:granted]))
                left, going = good, []
        if left:
            _give_back(conn, judged, left)
            report.seen -= len(left)
            report.throttled = granted < len(good)
        self._sender.experience.budget(provider.name).spend(len(going), 0)
        last_id = left[0].message.id - 1 if left else judged.last_id
        return _Prepared(report, marked, last_id)


def _give_back(conn: Connection, judged: Judged, items: Iterable[Rendered | Unrenderable]) -> None:
    """The contacts that the gate reserved for messages that do not go."""
    found = (judged.places.get(item.message.id) for item in items)
    caps.release(conn, [place for place in found if place is not None])
