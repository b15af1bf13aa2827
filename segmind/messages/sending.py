"""From a claim to the providers and back: render, reserve, mark, call, acknowledge."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from uuid import UUID

from sqlalchemy.exc import DBAPIError

from segmind.channels.channel import Channel as ChannelName
from segmind.channels.outcome import Outcome
from segmind.channels.provider import Provider
from segmind.channels.registry import Registry
from segmind.consent.addresses import address_key
from segmind.db.engine import Store
from segmind.events.schema import Channel
from segmind.messages import acknowledge, handover, rates, retry
from segmind.messages.allowance import Allowance, learning_bucket, limits_of
from segmind.messages.breakers import Breaker
from segmind.messages.claim import Claim
from segmind.messages.dispatch_report import DispatchReport
from segmind.messages.experience import Experience
from segmind.messages.links import LinkBook
from segmind.messages.provider_call import outcomes_of
from segmind.messages.rendering import Rendered, Renderer, Unrenderable, sender_of
from segmind.messages.sources import SourceKey
from segmind.workspace.product_settings import ProductSettings

log = logging.getLogger(__name__)

#: No provider call lasts longer: ``Provider.send`` promises a bounded time.
LONGEST_CALL_SECONDS = 60.0
_MARGIN_SECONDS = 5.0
_ACK_TRIES = 6
#: How long a message waits for which its bucket has no token.
_WAIT_FOR_TOKEN = timedelta(seconds=1)


class Sender:
    """Hands claims over. One instance belongs to one thread; see ``Dispatcher`` for the options."""

    def __init__(
        self,
        store: Store,
        registry: Registry,
        *,
        now: Callable[[], datetime],
        lease: float,
        provider_rates: Mapping[str, float],
        policy: retry.RetryPolicy,
        draw: random.Random,
        experience: Experience,
    ) -> None:
        self._store = store
        self._registry = registry
        self._now = now
        self._lease = lease
        self._call_limit = min(LONGEST_CALL_SECONDS, lease / 2)
        self._margin = min(_MARGIN_SECONDS, lease / 10)
        self._provider_rates = dict(provider_rates)
        self._policy = policy
        self._draw = draw
        self.experience = experience
        self._key = address_key(store.settings.secret_key)
        self.book = LinkBook(store.settings.secret_key, store.settings.public_url)
        self.renderer = Renderer(self.book, lambda channel: self.provider(channel).name)
        self._taught: frozenset[str] = frozenset()

    def prepare(self, settings: ProductSettings) -> None:
        """Look at what has changed since the last round."""
        self.book.base_url = settings.public_url or self._store.settings.public_url
        with self._store.engine.connect() as conn:
            self._taught = rates.taught(conn)

    def send(
        self,
        settings: ProductSettings,
        claimed: Claim,
        limited: Mapping[SourceKey, int],
    ) -> DispatchReport:
        """Send what was claimed. ``limited``: sends per second of sources that have a limit."""
        url = settings.public_url or self._store.settings.public_url
        with self._store.engine.connect() as conn:
            results = self.renderer.render(conn, claimed.rows, settings, url)
        bad = [result for result in results if isinstance(result, Unrenderable)]
        good = [result for result in results if isinstance(result, Rendered)]
        report = DispatchReport()
        if bad or self.book.new:
            with self._store.engine.begin() as conn:
                report.failed = handover.fail_unrenderable(conn, claimed.token, bad)
                self.book.keep(conn)
            self.book.kept()

        def kind(item: Rendered) -> tuple[Channel, SourceKey | None]:
            source = item.message.source
            return item.message.channel, source if source in limited else None

        # What has no rate of its own shares batches, whatever source it is of.
        for (channel, source), items in groupby(sorted(good, key=_by_kind(kind)), key=kind):
            provider = self.provider(channel)
            rate = limited.get(source) if source is not None else None
            own = Allowance(self._store.engine, self.limits(provider, settings, source, rate))
            queue = self._within_budget(claimed.token, provider, list(items), report)
            report.add(self._send_queue(claimed.token, provider, settings, queue, own))
            own.close()
        return report

    def _within_budget(
        self, token: UUID, provider: Provider, queue: list[Rendered], report: DispatchReport
    ) -> list[Rendered]:
        """The queue without the retries for which there is no budget; those wait a little."""
        retries = [item for item in queue if item.message.attempt]
        granted = self.experience.budget(provider.name).spend(
            len(queue) - len(retries), len(retries)
        )
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
        breaker = self.breaker(queue[0].message.channel, settings)
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
        weights = [weight_of(provider, item) for item in batch]
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
            allowance.back(sum(weight_of(provider, item) for item in marked.held))
            report.released += self._release(token, marked.held, None)
        if not marked.going:
            return report
        until = self.last_moment(began)
        if time.monotonic() >= until:
            # This process stood still (stopped, swapped out): the lease may be somebody else's by
            # the time the call is made. Leave the rows to the reaper; nothing was sent.
            log.warning("A batch was abandoned: its lease had run down before the call.")
            return report
        report.add(self._call(token, provider, breaker, marked, started_at, until))
        return report

    def hand_over(
        self,
        token: UUID | None,
        provider: Provider,
        settings: ProductSettings,
        marked: handover.Marked,
        started_at: datetime,
        until: float,
    ) -> DispatchReport:
        """Call the provider with what is marked, and write down what it says. ``token``: the
        claim's; None: ``marked`` is a micro-batch. ``until``: the last moment for a request."""
        breaker = self.breaker(Channel[provider.channel.name], settings)
        return self._call(token, provider, breaker, marked, started_at, until)

    def _call(
        self,
        token: UUID | None,
        provider: Provider,
        breaker: Breaker,
        marked: handover.Marked,
        started_at: datetime,
        until: float,
    ) -> DispatchReport:
        outcomes = outcomes_of(provider, marked.going, until)
        self._heed(provider, breaker, outcomes)
        return self._acknowledge(token, marked, outcomes, started_at)

    def last_moment(self, began: float) -> float:
        """Until when (``time.monotonic()``) a request may begin whose lease began at ``began``."""
        return began + self._lease - self._call_limit - self._margin

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
        token: UUID | None,
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

    def provider(self, channel: Channel) -> Provider:
        """Who carries the channel."""
        return self._registry.for_channel(ChannelName.of_code(int(channel)))

    def breaker(self, channel: Channel, settings: ProductSettings) -> Breaker:
        """The breaker of the channel's provider and the workspace's sender on it."""
        sender = sender_of(channel, settings)
        return self.experience.breakers.of(
            self.provider(channel).name, sender.address if sender else ""
        )

    def limits(
        self,
        provider: Provider,
        settings: ProductSettings,
        source: SourceKey | None,
        source_rate: int | None,
    ) -> tuple[rates.Limit, ...]:
        """The buckets that a message of ``source`` passes."""
        sender = sender_of(Channel[provider.channel.name], settings)
        return limits_of(
            provider,
            sender.address if sender else "",
            source,
            per_second={**settings.send_limits, **self._provider_rates},
            source_rate=source_rate,
            taught=self._taught,
        )


def _by_kind(
    kind: Callable[[Rendered], tuple[Channel, SourceKey | None]],
) -> Callable[[Rendered], tuple[int, tuple[int, int]]]:
    def key(item: Rendered) -> tuple[int, tuple[int, int]]:
        channel, source = kind(item)
        return int(channel), (0, 0) if source is None else (source.kind, source.id)

    return key


def weight_of(provider: Provider, item: Rendered) -> int:
    return (item.segments or 1) if provider.capabilities.counts_parts else 1


def _batches(queue: Sequence[Rendered], size: int) -> Iterable[Sequence[Rendered]]:
    return (queue[start : start + size] for start in range(0, len(queue), size))
