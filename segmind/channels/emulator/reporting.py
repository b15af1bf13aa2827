"""What the vendors report of what they accepted: on time, by the seed, with noise.

Only the product's own address is ever called: its webhooks, and of the links in messages only
those that lead to it.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import random
import time
import uuid
from collections import Counter, defaultdict
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
from segmind.channels.emulator.posts import VENDORS, Event, Post, Writer, writers
from segmind.channels.fates import HABITS, REHEARSAL_SPEED, Habits, fate
from segmind.errors import InvalidInput

#: Posts in flight by vendor.
_AT_ONCE: Final = 8
_TICK_SECONDS: Final = 0.05
#: A post that was not taken is tried again after so many seconds, then given up.
_AGAIN_AFTER: Final = (1.0, 2.0, 5.0, 15.0, 60.0)


@dataclass(frozen=True, slots=True)
class _Due:
    channel: Channel
    event: Event


class Reporter:
    """Reports to ``product_url``.

    ``speed``: how much faster than life people open and click. ``haste``: how much faster than that
    everything happens, deliveries too.
    """

    def __init__(
        self,
        product_url: str,
        *,
        noise: Noise = ORDERLY,
        habits: Mapping[Channel, Habits] | None = None,
        speed: float = REHEARSAL_SPEED,
        haste: float = 1.0,
    ) -> None:
        if speed <= 0 or haste <= 0:
            raise InvalidInput("The speed must be above 0.", field="speed")
        self._product = product_url.rstrip("/")
        self._noise = noise
        self._habits = {**HABITS, **(habits or {})}
        self._speed = speed
        self._haste = haste
        self._heap: list[tuple[float, int, _Due | Post]] = []
        self._order = itertools.count()
        self._counts: Counter[str] = Counter()
        self._queues: dict[str, asyncio.Queue[Post]] = defaultdict(asyncio.Queue)
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self, identity: Identity, seed: int) -> None:
        """Begin to report, in the running loop."""
        self._draw = random.Random(seed)  # noqa: S311 - noise, not a secret
        self._seed = seed
        self._writers: dict[Channel, Writer] = writers(identity, self._product)
        self._client = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            timeout=aiohttp.ClientTimeout(total=15.0),
            trust_env=False,
        )
        self._tasks = [asyncio.create_task(self._run())]
        for vendor in VENDORS:  # each has connections of its own: none waits for another's backlog
            queue = self._queues[vendor]
            self._tasks += [asyncio.create_task(self._work(queue)) for _ in range(_AT_ONCE)]

    async def stop(self) -> None:
        """Report nothing more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._client.close()

    def figures(self) -> dict[str, int]:
        """``waiting`` reports, and posts by what became of them; ``forged_taken`` must stay 0."""
        queued = sum(queue.qsize() for queue in self._queues.values())
        return {"waiting": len(self._heap) + queued, **dict(sorted(self._counts.items()))}

    def expect(self, channel: Channel, taken: Sequence[Taken]) -> None:
        """Plan the reports of accepted messages."""
        if channel not in self._writers:
            return
        accepted = time.monotonic()
        for message in taken:
            for step in fate(self._drawn_from(message), self._habits[channel], self._speed):
                event = Event(step, message)
                at = accepted + step.seconds / self._haste
                self._push(at + self._disorder(), _Due(channel, event))
                if self._lucky(self._noise.duplicated):
                    self._push(at + self._disorder(), _Due(channel, event))

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
            while self._heap and self._heap[0][0] <= now:
                what = heapq.heappop(self._heap)[2]
                if isinstance(what, Post):
                    self._queue(what)
                else:
                    events.setdefault(what.channel, []).append(what.event)
            for channel, due in events.items():
                for post in self._writers[channel].posts(due):
                    self._queue(post)
                    if post.is_signed:
                        self._disturb(channel, post, now)

    def _disturb(self, channel: Channel, post: Post, now: float) -> None:
        if self._lucky(self._noise.replayed):
            wait = 1.0 + self._draw.random() * self._noise.late_seconds
            self._push(now + wait, replace(post, kind="replayed"))
        if self._lucky(self._noise.forged):
            self._queue(self._writers[channel].forged(post))

    def _queue(self, post: Post) -> None:
        if _origin(post.url) == _origin(self._product):
            self._queues[post.vendor].put_nowait(post)
        else:
            self._counts["left_alone"] += 1

    async def _work(self, queue: asyncio.Queue[Post]) -> None:
        while True:
            await self._post(await queue.get())

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


def _origin(url: str) -> tuple[str, str | None, int | None]:
    try:
        parts = urlsplit(url)
        return parts.scheme, parts.hostname, parts.port
    except ValueError:
        return "", None, None
