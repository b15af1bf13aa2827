"""Events about products, read from the JSON of a whole batch in one pass.

Nearly all live traffic is such events, plainly right and telling nothing of their customer. They
go from text to values of the log with as few steps as possible; whatever differs in any way is left
to ``plain_calls``, which defines what they mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, NamedTuple

import msgspec

from segmind.customers import calls, commerce, plain_calls, zulu
from segmind.customers.plain_calls import About, Written
from segmind.errors import InvalidInput
from segmind.events import ingest, keys
from segmind.events.names import STANDARD
from segmind.events.products import Product


class ShopEvent(NamedTuple):
    """An event on its way into the log: customer and product are the shop's, not ours yet."""

    number: int  # of the call
    who: tuple[str | None, str | None]  # user id, browser's id
    event_id: bytes
    ts: int  # microseconds since 1970, UTC
    kind: int
    session_key: int | None
    order_key: int | None
    product: Product | None
    quantity: int | None
    value: int | None
    currency: str | None
    properties: str | None


def read(
    raw_calls: Sequence[Any], now: datetime, currency: str
) -> tuple[list[ShopEvent], list[int]]:
    """The events about products among calls, and the indexes of all others.

    Only calls in bytes are looked at: UTF-8 without NUL characters.
    """
    found: list[tuple[int, plain_calls.Written, About]] = []
    left: list[int] = []
    for index, raw in enumerate(raw_calls):
        about = None
        if type(raw) is bytes and len(raw) <= plain_calls.LONGEST:
            try:
                given = plain_calls.WRITTEN.decode(raw)
                about = _about(given, currency)
            except (InvalidInput, ValueError, OverflowError, RecursionError, msgspec.MsgspecError):
                pass
        if about is None:
            left.append(index)
        else:
            found.append((index, given, about))
    instants = _instants([given.timestamp for _, given, _ in found], now)
    events = []
    for (index, given, about), at in zip(found, instants, strict=True):
        if at is None:
            left.append(index)
        else:
            events.append(_event(index, given, about, at, currency))
    return events, sorted(left)


def _about(given: Written, currency: str) -> About | None:
    """What an event about a product says; None where the call takes a closer look."""
    if given.type != "track" or _kind(given.event) is None:
        return None
    user, browser = given.userId, given.anonymousId
    if user is None:
        if browser is None or not browser.strip():
            return None
    elif not user.strip() or (browser is not None and not browser.strip()):
        return None
    if given.context is not None and given.context.device is not None:
        return None
    return plain_calls.about(bytes(given.properties), currency)


def _event(index: int, given: Written, about: About, at: int, currency: str) -> ShopEvent:
    session, context = about.session_id, given.context
    if not session and context is not None:
        session = context.sessionId or context.session_id
    if session:
        session = session.strip()
    is_viewed = (kind := _kind(given.event)) == _VIEWED
    order = about.order_id
    return _made(
        ShopEvent,
        (
            index,
            (given.userId, given.anonymousId),
            keys.event_bytes(given.messageId),
            at,
            kind,
            keys.key64(session) if session else None,
            None if order is None else keys.key64(order),
            about.product,
            None if is_viewed else about.quantity,
            about.unit if is_viewed else about.line,
            None if about.unit is None else currency,
            about.kept,
        ),
    )


@lru_cache(maxsize=1_024)
def _kind(event: str | None) -> int | None:
    """The code of an event about a product, else None."""
    return _KINDS.get(commerce.canonical(event)) if event else None


def _instants(written: list[str], now: datetime) -> Sequence[int | None]:
    """In microseconds since 1970; None for what is no instant that can be taken."""
    micros = zulu.micros_of(written)
    if micros is not None:
        is_right = (micros >= _OLDEST) & (micros <= ingest.micros(now + calls.MAX_AHEAD))
        if is_right.all():
            found: list[int | None] = micros.tolist()
            return found
    return [_instant(text, now) for text in written]


def _instant(written: str, now: datetime) -> int | None:
    try:
        at = calls.instant(written, "timestamp")
    except InvalidInput:
        return None
    return ingest.micros(at) if calls.OLDEST <= at <= now + calls.MAX_AHEAD else None


_made: Final = tuple.__new__  # a named tuple's own constructor costs as much as all of its values
_VIEWED: Final = STANDARD["product_viewed"]
_KINDS: Final = {name: STANDARD[name] for name in plain_calls.ABOUT_PRODUCT}
_OLDEST: Final = ingest.micros(calls.OLDEST)
