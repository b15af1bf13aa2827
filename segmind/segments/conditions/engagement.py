"""Conditions on messages: what was sent, and what the customer did with it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal, Self

import narwhals as nw
from pydantic import Field, model_validator

from segmind.events.schema import Channel, Kind, Source
from segmind.segments.aggregates.engagement import Messages
from segmind.segments.conditions.base import Condition, Found, Question, Requirement
from segmind.segments.fault import fault
from segmind.segments.reach import ChannelName
from segmind.segments.thresholds import CountThreshold
from segmind.segments.windows import Ever, Window
from segmind.segments.words import Words, ago

Action = Literal["sent", "delivered", "opened", "clicked", "bounced", "unsubscribed", "complained"]

_PAST: Final[dict[Action, str]] = {
    "sent": "were sent",
    "delivered": "received",
    "opened": "opened",
    "clicked": "clicked in",
    "bounced": "had a bounce of",
    "unsubscribed": "unsubscribed from",
    "complained": "complained about",
}
_BASE: Final[dict[Action, str]] = {
    "sent": "were not sent",
    "delivered": "did not receive",
    "opened": "did not open",
    "clicked": "did not click in",
    "bounced": "had no bounce of",
    "unsubscribed": "did not unsubscribe from",
    "complained": "did not complain about",
}
_NOUNS: Final = {"email": "e-mail", "sms": "SMS", "push": "push message", None: "message"}
_SOURCES: Final = {
    "campaign": Source.CAMPAIGN,
    "automation": Source.AUTOMATION,
    "single": Source.SINGLE,
}
_ANY_SOURCE: Final = {
    "campaign": "any campaign",
    "automation": "any automation",
    "single": "the single messages",
}


class Engagement(Condition, CountThreshold):
    """Was sent, received, opened or clicked so many messages in a window.

    Of any source, of any campaign or automation, of one of them, or sent singly. Opens and clicks
    by machines do not count, and a message opened twice counts once.
    """

    type: Literal["engagement"] = "engagement"
    action: Action
    channel: ChannelName | None = None
    source_kind: Literal["campaign", "automation", "single"] | None = None
    source_id: int | None = Field(default=None, ge=1, le=2**62)
    window: Window = Field(default_factory=Ever)

    @model_validator(mode="after")
    def _names_a_whole_source(self) -> Self:
        if self.source_id is not None and self.source_kind in {None, "single"}:
            raise fault(
                "An id of a source needs its kind: campaign or automation.",
                "Give source_kind too, or leave source_id away.",
            )
        return self

    def _aggregate(self, question: Question) -> Messages:
        return Messages(
            kind=Kind[f"MESSAGE_{self.action.upper()}"],
            channel=Channel[self.channel.upper()] if self.channel else None,
            source=self._source(),
            span=self.window.span(question.at),
        )

    def _source(self) -> tuple[Source, int | None] | None:
        if self.source_kind is None:
            return None
        return _SOURCES[self.source_kind], self.source_id

    def requirements(self, question: Question) -> Iterator[Requirement]:
        yield self._aggregate(question)

    def expression(self, question: Question) -> nw.Expr:
        return self.holds(self._aggregate(question).column("messages"))

    def sentence(self, words: Words) -> str:
        noun = _NOUNS[self.channel]
        when = self.window.words()
        tail = "" if when == "ever" else f" {when}"
        if self.source_kind is not None:
            tail = f" of {self._source_words(self.source_kind, words)}{tail}"
        if self.means_never:
            return f"{_BASE[self.action]} any {noun}{tail}"
        if self.means_any:
            return f"{_PAST[self.action]} at least one {noun}{tail}"
        return f"{_PAST[self.action]} {self.words(lambda n: f'{n:,} {_plural(noun, n)}')}{tail}"

    def _source_words(self, kind: str, words: Words) -> str:
        return _ANY_SOURCE[kind] if self.source_id is None else words.source(kind, self.source_id)

    def detail(self, question: Question, found: Found, words: Words) -> str:
        aggregate = self._aggregate(question)
        n = found.of(aggregate, "messages")
        if n == 0:
            return "none"
        return f"{n:,}, the last {ago(found.of(aggregate, 'last_ts'), question.at.as_of)}"


def _plural(noun: str, n: int) -> str:
    return noun if n == 1 or noun == "SMS" else f"{noun}s"
