"""Work that arrives at the same time is done together: what one costs alone, several share.

A transaction, its round trips and its commit cost as much for one batch of events as for ten. Who
comes while others are at work waits for a turn, and finds what came meanwhile done with his own.
Who gets a turn beside another group waits a moment for company: the other one has the processor.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class _Ticket(Generic[Item, Result]):
    def __init__(self, item: Item) -> None:
        self.item = item
        self.is_waiting = True  # until a group takes it
        self.is_done = threading.Event()
        self.result: Result | None = None
        self.error: BaseException | None = None


class Together(Generic[Item, Result]):
    """Hands items of many threads to ``act`` in groups, oldest first.

    ``act`` gives a result for each item. Where it fails for several, each is tried alone, so that
    nobody pays for another's fault. ``turns``: groups at work at once; ``most``: what the sizes in
    a group sum up to at most (one item always fits). ``gather``: seconds to wait for company where
    another group is at work. ``make_way`` returns when a group may begin; who comes until then may
    belong to it.
    """

    def __init__(
        self,
        act: Callable[[Sequence[Item]], Sequence[Result]],
        size: Callable[[Item], int],
        *,
        turns: int,
        most: int,
        gather: float = 0.0,
        make_way: Callable[[], object] = lambda: None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._act = act
        self._size = size
        self._most: Final = most
        self._gather: Final = gather
        self._make_way = make_way
        self._sleep = sleep
        self._at_work = 0
        self._turns = threading.Semaphore(turns)
        self._lock = threading.Lock()
        self._waiting: deque[_Ticket[Item, Result]] = deque()

    def run(self, item: Item) -> Result:
        """The result of ``item``; raises what ``act`` raised for it."""
        ticket = _Ticket[Item, Result](item)
        with self._lock:
            self._waiting.append(ticket)
        # Whoever's ticket still waits at his turn does the oldest ones: all get done.
        with self._turns:
            if ticket.is_waiting:
                if self._at_work:
                    self._sleep(self._gather)
                self._make_way()
                self._do(self._next())
        ticket.is_done.wait()
        if ticket.error is not None:
            raise ticket.error
        return ticket.result  # type: ignore[return-value]  # done without error: there is one

    def _next(self) -> list[_Ticket[Item, Result]]:
        group: list[_Ticket[Item, Result]] = []
        total = 0
        with self._lock:
            while self._waiting:
                total += self._size(self._waiting[0].item)
                if group and total > self._most:
                    break
                group.append(self._waiting.popleft())
                group[-1].is_waiting = False
            self._at_work += bool(group)
        return group

    def _do(self, group: list[_Ticket[Item, Result]]) -> None:
        if not group:
            return
        try:
            self._act_on(group)
        finally:
            with self._lock:
                self._at_work -= 1

    def _act_on(self, group: list[_Ticket[Item, Result]]) -> None:
        try:
            results = self._act([ticket.item for ticket in group])
        except BaseException as error:
            if len(group) > 1 and isinstance(error, Exception):
                for ticket in group:
                    self._act_on([ticket])
                return
            for ticket in group:
                ticket.error = error  # raised by who waits for it
        else:
            for ticket, result in zip(group, results, strict=True):
                ticket.result = result
        for ticket in group:
            ticket.is_done.set()
