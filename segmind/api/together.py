"""Work that arrives at the same time is done together: what one costs alone, several share.

A transaction, its round trips and its commit cost as much for one batch of events as for ten. Who
comes while others are at work waits, and is done with all that came meanwhile. One group at a time:
two that are computed by one interpreter keep each other waiting, and every question beside them.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class _Ticket(Generic[Item, Result]):
    def __init__(self, item: Item) -> None:
        self.item = item
        self.is_done = False
        self.is_called = threading.Event()  # done, or first of those who wait: its turn to lead
        self.result: Result | None = None
        self.error: BaseException | None = None


class Together(Generic[Item, Result]):
    """Hands items of many threads to ``act`` in groups, oldest first.

    ``act`` gives a result for each item. Where it fails for several, each is tried alone, so that
    nobody pays for another's fault. ``most``: what the sizes in a group sum up to at most (one item
    always fits). ``make_way`` returns when a group may begin, and raises nothing; who comes
    until then may belong to it.
    """

    def __init__(
        self,
        act: Callable[[Sequence[Item]], Sequence[Result]],
        size: Callable[[Item], int],
        *,
        most: int,
        make_way: Callable[[], object] = lambda: None,
    ) -> None:
        self._act = act
        self._size = size
        self._most: Final = most
        self._make_way = make_way
        self._lock = threading.Lock()
        self._is_led = False
        self._waiting: deque[_Ticket[Item, Result]] = deque()

    def run(self, item: Item) -> Result:
        """The result of ``item``; raises what ``act`` raised for it."""
        ticket = _Ticket[Item, Result](item)
        with self._lock:
            self._waiting.append(ticket)
            leads, self._is_led = not self._is_led, True
        if not leads:
            ticket.is_called.wait()
        if not ticket.is_done:
            try:
                self._make_way()
                self._act_on(self._next())
            finally:
                self._hand_over()
        if ticket.error is not None:
            raise ticket.error
        return ticket.result  # type: ignore[return-value]  # done without error: there is one

    def _hand_over(self) -> None:
        """Whose item waits longest leads the next group; who is done answers without a turn."""
        with self._lock:
            if self._waiting:
                self._waiting[0].is_called.set()
            else:
                self._is_led = False

    def _next(self) -> list[_Ticket[Item, Result]]:
        group: list[_Ticket[Item, Result]] = []
        total = 0
        with self._lock:
            while self._waiting:
                total += self._size(self._waiting[0].item)
                if group and total > self._most:
                    break
                group.append(self._waiting.popleft())
        return group

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
            ticket.is_done = True
            ticket.is_called.set()
