"""The dispatcher: claim, gate, render, hand over, acknowledge. Any number may run at once.

Nothing is sent twice through crashes: a claim commits before any call, a micro-batch is marked just
before its call, and what ends without an answer is in doubt, to be settled by evidence
(``reconcile``), never by time.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from itertools import groupby
from uuid import UUID

from sqlalchemy.exc import DBAPIError

from segmind import clock
from segmind.channels.channel import Channel as ChannelName
from segmind.channels.outcome import Outcome
from segmind.channels.provider import Provider
from segmind.channels.registry import Registry
from segmind.consent.addresses import address_key
from segmind.db.engine import Store
from segmind.events.schema import Channel, Source
from segmind.messages import acknowledge, claim, handover, rates, retry, sources
from segmind.messages.allowance import Allowance, learning_bucket, limits_of
from segmind.messages.breakers import Breaker, Breakers
from segmind.messages.claim import LEASE_SECONDS, Claim
from segmind.messages.links import LinkBook
from segmind.messages.provider_call import outcomes_of
from segmind.messages.rendering import Rendered, Renderer, Unrenderable, sender_of
from segmind.messages.retry import RetryBudget
from segmind.messages.sources import Ready, SourceKey
from segmind.workspace import product_settings
from segmind.workspace.product_settings import ProductSettings

log = logging.getLogger(__name__)

CLAIM_SIZE = 500
#: No provider call lasts longer: ``Provider.send`` promises a bounded time.
LONGEST_CALL_SECONDS = 60.0
_MARGIN_SECONDS = 5.0
_WATERMARK_SECONDS = 30.0
_ACK_TRIES = 6
#: How long a message waits for which its bucket has no token.
_WAIT_FOR_TOKEN = timedelta(seconds=1)


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


@dataclass(slots=True)
class Shared:
    """What the dispatchers of one process have in common: what they know of providers and of the
    queue. Safe between threads."""

    breakers: Breakers = field(default_factory=Breakers)
    budgets: dict[str, RetryBudget] = field(default_factory=dict)
    watermarks: dict[tuple[SourceKey, frozenset[Channel]], _Watermark] = field(default_factory=dict)

    def budget(self, provider: str) -> RetryBudget:
        """The retry budget of a provider."""
        return self.budgets.setdefault(provider, RetryBudget())


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
        self._channels = frozenset(channels)
        self._shared = shared or Shared()
        self._book = LinkBook(store.settings.secret_key, store.settings.public_url)
        self._renderer = Renderer(self._book, lambda channel: self._provider(channel).name)
        self._taught: frozenset[str] = frozenset()

    def run_once(self) -> DispatchReport:
        """One round: what waited and is due, then one claim of every open source with messages."""
        settings = self._load_settings()
        self._book.base_url = settings.public_url or self._store.settings.public_url
        with self._store.engine.connect() as conn:
            self._taught = rates.taught(conn)
        report = self._waiting(settings)
        with self._store.engine.connect() as conn:
            ready = sources.with_ready(conn)
        for each in ready:
            if each.source.kind != Source.CAMPAIGN or each.channel in self._channels:
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
        """What waited and is due: of healthy providers all, of those on trial a few."""
        open_channels = []
        report = DispatchReport()
        for channel in sorted(self._channels):
            breaker = self._breaker(channel, settings)
            permitted = breaker.permit()
            if permitted is None:
                open_channels.append(channel)
            elif permitted:
                report.add(self._claim_waiting(settings, [channel], permitted))
                breaker.unused()
        if open_channels:
            report.add(self._claim_waiting(settings, open_channels, self._claim_size))
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
                limit=min(limit, self._claim_size),
                channels=channels,
                lease=self._lease,
            )
            limited = sources.rates(conn, {row.source for row in claimed.rows})
        report = _counted(claimed)
        if claimed.rows:
            report.add(self._send(settings, claimed, limited, None))
        return report

    def _fresh(self, settings: ProductSettings, ready: Ready) -> DispatchReport:
        """One claim of a source; of a campaign no more than its provider and its rate let go."""
        if ready.source.kind != Source.CAMPAIGN:
            channels = [c for c in self._channels if not self._breaker(c, settings).is_shut()]
            rows = self._claim_size if channels else 0
            return self._claim_and_send(settings, ready, channels, rows, None)
        breaker = self._breaker(ready.channel, settings)
        permitted = breaker.permit()
        if permitted == 0:
            return DispatchReport()
        provider = self._provider(ready.channel)
        limits = self._limits(provider, settings, ready.source, ready.per_second)
        allowance = Allowance(self._store.engine, limits)
        wanted = min(self._claim_size, permitted or self._claim_size)
        granted = allowance.ahead(wanted)
        try:
            if not granted:
                return DispatchReport(throttled=True)
            return self._claim_and_send(settings, ready, [ready.channel], granted, allowance)
        finally:
            allowance.close()
            if permitted is not None:
                breaker.unused()

    def _claim_and_send(
        self,
        settings: ProductSettings,
        ready: Ready,
        channels: Sequence[Channel],
        rows: int,
        allowance: Allowance | None,
    ) -> DispatchReport:
        if not rows:
            return DispatchReport()
        claimed = self._claim(settings, ready.source, channels, rows)
        report = _counted(claimed)
        if claimed.rows:
            limited = {} if ready.per_second is None else {ready.source: ready.per_second}
            report.add(self._send(settings, claimed, limited, allowance))
        return report

    def _claim(
        self,
        settings: ProductSettings,
        source: SourceKey,
        channels: Sequence[Channel],
        limit: int,
    ) -> Claim:
        key = (source, self._channels)
        marks = self._shared.watermarks
        mark = marks.get(key)
        if mark is None or time.monotonic() - mark.since > _WATERMARK_SECONDS:
            mark = marks[key] = _Watermark()
        claimed = self._claim_above(settings, source, channels, mark.id, limit)
        if claimed.seen == 0 and mark.id:
            # Rows below the watermark were given back: start again from the bottom.
            mark = marks[key] = _Watermark()
            claimed = self._claim_above(settings, source, channels, 0, limit)
        mark.id = max(mark.id, claimed.last_id)
        return claimed

    def _claim_above(
        self,
        settings: ProductSettings,
        source: SourceKey,
        channels: Sequence[Channel],
        above: int,
        limit: int,
    ) -> Claim:
        with self._store.engine.begin() as conn:
            return claim.fresh(
                conn,
                self._key,
                settings,
                source,
                self._now(),
                above=above,
                limit=limit,
                channels=channels,
                lease=self._lease,
            )

    # --- sending ---------------------------------------------------------------------------------

    def _send(
        self,
        settings: ProductSettings,
        claimed: Claim,
        limited: Mapping[SourceKey, int],
        allowance: Allowance | None,
    ) -> DispatchReport:
        url = settings.public_url or self._store.settings.public_url
        with self._store.engine.connect() as conn:
            results = self._renderer.render(conn, claimed.rows, settings, url)
        bad = [result for result in results if isinstance(result, Unrenderable)]
        good = [result for result in results if isinstance(result, Rendered)]
        report = DispatchReport()
        if bad or self._book.new:
            with self._store.engine.begin() as conn:
                report.failed = handover.fail_unrenderable(conn, claimed.token, bad)
                self._book.keep(conn)
            self._book.kept()

        def kind(item: Rendered) -> tuple[Channel, SourceKey | None]:
            source = item.message.source
            return item.message.channel, source if source in limited else None

        # What has no rate of its own shares batches, whatever source it is of.
        for (channel, source), items in groupby(sorted(good, key=_by_kind(kind)), key=kind):
            provider = self._provider(channel)
            own = allowance
            if own is None:
                rate = limited.get(source) if source is not None else None
                limits = self._limits(provider, settings, source, rate)
                own = Allowance(self._store.engine, limits)
            queue = self._within_budget(claimed.token, provider, list(items), report)
            report.add(self._send_queue(claimed.token, provider, settings, queue, own))
            if allowance is None:
                own.close()
        return report

    def _within_budget(
        self, token: UUID, provider: Provider, queue: list[Rendered], report: DispatchReport
    ) -> list[Rendered]:
        """The queue without the retries for which there is no budget; those wait a little."""
        retries = [item for item in queue if item.message.attempt]
        granted = self._shared.budget(provider.name).spend(len(queue) - len(retries), len(retries))
        if granted == len(retries):
            return queue
        late = retries[granted:]
        wait = timedelta(seconds=retry.WAIT_FOR_BUDGET * (1 + self._draw.random()))
        report.released += self._release(token, late, wait)
        left = {item.message.id for item in late}
        return [item for item in queue if item.message.id not in left]

    def _send_queue(
        self,
        token: UUID,
        provider: Provider,
        settings: ProductSettings,
        queue: Sequence[Rendered],
        allowance: Allowance,
    ) -> DispatchReport:
        report = DispatchReport()
        if not queue:
            return report
        breaker = self._breaker(queue[0].message.channel, settings)
        for batch in _batches(queue, provider.batch_size):
            if breaker.is_shut():
                wait = timedelta(seconds=breaker.shut_for() * (1 + self._draw.random() / 10))
                report.released += self._release(token, batch, wait)
            else:
                report.add(self._send_batch(token, provider, breaker, batch, allowance))
        return report

    def _send_batch(
        self,
        token: UUID,
        provider: Provider,
        breaker: Breaker,
        batch: Sequence[Rendered],
        allowance: Allowance,
    ) -> DispatchReport:
        weights = [_weight(provider, item) for item in batch]
        granted = allowance.take(weights)
        report = DispatchReport()
        if granted < len(batch):
            report.released += self._release(token, batch[granted:], _WAIT_FOR_TOKEN)
            batch = batch[:granted]
        if not batch:
            return report
        began = time.monotonic()
        started_at = self._now()
        with self._store.engine.begin() as conn:
            marked = handover.mark(conn, token, provider.name, batch, self._lease)
        if marked.held:
            allowance.back(sum(_weight(provider, item) for item in marked.held))
            report.released += self._release(token, marked.held, None)
        if not marked.going:
            return report
        until = began + self._lease - self._call_limit - self._margin
        if time.monotonic() >= until:
            # This process stood still (stopped, swapped out): the lease may be somebody else's by
            # the time the call is made. Leave the rows to the reaper; nothing was sent.
            log.warning("A batch was abandoned: its lease had run down before the call.")
            return report
        outcomes = outcomes_of(provider, marked.going, until)
        self._heed(provider, breaker, outcomes)
        report.add(self._acknowledge(token, marked, outcomes, started_at))
        return report

    def _heed(self, provider: Provider, breaker: Breaker, outcomes: Sequence[Outcome]) -> None:
        """Let the breaker know, and lower the pace of a provider that says "too many"."""
        answers = breaker.heed(outcomes)
        if answers.setup is not None:
            log.error("%s refuses the set-up; it is left alone for a minute.", provider.name)
        if answers.throttled and breaker.throttled_share() >= rates.TEACHING.share:
            _, _, sender = breaker.name.partition(":")
            with self._store.engine.begin() as conn:
                pace = max(breaker.pace(), float(answers.calls))
                if rates.teach(conn, learning_bucket(provider, sender), pace):
                    log.info("%s says too many; its pace is lowered.", breaker.name)

    def _release(self, token: UUID, batch: Sequence[Rendered], wait: timedelta | None) -> int:
        due_at = None if wait is None else self._now() + wait
        with self._store.engine.begin() as conn:
            messages = [item.message for item in batch]
            return handover.release(conn, token, messages, due_at=due_at)

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

    # --- providers -------------------------------------------------------------------------------

    def _provider(self, channel: Channel) -> Provider:
        return self._registry.for_channel(ChannelName.of_code(int(channel)))

    def _breaker(self, channel: Channel, settings: ProductSettings) -> Breaker:
        sender = sender_of(channel, settings)
        return self._shared.breakers.of(
            self._provider(channel).name, sender.address if sender else ""
        )

    def _limits(
        self,
        provider: Provider,
        settings: ProductSettings,
        source: SourceKey | None,
        source_rate: int | None,
    ) -> tuple[rates.Limit, ...]:
        sender = sender_of(Channel[provider.channel.name], settings)
        return limits_of(
            provider,
            sender.address if sender else "",
            source,
            per_second={**settings.send_limits, **self._provider_rates},
            source_rate=source_rate,
            taught=self._taught,
        )


def _counted(claimed: Claim) -> DispatchReport:
    return DispatchReport(
        seen=claimed.seen,
        skipped=claimed.skipped,
        deferred=claimed.deferred,
        expired=claimed.expired,
    )


def _by_kind(
    kind: Callable[[Rendered], tuple[Channel, SourceKey | None]],
) -> Callable[[Rendered], tuple[int, tuple[int, int]]]:
    def key(item: Rendered) -> tuple[int, tuple[int, int]]:
        channel, source = kind(item)
        return int(channel), (0, 0) if source is None else (source.kind, source.id)

    return key


def _weight(provider: Provider, item: Rendered) -> int:
    return (item.segments or 1) if provider.capabilities.counts_parts else 1


def _batches(queue: Sequence[Rendered], size: int) -> Iterable[Sequence[Rendered]]:
    return (queue[start : start + size] for start in range(0, len(queue), size))
