"""What is handed to a provider for one recipient: rendered, nothing left to fill in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from segmind.channels.channel import Channel


@dataclass(frozen=True, slots=True)
class Slots:
    """A text as the pieces that all recipients share and the values of this one.

    ``pieces`` has one element more than ``values``; interleaved they are the whole text. Contents
    rendered from one template version share the ``pieces`` object, so a provider that can send one
    request for many recipients finds them by it.
    """

    pieces: tuple[str, ...]
    values: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(self.pieces) != len(self.values) + 1:
            raise ValueError("Slots need one piece more than values.")

    def joined(self) -> str:
        """The whole text."""
        parts = [self.pieces[0]]
        for value, piece in zip(self.values, self.pieces[1:], strict=True):
            parts += (value, piece)
        return "".join(parts)


@dataclass(frozen=True, slots=True)
class EmailContent:
    """One e-mail. ``headers`` are extra headers (List-Unsubscribe); values hold no line breaks.

    A part is a whole text, or ``Slots`` where it was rendered from a shared template: then it is
    put together only for who asks for all of it.
    """

    subject: str
    preheader: str
    html_part: str | Slots
    text_part: str | Slots
    headers: Mapping[str, str] = field(default_factory=dict)
    channel: Channel = field(default=Channel.EMAIL, init=False)

    @property
    def html(self) -> str:
        """The HTML part, whole."""
        part = self.html_part
        return part if isinstance(part, str) else part.joined()

    @property
    def text(self) -> str:
        """The text part, whole."""
        part = self.text_part
        return part if isinstance(part, str) else part.joined()


@dataclass(frozen=True, slots=True)
class SmsContent:
    """One text message."""

    body: str
    channel: Channel = field(default=Channel.SMS, init=False)


@dataclass(frozen=True, slots=True)
class PushContent:
    """One notification. ``data`` is what the app receives with it (texts only).

    Two notifications with one ``collapse_id`` on one device show as one: the second replaces the
    first. None: the message's public id, so that a repeat of a message never shows twice.
    """

    title: str
    body: str
    data: Mapping[str, str] = field(default_factory=dict)
    image: str | None = None
    collapse_id: str | None = None
    channel: Channel = field(default=Channel.PUSH, init=False)


Content = EmailContent | SmsContent | PushContent
