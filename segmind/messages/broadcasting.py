"""A campaign's messages, micro-batch by micro-batch: recipients are taken off their portion,
judged, rendered, made messages and marked in one transaction, handed over, answered in another.

Nothing waits between the gate's word and the call but rendering, so nothing has to be written down
for the time between (why that is safe: :mod:`segmind.messages.micro_batches`).
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from segmind.channels.provider import Provider
from segmind.consent import caps
from segmind.consent.addresses import address_key
from segmind.db.engine import Store
from segmind.messages import entering, judging, micro_batches, portions, public_ids
from segmind.messages.allowance import Allowance
from segmind.messages.dispatch_report import DispatchReport
from segmind.messages.handover import Marked
from segmind.messages.judging import Judged, Locked
from segmind.messages.portions import Taken
from segmind.messages.rendering import Rendered, Unrenderable
from segmind.messages.sending import Sender, weight_of
from segmind.messages.sources import Ready
from segmind.workspace.product_settings import ProductSettings

log = logging.getLogger(__name__)


class _Stopped(Exception):
    """The source was paused or cancelled a moment ago: nothing of this may be written."""


@dataclass(frozen=True, slots=True)
class _Turn:
    """Recipients whose turn it is, as rows, and what the gate says of them."""

    taken: Taken
    rows: list[Locked]
    judged: Judged


class Broadcaster:
    """Hands campaigns' messages over. One instance belongs to one thread."""

    def __init__(
        self, store: Store, sender: Sender, *, now: Callable[[], datetime], lease: float
    ) -> None:
        self._store = store
        self._sender = sender
        self._now = now
        self._lease = lease
        self._key = address_key(store.settings.secret_key)

    def send(
        self, settings: ProductSettings, ready: Ready, allowance: Allowance, *, limit: int
    ) -> DispatchReport:
        """One micro-batch of at most ``limit`` messages: what became of it."""
        sender, provider = self._sender, self._sender.provider(ready.channel)
        began = time.monotonic()
        try:
            with self._store.engine.begin() as conn:
                turn = self._turn(conn, settings, ready, min(limit, provider.batch_size))
                if turn is None:
                    return DispatchReport()
                started_at = self._now()
                marked, report = self._made(
                    conn, settings, ready, provider, turn, allowance, started_at
                )
        except _Stopped:
            return DispatchReport()
        sender.book.kept()
        if marked is None:
            return report
        until = sender.last_moment(began)
        if time.monotonic() >= until:
            # This process stood still (stopped, swapped out): the micro-batch may be given up for
            # lost by the time the call is made. Leave it to the reaper; nothing was sent.
            log.warning("A micro-batch was abandoned: its lease had run down before the call.")
            return report
        report.add(sender.hand_over(None, provider, settings, marked, started_at, until))
        return report

    def _turn(
        self, conn: Connection, settings: ProductSettings, ready: Ready, limit: int
    ) -> _Turn | None:
        taken = portions.take(conn, self._key, ready.source, ready.channel, limit)
        if taken is None:
            return None
        now = self._now()
        ids = public_ids.several(len(taken.recipients), now)
        rows = entering.as_locked(taken, ready.source, int(ready.channel), ids, now)
        return _Turn(taken, rows, judging.ask(conn, self._key, settings, rows, now))

    def _made(
        self,
        conn: Connection,
        settings: ProductSettings,
        ready: Ready,
        provider: Provider,
        turn: _Turn,
        allowance: Allowance,
        started_at: datetime,
    ) -> tuple[Marked | None, DispatchReport]:
        """Make messages of who may go, within the allowance, and of who may not and comes before;
        mark what goes. The caller commits.

        Raises:
            _Stopped: the source lets nothing out any more; the caller rolls back.
        """
        judged, rows = turn.judged, turn.rows
        url = settings.public_url or self._store.settings.public_url
        results = self._sender.renderer.render(conn, judged.rows, settings, url)
        self._sender.book.keep(conn)
        good = [result for result in results if isinstance(result, Rendered)]
        weights = [weight_of(provider, item) for item in good]
        granted = allowance.take(weights)
        going, left = good[:granted], good[granted:]
        # Who comes after the first that may not go yet stays in the portion, whatever was found.
        dealt = [row for row in rows if not left or row.id < left[0].message.id]
        ids = {row.id for row in dealt}
        moves = [move for move in judged.moves if move.id in ids]
        bad = [r for r in results if isinstance(r, Unrenderable) and r.message.id in ids]
        try:
            marked = self._marked(conn, ready, provider, turn, going, started_at)
        except _Stopped:
            allowance.back(sum(weights[:granted]))
            raise
        step = turn.taken.step
        entering.moved(conn, dealt, step, moves, started_at)
        report = DispatchReport.of_moves(moves)
        report.failed = entering.failed(conn, dealt, step, bad, started_at)
        report.seen = len(dealt)
        report.throttled = bool(left)
        portions.advance(conn, turn.taken, len(dealt))
        gone = {item.message.id for item in marked.going} if marked else set()
        _give_back(conn, judged, (row.id for row in judged.rows if row.id not in gone))
        self._sender.experience.budget(provider.name).spend(len(gone), 0)
        return marked, report

    def _marked(
        self,
        conn: Connection,
        ready: Ready,
        provider: Provider,
        turn: _Turn,
        going: list[Rendered],
        started_at: datetime,
    ) -> Marked | None:
        if not going:
            return None
        request_id = uuid.uuid4()
        entered = entering.going(
            conn, turn.rows, turn.taken.step, going, request_id, provider.name, started_at
        )
        if not entered:
            return None
        is_open = micro_batches.begin(
            conn, request_id, ready.source, provider.name, list(entered), started_at, self._lease
        )
        if not is_open:
            raise _Stopped
        mine = tuple(item for item in going if item.message.id in entered)
        return Marked(request_id, provider.name, mine, ())


def _give_back(conn: Connection, judged: Judged, ids: Iterable[int]) -> None:
    """The contacts that the gate reserved for messages that do not go."""
    found = (judged.places.get(message_id) for message_id in ids)
    caps.release(conn, [place for place in found if place is not None])
