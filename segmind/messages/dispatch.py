"""The dispatcher: claim, gate, render, hand over, acknowledge. Any number may run at once.

Nothing is sent twice through crashes: a claim commits before any call, a micro-batch is marked just
before its call, and what ends without an answer is in doubt, to be settled by evidence
(``reconcile``), never by time.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from segmind import clock
from segmind.channels.channel import Channel as ChannelName
from segmind.channels.outcome import Outcome, Rejected, Retry
from segmind.channels.provider import Provider
from segmind.channels.registry import Registry
from segmind.consent.addresses import address_key
from segmind.db.engine import Store
from segmind.events.schema import Channel
from segmind.messages import acknowledge, claim, handover, rates, retry, sources
from segmind.messages.claim import LEASE_SECONDS, Claim
from segmind.messages.links import LinkBook
from segmind.messages.provider_call import outcomes_of
from segmind.messages.rendering import Rendered, Renderer, Unrenderable
from segmind.messages.sources import SourceKey
from segmind.workspace import product_settings
from segmind.workspace.product_settings import ProductSettings

log = logging.getLogger(__name__)

CLAIM_SIZE = 500
#: No provider call lasts longer: ``Provider.send`` promises a bounded time.
LONGEST_CALL_SECONDS = 60.0
_MARGIN_SECONDS = 5.0
_WATERMARK_SECONDS = 30.0
_ACK_TRIES = 6


@dataclass(slots=True)
class DispatchReport:
    """What happened to messages. ``seen``: taken out of the queue; the rest adds up to it."""

    seen: int = 0
    accepted: int = 0
    retried: int = 0
    in_doubt: int = 0
    failed: int = 0
    skipped: int = 0
    deferred: int = 0
    expired: int = 0
    released: int = 0
    stale: int = 0
    throttled: bool = False

    def add(self, other: DispatchReport) -> None:
        """Count ``other`` in."""
        for each in fields(self):
            value = getattr(self, each.name) + getattr(other, each.name)
            setattr(self, each.name, bool(value) if each.name == "throttled" else value)


@dataclass(slots=True)
class _Watermark:
    id: int = 0
    since: float = field(default_factory=time.monotonic)


class Dispatcher:
    """Sends what is due. One instance belongs to one thread.

    ``settings`` None: the workspace's, read afresh in every round. ``provider_rates``: sends per
    second by provider name, all processes together. ``lease_seconds`` must exceed the longest
    provider call; ``seed`` is the jitter's.
    """

    def __init__(
        self,
        store: Store,
        registry: Registry,
        settings: ProductSettings | None = None,
        *,
        now: Callable[[], datetime] = clock.now,
        claim_size: int = CLAIM_SIZE,
        lease_seconds: float = LEASE_SECONDS,
        provider_rates: Mapping[str, float] | None = None,
        retry_policy: retry.RetryPolicy = retry.DEFAULT,
        seed: int | None = None,
    ) -> None:
        self._store = store
        self._registry = registry
        self._settings = settings
        self._now = now
        self._claim_size = claim_size
        self._lease = lease_seconds
        self._call_limit = min(LONGEST_CALL_SECONDS, lease_seconds / 2)
        self._margin = min(_MARGIN_SECONDS, lease_seconds / 10)
        self._provider_rates = dict(provider_rates or {})
        self._policy = retry_policy
        self._draw = random.Random(seed)  # noqa: S311 - spreads retries, keeps no secret
        self._key = address_key(store.settings.secret_key)
        self._watermarks: dict[SourceKey, _Watermark] = {}
        self._paused: dict[str, float] = {}  # provider -> monotonic instant
        self._book = LinkBook(store.settings.secret_key, store.settings.public_url)
        self._renderer = Renderer(self._book, self._provider_of)

    def run_once(self) -> DispatchReport:
        """One round: what waited and is due, then one claim of every open source with messages."""
        settings = self._load_settings()
        self._book.base_url = settings.public_url or self._store.settings.public_url
        report = self._round(settings, None)
        with self._store.engine.connect() as conn:
            ready = sources.with_ready(conn)
        for source in ready:
            report.add(self._round(settings, source))
        return report

    def run_until_idle(self, *, most_rounds: int = 1_000_000) -> DispatchReport:
        """Rounds until one finds nothing to do (what is due later, stays)."""
        total = DispatchReport()
        for _ in range(most_rounds):
            report = self.run_once()
            total.add(report)
            if report.seen == 0 and not report.throttled:
                break
            if report.seen == 0:
                time.sleep(0.05)  # a rate limit: the bucket fills by the clock
        return total

    def _load_settings(self) -> ProductSettings:
        if self._settings is not None:
            return self._settings
        with self._store.engine.connect() as conn:
            return product_settings.load(conn)

    def _round(self, settings: ProductSettings, source: SourceKey | None) -> DispatchReport:
        claimed = self._claim(settings, source)
        report = DispatchReport(
            seen=claimed.seen,
            skipped=claimed.skipped,
            deferred=claimed.deferred,
            expired=claimed.expired,
            throttled=claimed.throttled,
        )
        if claimed.rows:
            report.add(self._send(settings, claimed))
        return report

    # --- claiming --------------------------------------------------------------------------------

    def _claim(self, settings: ProductSettings, source: SourceKey | None) -> Claim:
        now = self._now()
        if source is None:
            with self._store.engine.begin() as conn:
                return claim.waiting(
                    conn, self._key, settings, now, limit=self._claim_size, lease=self._lease
                )
        mark = self._watermarks.get(source)
        if mark is None or time.monotonic() - mark.since > _WATERMARK_SECONDS:
            mark = self._watermarks[source] = _Watermark()
        claimed = self._claim_fresh(settings, source, mark.id, now)
        if claimed.seen == 0 and mark.id and not claimed.throttled:
            # Rows below the watermark were given back: start again from the bottom.
            mark = self._watermarks[source] = _Watermark()
            claimed = self._claim_fresh(settings, source, 0, now)
        mark.id = max(mark.id, claimed.last_id)
        return claimed

    def _claim_fresh(
        self, settings: ProductSettings, source: SourceKey, above: int, now: datetime
    ) -> Claim:
        with self._store.engine.begin() as conn:
            return claim.fresh(
                conn,
                self._key,
                settings,
                source,
                now,
                above=above,
                limit=self._claim_size,
                lease=self._lease,
            )

    # --- sending ---------------------------------------------------------------------------------

    def _send(self, settings: ProductSettings, claimed: Claim) -> DispatchReport:
        url = settings.public_url or self._store.settings.public_url
        with self._store.engine.connect() as conn:
            results = self._renderer.render(conn, claimed.rows, settings, url)
        bad = [result for result in results if isinstance(result, Unrenderable)]
        good = [result for result in results if isinstance(result, Rendered)]
        with self._store.engine.begin() as conn:
            failed = handover.fail_unrenderable(conn, claimed.token, bad)
            self._book.keep(conn)
        self._book.kept()
        report = DispatchReport(failed=failed)
        for channel in sorted({item.message.channel for item in good}):
            provider = self._registry.for_channel(ChannelName.of_code(int(channel)))
            queue = [item for item in good if item.message.channel == channel]
            report.add(self._send_channel(claimed.token, provider, queue))
        return report

    def _provider_of(self, channel: Channel) -> str:
        return self._registry.for_channel(ChannelName.of_code(int(channel))).name

    def _send_channel(
        self, token: UUID, provider: Provider, queue: Sequence[Rendered]
    ) -> DispatchReport:
        report = DispatchReport()
        for batch in _batches(queue, provider.batch_size):
            paused_for = self._paused.get(provider.name, 0.0) - time.monotonic()
            if paused_for > 0:
                report.released += self._release(token, batch, timedelta(seconds=paused_for))
            else:
                report.add(self._send_batch(token, provider, batch))
        return report

    def _send_batch(
        self, token: UUID, provider: Provider, batch: Sequence[Rendered]
    ) -> DispatchReport:
        began = time.monotonic()
        started_at = self._now()
        with self._store.engine.begin() as conn:
            granted = self._granted(conn, provider, batch)
            marked = handover.mark(conn, token, provider.name, batch[:granted], self._lease)
            self._spend(conn, provider, marked.going)
        report = DispatchReport()
        if marked.held:
            report.released += self._release(token, marked.held, None)
        if granted < len(batch):
            report.released += self._release(token, batch[granted:], timedelta(seconds=1))
        if not marked.going:
            return report
        if time.monotonic() >= began + self._lease - self._call_limit - self._margin:
            # This process stood still (stopped, swapped out): the lease may be somebody else's by
            # the time the call is made. Leave the rows to the reaper; nothing was sent.
            log.warning("A batch was abandoned: its lease had run down before the call.")
            return report
        outcomes = outcomes_of(provider, marked.going)
        self._heed(provider, outcomes)
        report.add(self._acknowledge(token, marked, outcomes, started_at))
        return report

    def _granted(self, conn: Connection, provider: Provider, batch: Sequence[Rendered]) -> int:
        """How many of the batch the provider's rate allows now; SMS count by their parts."""
        rate = self._provider_rates.get(provider.name)
        if rate is None:
            return len(batch)
        left = rates.available(conn, f"provider:{provider.name}", rate)
        for n, item in enumerate(batch):
            left -= _weight(provider, item)
            if left < 0:
                return n
        return len(batch)

    def _spend(self, conn: Connection, provider: Provider, going: Sequence[Rendered]) -> None:
        if provider.name in self._provider_rates:
            spent = sum(_weight(provider, item) for item in going)
            rates.spend(conn, f"provider:{provider.name}", spent)

    def _release(self, token: UUID, batch: Sequence[Rendered], wait: timedelta | None) -> int:
        due_at = None if wait is None else self._now() + wait
        with self._store.engine.begin() as conn:
            messages = [item.message for item in batch]
            return handover.release(conn, token, messages, due_at=due_at)

    def _heed(self, provider: Provider, outcomes: Sequence[Outcome]) -> None:
        """Leave a provider alone for a while that refuses our set-up."""
        if any(isinstance(o, Rejected | Retry) and o.pause_sender for o in outcomes):
            self._paused[provider.name] = time.monotonic() + retry.PAUSE_AFTER_REFUSED_SETUP
            log.error("%s refuses the set-up; it is left alone for a minute.", provider.name)

    def _acknowledge(
        self,
        token: UUID,
        marked: handover.Marked,
        outcomes: Sequence[Outcome],
        started_at: datetime,
    ) -> DispatchReport:
        """Write the outcomes down; tried again while the database is away, for they are known only
        here. In the end the rows are in doubt, and reconciliation finds out."""
        for tried in range(_ACK_TRIES):
            try:
                with self._store.engine.begin() as conn:
                    done = acknowledge.acknowledge(
                        conn,
                        self._key,
                        token,
                        marked,
                        outcomes,
                        self._now(),
                        started_at,
                        self._draw,
                        self._policy,
                    )
            except DBAPIError:
                log.warning("The outcome of a batch could not be written (try %d).", tried + 1)
                time.sleep(min(5.0, 0.2 * 2**tried))
            else:
                return DispatchReport(
                    accepted=done.accepted,
                    retried=done.retried,
                    in_doubt=done.in_doubt,
                    failed=done.failed,
                    expired=done.expired,
                    stale=done.stale,
                )
        return DispatchReport(in_doubt=len(marked.going))


def _weight(provider: Provider, item: Rendered) -> int:
    return (item.segments or 1) if provider.capabilities.counts_parts else 1


def _batches(queue: Sequence[Rendered], size: int) -> Iterable[Sequence[Rendered]]:
    return (queue[start : start + size] for start in range(0, len(queue), size))
