"""What a customer can have done: the events that conditions speak of, in the marketer's terms.

``order`` and ``session`` are derived: one per order at its first line, one per session at its
first event. ``order_completed`` is an order's line: one product bought. Messages and membership
have conditions of their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from pydantic import Field, ValidationInfo, field_validator

from segmind.events.schema import FIRST_CUSTOM_CODE, Kind
from segmind.segments.comparison import EventComparison
from segmind.segments.fault import fault
from segmind.segments.part import Part
from segmind.segments.words import Words

ORDER: Final = "order"
SESSION: Final = "session"
LINE: Final = Kind.ORDER_COMPLETED.event_name


@dataclass(frozen=True, slots=True)
class Phrase:
    """An act in a sentence: ``viewed a product``, ``view a product``, and its name: ``view``."""

    past: str
    base: str
    noun: str


PHRASES: Final[Mapping[str, Phrase]] = {
    ORDER: Phrase("placed an order", "place an order", "order"),
    SESSION: Phrase("visited the shop", "visit the shop", "session"),
    "product_viewed": Phrase("viewed a product", "view a product", "product view"),
    "product_added": Phrase(
        "added a product to the cart", "add a product to the cart", "addition to the cart"
    ),
    "product_removed": Phrase(
        "removed a product from the cart", "remove a product from the cart", "removal from the cart"
    ),
    "checkout_started": Phrase("started a checkout", "start a checkout", "checkout"),
    LINE: Phrase("bought a product", "buy a product", "product bought"),
    "order_refunded": Phrase("got a refund", "get a refund", "refund"),
    "page_viewed": Phrase("viewed a page", "view a page", "page view"),
}

_NOT_ACTS: Final[Mapping[str, str]] = {
    "message_": "Use an engagement condition: it knows campaigns, and leaves machines out.",
    "segment_": "Use an in_segment condition.",
}
#: The events that are not named by the shop.
_STANDARD: Final = frozenset(kind.event_name for kind in Kind if kind < FIRST_CUSTOM_CODE)


def phrase(event: str) -> Phrase:
    """How an event is said; a custom one by its name."""
    return PHRASES.get(event) or Phrase(f"did “{event}”", f"do “{event}”", f"“{event}”")


def event_code(event: str, names: Mapping[str, int]) -> int | None:
    """The code of an event's kind, derived ones included; None if the log never saw the name."""
    if event in {ORDER, SESSION}:
        return int(Kind.ORDER if event == ORDER else Kind.SESSION)
    return names.get(event)


def known_events(names: Iterable[str]) -> list[str]:
    """Events that a rule may name: the standard acts, then the log's custom ones."""
    return [*PHRASES, *sorted(set(names) - _STANDARD - PHRASES.keys())]


def checked_event(name: str) -> str:
    """The name, if it can be the name of an act. Raises a fault otherwise."""
    for prefix, hint in _NOT_ACTS.items():
        if name.startswith(prefix) and name in _STANDARD:
            raise fault(f"{name} is not something that a customer does.", hint)
    return name


def checked_where(
    where: tuple[EventComparison, ...], event: str | None
) -> tuple[EventComparison, ...]:
    """The comparisons, if events of this name can satisfy any. Raises a fault otherwise."""
    if where and event == SESSION:
        raise fault("A session has no fields.", "Ask for an event of the session instead.")
    return where


class Act(Part):
    """An event and the comparisons that it must satisfy, all of them.

    Of an ``order``, value and quantity are those of the whole order, and one of its lines must
    satisfy the comparisons of products and properties.
    """

    event: str = Field(min_length=1, max_length=200)
    where: tuple[EventComparison, ...] = Field(default=(), max_length=20)

    @field_validator("event")
    @classmethod
    def _is_an_act(cls, name: str) -> str:
        return checked_event(name)

    @field_validator("where")
    @classmethod
    def _can_be_asked(
        cls, where: tuple[EventComparison, ...], info: ValidationInfo
    ) -> tuple[EventComparison, ...]:
        return checked_where(where, info.data.get("event"))

    def where_words(self, words: Words) -> str:
        """The comparisons, as they follow the act: `` (where brand is “acme”)``."""
        if not self.where:
            return ""
        return f" (where {' and '.join(test.sentence(words) for test in self.where)})"
