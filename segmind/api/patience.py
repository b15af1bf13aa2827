"""Work for somebody who may not wait for it: it stops when they go, or when their time is up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, TypeVar

from fastapi import Request

from segmind.stopping import Running

T = TypeVar("T")

#: How often to look whether the client is still there, in seconds. Answers are not delayed by it.
_LOOK: Final = 0.2


async def answered(request: Request, work: Callable[[], T], seconds: float) -> T:
    """What ``work`` gives, done in a thread of its own.

    It is stopped ``seconds`` after it began, and as soon as the client has gone.

    Raises:
        Stopped: see above; and whatever the work raises.
    """
    running = Running(work, seconds)
    done = asyncio.wrap_future(running.future)
    try:
        while True:
            finished, _ = await asyncio.wait({done}, timeout=_LOOK)
            if finished:
                return done.result()
            if await request.is_disconnected():
                running.stop.now()
    finally:
        running.stop.now()
