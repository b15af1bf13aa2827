"""SendGrid's v3 ``mail/send`` and ``scopes``."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from segmind.channels.channel import Channel
from segmind.channels.emulator.acceptances import Taken
from segmind.channels.emulator.identity import Identity
from segmind.channels.emulator.vendor import Taking
from segmind.channels.emulator.wire import Reply, Request

PREFIX: Final = "/v3/"
MOST_PERSONALIZATIONS: Final = 1_000
LARGEST_SUBSTITUTIONS: Final = 10_000
_ADDRESS: Final = re.compile(r"[^@\s,;<>]+@[^@\s,;<>.]+(\.[^@\s,;<>.]+)+")


@dataclass(slots=True)
class Letter:
    """One recipient's part of a request, and the request that it is part of."""

    place: int
    personal: Mapping[str, Any]
    payload: Mapping[str, Any]

    def text(self, kind: str) -> str:
        """The recipient's own text of this kind (``text/html``), put together as SendGrid does."""
        for part in self.payload["content"]:
            if part["type"] == kind:
                whole: str = part["value"]
                for mark, value in self.personal.get("substitutions", {}).items():
                    whole = whole.replace(mark, value)
                return whole
        return ""

    def tracks(self, what: str) -> bool:
        """Whether SendGrid tracks ``open`` or ``click`` of this request itself."""
        setting = self.payload.get("tracking_settings", {}).get(f"{what}_tracking", {})
        return bool(setting.get("enable"))


class SendGridVendor:
    """The vendor."""

    channel: Final = Channel.EMAIL

    def __init__(self, identity: Identity, boot: str) -> None:
        self._bearer = f"Bearer {identity.api_key}"
        self._boot = boot

    def read(self, request: Request, number: int, now: float) -> Taking | Reply:  # noqa: ARG002
        """Reads a send or a question for scopes."""
        if request.header("Authorization") != self._bearer:
            return _refusal(401, "The provided authorization grant is invalid", None)
        if request.path == "/v3/scopes" and request.method == "GET":
            return Reply(200, b'{"scopes": ["mail.send", "sender_verification_eligible"]}')
        if request.path != "/v3/mail/send" or request.method != "POST":
            return _refusal(404, "not found", None)
        try:
            payload = json.loads(request.body)
            problems = _problems(payload)
        except (ValueError, TypeError, AttributeError, KeyError, RecursionError):
            return _refusal(400, "Bad Request", None)
        if problems:
            return Reply(400, json.dumps({"errors": problems}).encode())
        message_id = f"{self._boot}{number:014x}"
        taken = [
            Taken(
                str(personal.get("custom_args", {}).get("m", "")),
                personal["to"][0]["email"],
                message_id,
                None,
                Letter(place, personal, payload),
            )
            for place, personal in enumerate(payload["personalizations"])
        ]
        headers = f"X-Message-Id: {message_id}\r\nContent-Type: text/plain\r\n"
        return Taking(Reply(202, b"", headers), taken)

    def took(self, taken: list[Taken], now: float) -> None:
        """SendGrid has no look-up: nothing to remember."""

    def error(self, status: int) -> bytes:
        """SendGrid's own words."""
        text = "too many requests" if status == 429 else "internal error"
        return json.dumps({"errors": [{"message": text, "field": None}]}).encode()


def _problems(payload: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []

    def say(text: str, field: str) -> None:
        found.append({"message": text, "field": field, "help": None})

    if not _is_address(payload.get("from", {}).get("email")):
        say("The from email does not contain a valid address.", "from.email")
    content = payload.get("content") or []
    if not content or any(not part["value"] for part in content):
        say("The content value must be a string at least one character in length.", "content")
    personal = payload["personalizations"]
    if not 0 < len(personal) <= MOST_PERSONALIZATIONS:
        say("The personalizations field must have 1 to 1000 entries.", "personalizations")
    seen: set[str] = set()
    for i, one in enumerate(personal):
        place = f"personalizations.{i}"
        email = one["to"][0]["email"]
        if not _is_address(email):
            say("Does not contain a valid address.", f"{place}.to.0.email")
            continue
        if email.casefold() in seen:
            say("Each email address in the personalization block should be unique.", place)
        seen.add(email.casefold())
        if not (one.get("subject") or payload.get("subject")):
            say("The subject is required.", f"{place}.subject")
        values = one.get("substitutions") or {}
        length = sum(map(len, values.values()))
        if length > LARGEST_SUBSTITUTIONS / 4:  # UTF-8 takes up to four bytes for a letter
            length = sum(len(k.encode()) + len(v.encode()) for k, v in values.items())
        if length > LARGEST_SUBSTITUTIONS:
            say("The substitutions exceed 10000 bytes.", f"{place}.substitutions")
    return found


def _is_address(text: Any) -> bool:
    return isinstance(text, str) and len(text) <= 320 and bool(_ADDRESS.fullmatch(text))


def _refusal(status: int, text: str, field: str | None) -> Reply:
    return Reply(status, json.dumps({"errors": [{"message": text, "field": field}]}).encode())
