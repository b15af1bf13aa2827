"""Dispatchers side by side in one process: while one waits for an answer, others prepare.

Each channel has lanes of its own, so a provider that hangs holds up nobody else's messages. The
first lane of a channel looks for work; the others join it only when there is much.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from segmind.channels.registry import Registry
from segmind.db.engine import Store
from segmind.events.schema import Channel
from segmind.messages.dispatch import CLAIM_SIZE, Dispatcher, DispatchReport, Shared

log = logging.getLogger(__name__)

#: Lanes of each channel: one waits for the provider, one for the database, one prepares.
LANES = 3
#: An idle channel looks for new messages so often (seconds) while another one is busy.
LOOK_SECONDS = 0.25


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
        self._busy: set[Channel] = set()
        self._is_closed = False

    def run_until_idle(self, is_stopping: Callable[[], bool] = lambda: False) -> DispatchReport:
        """Send until no channel has anything to do, or until ``is_stopping``. While one channel is
        busy, the others keep looking for work: a long broadcast delays nobody else's messages."""
        total = DispatchReport()
        self._busy = set(Channel)
        running = [self._pool.submit(self._channel, channel, is_stopping) for channel in Channel]
        for report in _results(running):
            total.add(report)
        return total

    def close(self) -> None:
        """Let the lanes end after their present round."""
        self._is_closed = True
        self._pool.shutdown(wait=False)

    def _channel(self, channel: Channel, is_stopping: Callable[[], bool]) -> DispatchReport:
        first, *others = self._lanes[channel]
        total = DispatchReport()
        beside: list[Future[DispatchReport]] = []
        try:
            while not (is_stopping() or self._is_closed):
                report = first.run_once()
                total.add(report)
                if report.seen:
                    self._busy.add(channel)
                    is_much = report.seen >= CLAIM_SIZE and not self._is_closed
                    if is_much and all(lane.done() for lane in beside):
                        for finished in _results(beside):
                            total.add(finished)
                        beside = [
                            self._pool.submit(self._beside, lane, is_stopping) for lane in others
                        ]
                    continue
                self._busy.discard(channel)
                if not self._busy:
                    break
                time.sleep(LOOK_SECONDS)
        finally:
            self._busy.discard(channel)
        for report in _results(beside):
            total.add(report)
        return total

    def _beside(self, lane: Dispatcher, is_stopping: Callable[[], bool]) -> DispatchReport:
        total = DispatchReport()
        while not (is_stopping() or self._is_closed):
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
