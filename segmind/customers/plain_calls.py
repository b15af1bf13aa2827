"""Calls that are plainly right, read from their JSON into typed values in one go.

Nearly all live traffic is: ids and times are texts, and an event about a product says which one, at
what price, how many. Whatever differs in any way is left to ``calls`` and ``commerce``, which
define what a call means and what is wrong with one: reading plainly is quicker, never different.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import UNSET, UnsetType

from segmind.customers import amounts, calls, commerce
from segmind.customers.calls import Call
from segmind.customers.commerce import Draft
from segmind.errors import InvalidInput
from segmind.events import ingest
from segmind.events.products import Product

#: A call of so few bytes is within the limit however it is written: by no other way of writing JSON
#: does a text become six times as long (1e15 becomes 1000000000000000.0).
LONGEST: Final = calls.MAX_CALL_BYTES // 6

_Id = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
_Text = Annotated[str, msgspec.Meta(max_length=500)]
_Number = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
_Quantity = Annotated[int, msgspec.Meta(ge=1, le=1_000_000_000)]
_NONE: Final = msgspec.Raw(b"null")
#: Bytes of properties that are remembered: with all that was read from them 50 MB at most.
_LONGEST_REMEMBERED: Final = 512


class _Context(msgspec.Struct, gc=False):
    sessionId: _Text | None = None  # noqa: N815 - Segment's spelling
    session_id: _Text | None = None
    device: dict[str, Any] | None = None

    def told(self, *, of_session: bool) -> dict[str, Any]:
        """As ``Call`` has it, as far as somebody asks: a device, and maybe the session."""
        told: dict[str, Any] = {} if self.device is None else {"device": self.device}
        if of_session:
            told |= {"sessionId": self.sessionId, "session_id": self.session_id}
        return told


class Written(msgspec.Struct, gc=False):
    """A call as it is written, as far as anybody looks at it."""

    type: Literal["identify", "track", "page", "screen"]
    messageId: _Id  # noqa: N815
    timestamp: str
    userId: _Id | None = None  # noqa: N815
    anonymousId: _Id | None = None  # noqa: N815
    event: str | None = None
    name: Any = None
    category: Any = None
    properties: msgspec.Raw = _NONE
    traits: dict[str, Any] | None = None
    context: _Context | None = None


class _AboutProduct(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    product_id: _Text | _Number | None = None
    name: _Text | None = None
    category: _Text | None = None
    brand: _Text | None = None
    price: float | _Number | _Text | UnsetType = UNSET  # null is something that is kept
    quantity: _Quantity | None = None
    currency: str | UnsetType = UNSET
    session_id: _Text | None = None
    order_id: _Text | None = None


def read(written: bytes, now: datetime, currency: str) -> tuple[Call, list[Draft]] | None:
    """A call in JSON and the rows that it becomes; None where that takes a closer look.

    ``written`` is UTF-8 without NUL characters.
    """
    if len(written) > LONGEST:
        return None
    try:
        given = WRITTEN.decode(written)
        if not _says_who(given):
            return None
        ts = calls.instant(given.timestamp, "timestamp")
        if not calls.OLDEST <= ts <= now + calls.MAX_AHEAD:
            return None
        if given.type == "track":
            event = (given.event or "").strip()
            name = commerce.canonical(event)
            if name in ABOUT_PRODUCT and (draft := _plain(name, given, currency)) is not None:
                return _call(given, ts, event, _NOTHING, is_done=True), [draft]
        else:
            event = None
        own = _OBJECT.decode(given.properties) or {}
        properties = calls.with_own(given.type, given.name, given.category, own)
        call = _call(given, ts, event, properties)
        return call, commerce.drafts_of(call, currency)
    except (InvalidInput, ValueError, OverflowError, RecursionError, msgspec.MsgspecError):
        return None


def _says_who(given: Written) -> bool:
    user, anonymous = given.userId, given.anonymousId
    if user is None:
        return anonymous is not None and bool(anonymous.strip())
    return bool(user.strip()) and (anonymous is None or bool(anonymous.strip()))


def _call(
    given: Written,
    ts: datetime,
    event: str | None,
    properties: Mapping[str, Any],
    *,
    is_done: bool = False,
) -> Call:
    """The call; ``is_done``: nobody will ask for its session any more."""
    context = given.context
    return Call(
        given.type,
        given.userId,
        given.anonymousId,
        ts,
        given.messageId,
        event,
        properties,
        given.traits or _NOTHING,
        _NOTHING if context is None else context.told(of_session=not is_done),
    )


class About(msgspec.Struct, frozen=True, gc=False):
    """What properties say. ``unit`` is the price of one, ``line`` of all; ``kept`` is logged."""

    product: Product | None
    quantity: int
    unit: int | None
    line: int | None
    order_id: str | None
    session_id: str | None
    kept: str | None


def _plain(name: str, given: Written, currency: str) -> Draft | None:
    """The row of an event about a product; None unless it says the usual and no more."""
    its = about(bytes(given.properties), currency)
    if its is None:
        return None
    context = given.context
    session = its.session_id
    if not session and context is not None:
        session = context.sessionId or context.session_id
    is_viewed = name == "product_viewed"
    return Draft(
        name,
        its.product,
        None if is_viewed else its.quantity,
        its.unit if is_viewed else its.line,
        None if its.unit is None else currency,
        its.order_id,
        _stripped(session),
        None,
        its.kept,
    )


def about(properties: bytes, currency: str) -> About | None:
    """What JSON about a product says; None unless that is the usual and no more.

    Raises:
        InvalidInput: a price that is none.
        msgspec.DecodeError: it is no JSON.
    """
    if len(properties) > _LONGEST_REMEMBERED:
        return _read_about(properties, currency)
    return _remembered_about(properties, currency)


def _read_about(properties: bytes, currency: str) -> About | None:
    try:
        its = _PRODUCT.decode(properties)
    except msgspec.ValidationError:
        return None
    if its is None:
        return None
    if its.currency is not UNSET and (its.price is UNSET or its.currency != currency):
        return None
    quantity = its.quantity or 1
    unit = line = kept = product = None
    if its.price is not UNSET:
        unit, line, kept = _priced(its.price, quantity, currency)
    product_id = its.product_id
    if product_id is not None and (product_id := str(product_id).strip()):
        product = Product(
            product_id, _stripped(its.name), _stripped(its.category), _stripped(its.brand), unit
        )
    return About(product, quantity, unit, line, _stripped(its.order_id), its.session_id, kept)


#: A shop's pages say the same of a product again and again.
_remembered_about: Final = lru_cache(maxsize=32_768)(_read_about)


@lru_cache(maxsize=16_384, typed=True)  # a shop has few prices, and they come again and again
def _priced(price: str | int | float, quantity: int, currency: str) -> tuple[int, int, str | None]:
    """A price in minor units, that of so many, and what the log keeps of it as it was written."""
    kept = ingest.as_json({"price": price})
    plain = None if isinstance(price, str) else amounts.plain_minor(price, currency)
    if plain is not None:
        return plain, plain * quantity, kept
    exact = amounts.amount(price, "properties.price")
    return amounts.minor(exact, currency), amounts.minor(exact * quantity, currency), kept


def _stripped(text: str | None) -> str | None:
    return (text.strip() or None) if text else None


_NOTHING: Final[Mapping[str, Any]] = {}
ABOUT_PRODUCT: Final = frozenset({"product_viewed", "product_added", "product_removed"})
WRITTEN: Final = msgspec.json.Decoder(Written)
_PRODUCT: Final = msgspec.json.Decoder(_AboutProduct | None)
_OBJECT: Final = msgspec.json.Decoder(dict[str, Any] | None)
