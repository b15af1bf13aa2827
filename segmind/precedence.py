"""Who asks comes first: work that can wait a moment lets a question pass.

A question of somebody who looks at the screen takes a tenth of a second of one interpreter; beside
threads that take in events by the thousand it took half a second. So these ask for leave before
they begin the next group. A question is let pass while it is young: one that takes long, or many
that come one after the other, hold up nobody for more than ``MOMENT`` at a time.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

#: Seconds for which a question is let pass: what a preview takes on a machine that is busy.
MOMENT: Final = 0.4


class Precedence:
    """Questions under way in a process, and those who make way for them."""

    def __init__(self, moment: float = MOMENT) -> None:
        self._moment = moment
        self._young_until: dict[object, float] = {}
        self._changed = threading.Condition()

    @contextmanager
    def question(self) -> Iterator[None]:
        """A question is answered in this block."""
        token = object()
        with self._changed:
            self._young_until[token] = time.monotonic() + self._moment
        try:
            yield
        finally:
            with self._changed:
                del self._young_until[token]
                self._changed.notify_all()

    def make_way(self) -> None:
        """Return when no young question is under way, after the moment at the latest."""
        deadline = time.monotonic() + self._moment
        with self._changed:
            while self._young_until:
                until = min(deadline, max(self._young_until.values()))
                if (left := until - time.monotonic()) <= 0:
                    return
                self._changed.wait(left)


#: That of this process.
of_process: Final = Precedence()
