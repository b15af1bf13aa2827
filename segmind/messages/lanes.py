"""Dispatchers side by side in one process: while one waits for an answer, others prepare.

Each channel has lanes of its own, so a provider that hangs holds up nobody else's messages. The
first lane of a channel looks for work; the others join it only when there is much.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from segmind.channels.registry import Registry
from segmind.db.engine import Store
from segmind.events.schema import Channel
from segmind.messages.dispatch import CLAIM_SIZE, Dispatcher, DispatchReport, Shared

log = logging.getLogger(__name__)

#: Lanes of each channel: one waits for the provider, one for the database, one prepares.
LANES = 3


class Lanes:
    """The dispatchers of one process. Used by one thread at a time."""

    def __init__(
        self,
        store: Store,
        registry: Registry,
        *,
        lanes: int = LANES,
        make: Callable[..., Dispatcher] = Dispatcher,
        **options: object,
    ) -> None:
        shared = Shared()
        self._lanes = {
            channel: [
                make(store, registry, channels=(channel,), shared=shared, **options)
                for _ in range(lanes)
            ]
            for channel in Channel
        }
        self._pool = ThreadPoolExecutor(len(Channel) * lanes, thread_name_prefix="lane")

    def run_until_idle(self, is_stopping: Callable[[], bool] = lambda: False) -> DispatchReport:
        """Send until there is nothing to do, or until ``is_stopping``."""
        total = DispatchReport()
        running = [self._pool.submit(self._channel, one, is_stopping) for one in Channel]
        for report in _results(running):
            total.add(report)
        return total

    def close(self) -> None:
        """Let the threads go."""
        self._pool.shutdown(wait=False)

    def _channel(self, channel: Channel, is_stopping: Callable[[], bool]) -> DispatchReport:
        first, *others = self._lanes[channel]
        total = DispatchReport()
        beside: list[Future[DispatchReport]] = []
        while not is_stopping():
            report = first.run_once()
            total.add(report)
            if report.seen >= CLAIM_SIZE and not beside:
                beside = [self._pool.submit(_until_idle, lane, is_stopping) for lane in others]
            if report.seen == 0:
                break
        for report in _results(beside):
            total.add(report)
        return total


def _until_idle(lane: Dispatcher, is_stopping: Callable[[], bool]) -> DispatchReport:
    total = DispatchReport()
    while not is_stopping():
        report = lane.run_once()
        total.add(report)
        if report.seen == 0:
            break
    return total


def _results(running: list[Future[DispatchReport]]) -> list[DispatchReport]:
    """What they report, once all have ended; the first error is raised then, the others logged."""
    done: list[DispatchReport] = []
    errors: list[BaseException] = []
    for future in running:
        try:
            done.append(future.result())
        except Exception as error:  # nobody else would hear of it
            errors.append(error)
    for other in errors[1:]:
        log.error("A lane ended with %s.", type(other).__name__)
    if errors:
        raise errors[0]
    return done
