"""What the vendors report of what they accepted: on time, by the seed, with noise.

Only the product's own address is ever called: its webhooks, and of the links in messages only
those that lead to it.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
import random
import time
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import urlsplit

import aiohttp
import yarl

from segmind.channels.channel import Channel
from segmind.channels.emulator.acceptances import Taken
from segmind.channels.emulator.identity import Identity
from segmind.channels.emulator.noise import ORDERLY, Noise
from segmind.channels.emulator.posts import Event, Post, Writer, writers
from segmind.channels.fates import HABITS, REHEARSAL_SPEED, Habits, fate

_AT_ONCE: Final = 16
_TICK_SECONDS: Final = 0.05
_MOST_A_TICK: Final = 2_000
#: A post that was not taken is tried again after so many seconds, then given up.
_AGAIN_AFTER: Final = (1.0, 2.0, 5.0, 15.0, 60.0)


@dataclass(frozen=True, slots=True)
class _Due:
    channel: Channel
    event: Event


class Reporter:
    """Reports to ``product_url``. ``speed``: how much faster than life people open and click."""

    def __init__(
        self,
        product_url: str,
        *,
        noise: Noise = ORDERLY,
        habits: Mapping[Channel, Habits] | None = None,
        speed: float = REHEARSAL_SPEED,
    ) -> None:
        self._product = product_url.rstrip("/")
        self._noise = noise
        self._habits = {**HABITS, **(habits or {})}
        self._speed = speed
        self._heap: list[tuple[float, int, _Due | Post]] = []
        self._order = itertools.count()
        self._counts: Counter[str] = Counter()
        self._posting: set[asyncio.Task[None]] = set()

    async def start(self, identity: Identity, seed: int) -> None:
        """Begin to report, in the running loop."""
        self._draw = random.Random(seed)  # noqa: S311 - noise, not a secret
        self._seed = seed
        self._writers: dict[Channel, Writer] = writers(identity, self._product)
        self._gate = asyncio.Semaphore(_AT_ONCE)
        self._client = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=_AT_ONCE),
            timeout=aiohttp.ClientTimeout(total=15.0),
            trust_env=False,
        )
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Report nothing more."""
        for task in (self._task, *self._posting):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await self._client.close()

    def figures(self) -> dict[str, int]:
        """``waiting`` reports, and posts by what became of them; ``forged_taken`` must stay 0."""
        return {"waiting": len(self._heap), **dict(sorted(self._counts.items()))}

    def expect(self, channel: Channel, taken: Sequence[Taken]) -> None:
        """Plan the reports of accepted messages."""
        if channel not in self._writers:
            return
        accepted = time.monotonic()
        for message in taken:
            for step in fate(self._drawn_from(message), self._habits[channel], self._speed):
                event = Event(step, message)
                self._push(accepted + step.seconds + self._disorder(), _Due(channel, event))
                if self._lucky(self._noise.duplicated):
                    again = accepted + step.seconds + self._disorder()
                    self._push(again, _Due(channel, event))

    def _drawn_from(self, message: Taken) -> uuid.UUID:
        """The same message meets another fate under another seed."""
        return uuid.uuid5(uuid.NAMESPACE_OID, f"{self._seed}:{message.message_id}")

    def _disorder(self) -> float:
        late = self._noise.late_seconds if self._lucky(self._noise.late) else 0.0
        return late + self._draw.random() * self._noise.shuffle_seconds

    def _lucky(self, share: float) -> bool:
        return share > 0 and self._draw.random() < share

    def _push(self, at: float, what: _Due | Post) -> None:
        heapq.heappush(self._heap, (at, next(self._order), what))

    # --- posting ---------------------------------------------------------------------------------

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(_TICK_SECONDS)
            now = time.monotonic()
            events: dict[Channel, list[Event]] = {}
            for _ in range(_MOST_A_TICK):
                if not self._heap or self._heap[0][0] > now:
                    break
                what = heapq.heappop(self._heap)[2]
                if isinstance(what, Post):
                    await self._begin(what)
                else:
                    events.setdefault(what.channel, []).append(what.event)
            # E-mail first: its 500 events to a post do not keep SMS waiting, the reverse would.
            for channel, due in sorted(events.items()):
                for post in self._writers[channel].posts(due):
                    await self._begin_noisily(channel, post, now)

    async def _begin_noisily(self, channel: Channel, post: Post, now: float) -> None:
        await self._begin(post)
        if not post.is_signed:
            return
        if self._lucky(self._noise.replayed):
            wait = 1.0 + self._draw.random() * self._noise.late_seconds
            self._push(now + wait, replace(post, kind="replayed"))
        if self._lucky(self._noise.forged):
            await self._begin(self._writers[channel].forged(post))

    async def _begin(self, post: Post) -> None:
        if not self._is_ours(post.url):
            self._counts["left_alone"] += 1
            return
        await self._gate.acquire()
        task = asyncio.create_task(self._post(post))
        self._posting.add(task)
        task.add_done_callback(self._posting.discard)

    async def _post(self, post: Post) -> None:
        try:
            async with self._client.request(
                post.method,
                yarl.URL(post.url_to_call, encoded=True),  # as it was signed
                data=post.body,
                headers=post.headers,
                allow_redirects=False,
            ) as answer:
                status = answer.status
        except (aiohttp.ClientError, TimeoutError, OSError):
            status = 0
        finally:
            self._gate.release()
        taken = 200 <= status < 400
        self._counts[f"{post.kind}_{'taken' if taken else 'refused'}"] += 1
        wants_again = status == 0 or status == 429 or status >= 500
        if wants_again and post.is_signed and post.kind != "forged":
            self._again(post)

    def _again(self, post: Post) -> None:
        if post.tries >= len(_AGAIN_AFTER):
            self._counts["given_up"] += 1
            return
        wait = _AGAIN_AFTER[post.tries]
        self._push(time.monotonic() + wait, replace(post, tries=post.tries + 1))

    def _is_ours(self, url: str) -> bool:
        return _origin(url) == _origin(self._product)


def _origin(url: str) -> tuple[str, str | None, int | None]:
    try:
        parts = urlsplit(url)
        return parts.scheme, parts.hostname, parts.port
    except ValueError:
        return "", None, None
