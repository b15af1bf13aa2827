"""The dispatcher: claim, gate, render, hand over, acknowledge. Any number may run at once.

Nothing is sent twice through crashes: a claim commits before any call, a micro-batch is marked just
before its call, and what ends without an answer is in doubt, to be settled by evidence
(``reconcile``), never by time. Campaigns go the short way (``broadcasting``): claim and mark are
one row for a micro-batch.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from segmind import clock
from segmind.channels.registry import Registry
from segmind.consent.addresses import address_key
from segmind.db.engine import Store
from segmind.events.schema import Channel
from segmind.messages import claim, retry, sources
from segmind.messages.allowance import Allowance
from segmind.messages.broadcasting import Broadcaster
from segmind.messages.claim import LEASE_SECONDS
from segmind.messages.dispatch_report import DispatchReport
from segmind.messages.experience import Experience
from segmind.messages.sending import Sender
from segmind.messages.sources import Ready, SourceKey
from segmind.workspace import product_settings
from segmind.workspace.product_settings import ProductSettings

CLAIM_SIZE = 500
_WATERMARK_SECONDS = 30.0
#: A campaign that is carried quickly goes on for so long before the others of its lane are looked
#: for: the questions of a round cost as much as a tenth of an e-mail.
_ROUND_SECONDS = 0.25

__all__ = ["CLAIM_SIZE", "DispatchReport", "Dispatcher", "Shared"]


@dataclass(slots=True)
class _Watermark:
    id: int = 0
    since: float = field(default_factory=time.monotonic)


@dataclass(slots=True)
class Shared:
    """What the dispatchers of one process have in common. Safe between threads."""

    experience: Experience = field(default_factory=Experience)
    watermarks: dict[tuple[SourceKey, frozenset[Channel]], _Watermark] = field(default_factory=dict)


class Dispatcher:
    """Sends what is due. One instance belongs to one thread.

    ``settings`` None: the workspace's, read afresh in every round. ``provider_rates``: sends per
    second by provider (or ``provider:sender``), all processes together, over the workspace's own.
    ``lease_seconds`` must exceed the longest provider call; ``seed`` is the jitter's.
    ``channels``: what this one carries.
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
        channels: Collection[Channel] = tuple(Channel),
        shared: Shared | None = None,
    ) -> None:
        self._store = store
        self._settings = settings
        self._now = now
        self._claim_size = claim_size
        self._lease = lease_seconds
        self._key = address_key(store.settings.secret_key)
        self._channels = frozenset(channels)
        self._shared = shared or Shared()
        self._sender = Sender(
            store,
            registry,
            now=now,
            lease=lease_seconds,
            provider_rates=provider_rates or {},
            policy=retry_policy,
            draw=random.Random(seed),  # noqa: S311 - spreads retries, keeps no secret
            experience=self._shared.experience,
        )
        self._broadcaster = Broadcaster(store, self._sender, now=now, lease=lease_seconds)

    def run_once(self) -> DispatchReport:
        """One round: what waited and is due, then one claim of every open source with messages."""
        settings = self._load_settings()
        self._sender.prepare(settings)
        report = self._waiting(settings)
        with self._store.engine.connect() as conn:
            ready = sources.with_ready(conn)
        for each in ready:
            if not each.in_portions or each.channel in self._channels:
                report.add(self._fresh(settings, each))
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

    # --- claiming --------------------------------------------------------------------------------

    def _waiting(self, settings: ProductSettings) -> DispatchReport:
        """What waited and is due."""
        return self._permitted(
            settings, lambda channels, limit: self._claim_waiting(settings, channels, limit)
        )

    def _permitted(
        self, settings: ProductSettings, send: Callable[[Sequence[Channel], int], DispatchReport]
    ) -> DispatchReport:
        """Send by healthy providers as much as a claim holds, by those on trial a few, by those
        that are left alone nothing."""
        healthy = []
        report = DispatchReport()
        for channel in sorted(self._channels):
            breaker = self._sender.breaker(channel, settings)
            permitted = breaker.permit()
            if permitted is None:
                healthy.append(channel)
            elif permitted:
                try:
                    report.add(send([channel], min(permitted, self._claim_size)))
                finally:
                    breaker.unused()
        if healthy:
            report.add(send(healthy, self._claim_size))
        return report

    def _claim_waiting(
        self, settings: ProductSettings, channels: Sequence[Channel], limit: int
    ) -> DispatchReport:
        with self._store.engine.begin() as conn:
            claimed = claim.waiting(
                conn,
                self._key,
                settings,
                self._now(),
                limit=limit,
                channels=channels,
                lease=self._lease,
            )
            limited = sources.rates(conn, {row.source for row in claimed.rows})
        report = DispatchReport.of(claimed.judged)
        if claimed.rows:
            report.add(self._sender.send(settings, claimed, limited))
        return report

    def _fresh(self, settings: ProductSettings, ready: Ready) -> DispatchReport:
        """One claim of a source; of recipients no more than provider and rate let go."""
        if not ready.in_portions:
            return self._permitted(
                settings,
                lambda channels, limit: self._claim_and_send(settings, ready, channels, limit),
            )
        return self._broadcast(settings, ready)

    def _broadcast(self, settings: ProductSettings, ready: Ready) -> DispatchReport:
        """Micro-batches of a campaign: at least as many messages as a claim holds, and for at least
        ``_ROUND_SECONDS``, unless its provider or its rate let go no more."""
        report = DispatchReport()
        until = time.monotonic() + _ROUND_SECONDS
        while report.seen < self._claim_size or time.monotonic() < until:
            step = self._micro_batch(settings, ready, self._claim_size)
            report.add(step)
            if step.seen == 0 or step.throttled:
                break
        return report

    def _micro_batch(self, settings: ProductSettings, ready: Ready, limit: int) -> DispatchReport:
        breaker = self._sender.breaker(ready.channel, settings)
        permitted = breaker.permit()
        if permitted == 0:
            return DispatchReport()
        provider = self._sender.provider(ready.channel)
        limits = self._sender.limits(provider, settings, ready.source, ready.per_second)
        allowance = Allowance(self._store.engine, limits)
        wanted = min(limit, provider.batch_size, permitted or limit)
        granted = allowance.ahead(wanted)
        try:
            if not granted:
                return DispatchReport(throttled=True)
            return self._broadcaster.send(settings, ready, allowance, limit=granted)
        finally:
            allowance.close()
            if permitted is not None:
                breaker.unused()

    def _claim_and_send(
        self,
        settings: ProductSettings,
        ready: Ready,
        channels: Sequence[Channel],
        limit: int,
    ) -> DispatchReport:
        def send(above: int) -> tuple[DispatchReport, int]:
            with self._store.engine.begin() as conn:
                claimed = claim.fresh(
                    conn,
                    self._key,
                    settings,
                    ready.source,
                    self._now(),
                    above=above,
                    limit=limit,
                    channels=channels,
                    lease=self._lease,
                )
            report = DispatchReport.of(claimed.judged)
            if claimed.rows:
                limited = {} if ready.per_second is None else {ready.source: ready.per_second}
                report.add(self._sender.send(settings, claimed, limited))
            return report, claimed.judged.last_id

        return self._above_watermark(ready.source, send)

    def _above_watermark(
        self, source: SourceKey, send: Callable[[int], tuple[DispatchReport, int]]
    ) -> DispatchReport:
        """Send what is above the source's watermark, which then moves; ``send`` says how far."""
        key = (source, self._channels)
        marks = self._shared.watermarks
        mark = marks.get(key)
        if mark is None or time.monotonic() - mark.since > _WATERMARK_SECONDS:
            mark = marks[key] = _Watermark()
        report, last_id = send(mark.id)
        if report.seen == 0 and not report.throttled and mark.id:
            # Rows below the watermark were given back: start again from the bottom.
            mark = marks[key] = _Watermark()
            report, last_id = send(0)
        mark.id = max(mark.id, last_id)
        return report
