"""What is written, by channel: drafts. A saved draft is an immutable version."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, field_validator

from segmind.channels.channel import Channel
from segmind.errors import InvalidInput
from segmind.templates.blocks import Block
from segmind.templates.language import LONGEST_SOURCE

_Line = Annotated[str, Field(max_length=2_000)]
_Source = Annotated[str, Field(max_length=LONGEST_SOURCE)]
_COLOR: Final = re.compile(r"#(?:[0-9a-fA-F]{3}){1,2}")


class InvalidDraft(InvalidInput):
    """This is not a template."""

    code = "invalid_template"


class _Draft(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class EmailDraft(_Draft):
    """An e-mail: either ``blocks`` or ``body`` (MJML when it contains ``<mjml``, else HTML).

    ``text`` is the text part; empty, it is derived from the HTML.
    """

    channel: Literal["email"] = "email"
    subject: _Line = ""
    preheader: _Line = ""
    body: _Source = ""
    blocks: tuple[Block, ...] = Field(default=(), max_length=200)
    text: _Source = ""
    accent: str = "#1f6feb"

    @field_validator("accent")
    @classmethod
    def _is_color(cls, value: str) -> str:
        if not _COLOR.fullmatch(value):
            raise ValueError("give a colour such as #1f6feb")
        return value


class SmsDraft(_Draft):
    """A text message."""

    channel: Literal["sms"] = "sms"
    body: Annotated[str, Field(max_length=5_000)] = ""


class PushDraft(_Draft):
    """A notification. ``deep_link`` is where a tap leads (http(s) or an app's own scheme)."""

    channel: Literal["push"] = "push"
    title: _Line = ""
    body: Annotated[str, Field(max_length=5_000)] = ""
    deep_link: _Line = ""
    image: _Line = ""


Draft = EmailDraft | SmsDraft | PushDraft
_ADAPTER: Final[TypeAdapter[Draft]] = TypeAdapter(Annotated[Draft, Field(discriminator="channel")])


def channel_of(draft: Draft) -> Channel:
    """The channel that a draft is written for."""
    return Channel(draft.channel)


def parse_draft(data: Any) -> Draft:
    """A draft from JSON (``channel`` says which).

    Raises:
        InvalidDraft: it is none; ``field`` is the path of the first fault.
    """
    try:
        return _ADAPTER.validate_python(data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        path = _path(first["loc"])
        raise InvalidDraft(
            f"This is not a template: {first['msg']}.",
            hint='Give {"channel": "email" | "sms" | "push", ...}.',
            field=path or "channel",
        ) from None


def _path(loc: tuple[int | str, ...]) -> str:
    """Where the fault is, without the words by which pydantic tells the unions' members apart."""
    names = [str(part) for i, part in enumerate(loc) if i > 0 and not isinstance(loc[i - 1], int)]
    return ".".join(names)


def to_json(draft: Draft) -> dict[str, Any]:
    """The draft as JSON; ``parse_draft`` is its inverse."""
    return draft.model_dump(mode="json")
