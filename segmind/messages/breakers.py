"""Breakers: a provider that fails is left alone, then asked by a few, then by all again.

One for every provider and sender. A process learns by itself and forgets when it ends: nothing
depends on it but the number of calls that are made in vain.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from segmind.channels.outcome import LONGEST_WAIT, InDoubt, Outcome, Rejected, Retry

log = logging.getLogger(__name__)

#: Outcomes that say that nobody was there to take the call.
_NOT_REACHED: Final = frozenset({"unreachable"})
_TOO_MANY_REQUESTS: Final = 429
_SERVER_ERROR: Final = 500


@dataclass(frozen=True, slots=True)
class BreakerPolicy:
    """When to leave a provider alone, and for how long (seconds).

    It opens when at least ``share`` of at least ``fewest`` calls within ``window`` failed (5xx, no
    answer, 429), or after ``refused_in_row`` connections that were not even made; it stays open for
    ``first_pause``, doubling to ``longest_pause``; then it lets 1, 2, 4 ... probes pass and closes
    after ``probes_to_close`` good ones. A refused set-up opens it for ``setup_pause`` each time.
    """

    share: float = 0.5
    fewest: int = 20
    window: float = 10.0
    refused_in_row: int = 5
    first_pause: float = 30.0
    longest_pause: float = 300.0
    throttled_pause: float = 1.0
    longest_throttled_pause: float = 30.0
    setup_pause: float = 60.0
    probes_to_close: int = 30
    #: A probe that was let pass and of which nothing was heard does not count for ever.
    probe_seconds: float = 90.0


DEFAULT: Final = BreakerPolicy()


class Position(Enum):
    """closed: all pass; open: nobody; half_open: a few at a time, to see."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True)
class Answers:
    """The outcomes of one call, counted by message; ``requests`` and ``too_many`` by request: a
    refused e-mail for five hundred is one refusal."""

    calls: int = 0
    failed: int = 0
    throttled: int = 0
    requests: int = 0
    too_many: int = 0
    not_reached: int = 0
    setup: str | None = None
    wait: float | None = None

    @classmethod
    def of(cls, outcomes: Sequence[Outcome]) -> Answers:
        """What ``outcomes`` say of the provider; what was never begun says nothing. Messages of
        one request share one outcome."""
        calls = failed = throttled = not_reached = 0
        requests: set[int] = set()
        too_many: set[int] = set()
        setup: str | None = None
        wait: float | None = None
        for outcome in outcomes:
            if isinstance(outcome, Retry) and not outcome.begun:
                continue
            calls += 1
            requests.add(id(outcome))
            status = outcome.http_status
            if isinstance(outcome, InDoubt):
                failed += status is None or status >= _SERVER_ERROR
            elif isinstance(outcome, Rejected | Retry):
                if outcome.pause_sender:
                    setup = outcome.code
                if isinstance(outcome, Retry):
                    if status == _TOO_MANY_REQUESTS:
                        throttled += 1
                        too_many.add(id(outcome))
                        wait = max(wait or 0.0, outcome.after_seconds or 0.0)
                    elif outcome.code in _NOT_REACHED:
                        not_reached += 1
                        failed += 1
        return cls(calls, failed, throttled, len(requests), len(too_many), not_reached, setup, wait)


@dataclass(slots=True)
class Breaker:
    """One provider and sender, as this process sees it. Safe to use from several threads."""

    name: str
    policy: BreakerPolicy = DEFAULT
    now: Callable[[], float] = time.monotonic
    position: Position = Position.CLOSED
    _until: float = 0.0
    _pause: float = 0.0
    _good: int = 0
    _probes: int = 1
    _probing_since: float | None = None
    _refused: int = 0
    _throttled: float = 0.0
    _seen: deque[tuple[float, Answers]] = field(default_factory=deque)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def permit(self) -> int | None:
        """How many messages may be sent now; None: as many as there are.

        In half-open position the probes are given to one caller, who reports by ``heed`` or gives
        them back by ``unused``.
        """
        with self._lock:
            if self.position is Position.CLOSED:
                return None
            now = self.now()
            if self.position is Position.OPEN:
                if now < self._until:
                    return 0
                self._move(Position.HALF_OPEN)
                self._good, self._probes, self._probing_since = 0, 1, None
                # What was too many before says nothing of a probe's pace, which is one call.
                self._throttled = 0.0
            if (
                self._probing_since is not None
                and now - self._probing_since < self.policy.probe_seconds
            ):
                return 0
            self._probing_since = now
            return self._probes

    def unused(self) -> None:
        """The probes of the last ``permit`` were not needed."""
        with self._lock:
            self._probing_since = None

    def is_shut(self) -> bool:
        """Whether nothing may pass just now."""
        return self.shut_for() > 0

    def shut_for(self) -> float:
        """Seconds until anything may pass; 0 when something may now."""
        with self._lock:
            return max(0.0, self._until - self.now()) if self.position is Position.OPEN else 0.0

    def heed(self, outcomes: Sequence[Outcome]) -> Answers:
        """Learn from the outcomes of one call; returns them counted."""
        answers = Answers.of(outcomes)
        with self._lock:
            self._probing_since = None
            if answers.setup is not None:
                self._open(self.policy.setup_pause, f"it refuses the set-up ({answers.setup})")
            elif answers.calls:
                self._count(answers)
        return answers

    def pace(self) -> float:
        """Calls per second of late, by this process."""
        with self._lock:
            now = self.now()
            recent = [(at, a.calls) for at, a in self._seen if at >= now - self.policy.window]
            if not recent:
                return 0.0
            return sum(calls for _, calls in recent) / max(1.0, now - recent[0][0])

    def throttled_share(self) -> float:
        """Which share of the requests of late met a "too many"; 0 for a handful of requests."""
        with self._lock:
            return self._throttled

    def _count(self, answers: Answers) -> None:
        bad = answers.failed + answers.throttled
        if self.position is Position.OPEN:
            return  # what was under way when it opened
        if self.position is Position.HALF_OPEN:
            if bad:
                self._again(answers)
                return
            self._good += answers.calls
            self._probes *= 2
            if self._good >= self.policy.probes_to_close:
                self._move(Position.CLOSED)
                self._pause = 0.0
            return
        all_refused = answers.not_reached == answers.calls
        self._refused = self._refused + answers.not_reached if all_refused else 0
        if self._refused >= self.policy.refused_in_row:
            self._again(answers)
            return
        now = self.now()
        self._seen.append((now, answers))
        while self._seen and self._seen[0][0] < now - self.policy.window:
            self._seen.popleft()
        calls = sum(seen.calls for _, seen in self._seen)
        # By request: counted by message, one refused e-mail for five hundred halved the pace, and
        # refusals of two requests in a hundred brought it down to one message a second.
        requests = sum(seen.requests for _, seen in self._seen)
        too_many = sum(seen.too_many for _, seen in self._seen)
        self._throttled = too_many / requests if requests >= self.policy.fewest else 0.0
        failed = sum(seen.failed + seen.throttled for _, seen in self._seen)
        if calls >= self.policy.fewest and failed >= self.policy.share * calls:
            self._again(answers)

    def _again(self, answers: Answers) -> None:
        """Open for the next, longer pause; as long as the provider asks, where it does."""
        policy = self.policy
        if answers.throttled > answers.failed:
            longest, first = policy.longest_throttled_pause, policy.throttled_pause
            pause = min(longest, max(first, 2 * self._pause))
            asked = answers.wait
            self._open(
                pause if not asked else min(max(asked, first), LONGEST_WAIT), "too many requests"
            )
            self._pause = pause
            return
        self._pause = min(policy.longest_pause, max(policy.first_pause, 2 * self._pause))
        self._open(self._pause, "it fails or does not answer")

    def _open(self, seconds: float, why: str) -> None:
        if self.position is not Position.OPEN:
            log.warning("%s is left alone for %.0f s: %s.", self.name, seconds, why)
        self._until = self.now() + seconds
        self._refused = 0
        self._seen.clear()
        self._move(Position.OPEN)

    def _move(self, to: Position) -> None:
        if to is Position.CLOSED:
            log.info("%s answers again.", self.name)
        self.position = to


class Breakers:
    """The breakers of a process, made when first asked for."""

    def __init__(self, policy: BreakerPolicy = DEFAULT) -> None:
        self._policy = policy
        self._lock = threading.Lock()
        self._made: dict[str, Breaker] = {}

    def of(self, provider: str, sender: str = "") -> Breaker:
        """The breaker of a provider and sender."""
        name = f"{provider}:{sender}" if sender else provider
        with self._lock:
            if name not in self._made:
                self._made[name] = Breaker(name, self._policy)
            return self._made[name]
