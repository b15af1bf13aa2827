"""Calls told apart: events about products, other calls with their rows, refused ones.

The quickest reader that can take a call does: ``shop_events``, else ``plain_calls``, else ``calls``
and ``commerce``, which alone say what is wrong with one.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import accumulate
from operator import itemgetter
from typing import Any, NamedTuple

import msgspec

from segmind.customers import calls, commerce, plain_calls, shop_events
from segmind.customers.calls import Call
from segmind.customers.commerce import Draft
from segmind.customers.shop_events import ShopEvent
from segmind.errors import InvalidInput


class Told(msgspec.Struct, frozen=True, gc=False):
    """The call at ``index`` and the rows of the log that it becomes."""

    index: int
    call: Call
    drafts: list[Draft]


class Batch(NamedTuple):
    """Calls that came together: mappings, or their JSON as bytes (UTF-8 without NUL characters).

    ``shared`` is what every call in bytes says that does not say it itself.
    """

    calls: Sequence[Any]
    shared: Mapping[str, Any]


class ReadCalls(msgspec.Struct, gc=False):
    """What the calls of a batch are. ``refused``: by index, why a call cannot be taken."""

    events: list[ShopEvent]
    told: list[Told]
    refused: dict[int, InvalidInput]

    def one_by_one(self) -> Iterator[ReadCalls]:
        """Each call that can be taken alone, in their order."""
        singles = [(e.number, ReadCalls([e], [], {})) for e in self.events]
        singles += [(t.index, ReadCalls([], [t], {})) for t in self.told]
        for _, single in sorted(singles, key=itemgetter(0)):
            yield single


def read(batches: Sequence[Batch], now: datetime, currency: str) -> ReadCalls:
    """What the calls of ``batches`` say, numbered through all of them.

    Raises:
        Unreadable: bytes are not JSON as we take it.
    """
    raw_calls = [call for batch in batches for call in batch.calls]
    ends = list(accumulate(len(batch.calls) for batch in batches))
    events, left = shop_events.read(raw_calls, now, currency)
    made = ReadCalls(events, [], {})
    for index in left:
        raw = raw_calls[index]
        try:
            found = plain_calls.read(raw, now, currency) if type(raw) is bytes else None
            if found is None:
                shared = batches[bisect_right(ends, index)].shared
                call = calls.parse(_said(raw, shared), now)
                found = call, commerce.drafts_of(call, currency)
            made.told.append(Told(index, *found))
        except calls.Unreadable:
            raise
        except InvalidInput as refused:
            made.refused[index] = refused
    return made


def _said(raw: Any, shared: Mapping[str, Any]) -> Any:
    if type(raw) is not bytes:
        return raw
    call = calls.decoded(raw)
    return {**shared, **call} if type(call) is dict else call
