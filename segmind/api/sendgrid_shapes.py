"""An e-mail as SendGrid's API takes it, and its errors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Final, Literal

from fastapi import Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from segmind.errors import SegmindError

#: SendGrid's own limits.
MOST_PERSONALIZATIONS: Final = 1_000
MOST_RECIPIENTS: Final = 1_000
FARTHEST_SECONDS: Final = 72 * 3_600

_HELP: Final = "https://www.twilio.com/docs/sendgrid/api-reference/mail-send/mail-send"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Address(_Part):
    """An e-mail address, with a name or without."""

    email: Annotated[str, Field(min_length=1, max_length=320)]
    name: Annotated[str, Field(max_length=200)] | None = None


class Personalization(_Part):
    """Some recipients: each gets a message of their own. ``substitutions`` are replaced in subject
    and text as they stand."""

    to: Annotated[list[Address], Field(min_length=1, max_length=MOST_RECIPIENTS)]
    subject: Annotated[str, Field(max_length=2_000)] | None = None
    substitutions: dict[str, str] = {}
    send_at: Annotated[int, Field(ge=0, le=2**33)] | None = None


class Content(_Part):
    """A part of the e-mail."""

    type: Literal["text/plain", "text/html"]
    value: Annotated[str, Field(min_length=1)]


class SandboxMode(_Part):
    enable: bool = False


class MailSettings(_Part):
    """``sandbox_mode``: check the request and send nothing (200)."""

    sandbox_mode: SandboxMode = SandboxMode()


class Group(_Part):
    """An unsubscribe group: its presence says that this is marketing."""

    group_id: int


class Mail(_Part):
    """What to send. Fields of SendGrid's that are not here are refused, not dropped."""

    personalizations: Annotated[
        list[Personalization], Field(min_length=1, max_length=MOST_PERSONALIZATIONS)
    ]
    from_: Annotated[Address, Field(alias="from")]
    subject: Annotated[str, Field(max_length=2_000)] = ""
    content: Annotated[list[Content], Field(min_length=1, max_length=2)]
    send_at: Annotated[int, Field(ge=0, le=2**33)] | None = None
    asm: Group | None = None
    mail_settings: MailSettings = MailSettings()

    def recipients(self) -> Iterator[tuple[int, Personalization, Address]]:
        """Every recipient with the number of their personalization."""
        for number, part in enumerate(self.personalizations):
            for each in part.to:
                yield number, part, each


def error(problem: SegmindError, status: int) -> Response:
    """The problem as SendGrid says it: a list of message, field, help."""
    shown = 400 if status == 422 else status
    said = f"{problem.message} {problem.hint}".strip()
    faults = getattr(problem, "faults", None) or [(said, problem.field)]
    body: dict[str, Any] = {
        "errors": [{"message": text, "field": field, "help": _HELP} for text, field in faults]
    }
    headers = {"Cache-Control": "no-store", **getattr(problem, "headers", {})}
    return JSONResponse(body, shown, headers)
