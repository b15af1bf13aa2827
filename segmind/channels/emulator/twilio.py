"""Twilio's Messages: create, list, fetch, and the account.

Twilio's own magic numbers for tests are refused as Twilio refuses them.
https://www.twilio.com/docs/iam/test-credentials
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any, Final
from urllib.parse import parse_qs, unquote_plus, urlsplit

from segmind.channels.channel import Channel
from segmind.channels.emulator.acceptances import Taken
from segmind.channels.emulator.identity import Identity
from segmind.channels.emulator.vendor import Taking
from segmind.channels.emulator.wire import Reply, Request
from segmind.channels.sms_parts import count

PREFIX: Final = "/2010-04-01/"
_LONGEST_BODY: Final = 1_600
_E164: Final = re.compile(r"\+[1-9]\d{6,14}")

#: Recipient -> error code and sentence.
MAGIC: Final = {
    "+15005550001": (21211, "Invalid 'To' Phone Number"),
    "+15005550002": (21612, "The 'To' phone number cannot be reached from the 'From' number"),
    "+15005550003": (21408, "Permission to send an SMS has not been enabled for the region"),
    "+15005550004": (21610, "Attempt to send to unsubscribed recipient"),
    "+15005550009": (21614, "'To' number is not a valid mobile number"),
}


@dataclass(slots=True)
class Letter:
    """What Twilio knows of a message it took."""

    sid: str
    to: str
    sender: str
    body: str
    callback: str
    at: float
    status: str = "queued"
    error_code: int | None = None


class TwilioVendor:
    """The vendor. ``look_up_lag``: see ``FaultPlan``."""

    channel: Final = Channel.SMS

    def __init__(self, identity: Identity, boot: str, look_up_lag: Callable[[], float]) -> None:
        pair = f"{identity.account_sid}:{identity.auth_token}".encode()
        self._basic = "Basic " + base64.b64encode(pair).decode()
        self._account = identity.account_sid
        self._boot = boot
        self._lag = look_up_lag
        self._by_number: dict[str, list[Letter]] = {}
        self._by_sid: dict[str, Letter] = {}

    def read(self, request: Request, number: int, now: float) -> Taking | Reply:
        """Reads a create, list, fetch or account request."""
        if request.header("Authorization") != self._basic:
            return _refusal(401, 20003, "Authenticate")
        account = f"{PREFIX}Accounts/{self._account}"
        path = request.path
        if path == f"{account}/Messages.json":
            if request.method == "POST":
                return self._create(request, number, now)
            return self._list(request, now)
        if path == f"{account}.json":
            data = {"sid": self._account, "friendly_name": "Rehearsal", "status": "active"}
            return Reply(200, json.dumps(data).encode())
        sid = path.removeprefix(f"{account}/Messages/").removesuffix(".json")
        letter = self._by_sid.get(sid)
        if letter is None or request.method != "GET":
            return _refusal(404, 20404, f"The requested resource {path} was not found")
        return Reply(200, json.dumps(self._shown(letter)).encode())

    def took(self, taken: list[Taken], now: float) -> None:  # noqa: ARG002 - the port's
        """Remembers messages by number and by id."""
        for message in taken:
            letter = message.letter
            assert isinstance(letter, Letter)
            self._by_number.setdefault(letter.to, []).append(letter)
            self._by_sid[letter.sid] = letter

    def error(self, status: int) -> bytes:
        """Twilio's own words."""
        code, text = (20429, "Too Many Requests") if status == 429 else (20500, "Internal error")
        return _problem(status, code, text)

    def _create(self, request: Request, number: int, now: float) -> Taking | Reply:
        form = _form(request.body)
        to, body = form.get("To", ""), form.get("Body", "")
        sender = form.get("From") or form.get("MessagingServiceSid", "")
        if refused := _refused(to, body, sender):
            return refused
        sid = f"SM{self._boot}{number:024x}"
        callback = form.get("StatusCallback", "")
        letter = Letter(sid, to, sender, body, callback, now)
        ours = parse_qs(urlsplit(callback).query).get("m", [""])[0]
        reply = Reply(201, json.dumps(self._shown(letter)).encode())
        return Taking(reply, [Taken(ours, to, sid, None, letter)])

    def _list(self, request: Request, now: float) -> Reply:
        query = parse_qs(request.query)
        letters = self._by_number.get(query.get("To", [""])[0], [])
        least = query.get("DateSent>", [""])[0]
        since = datetime.fromisoformat(least).timestamp() if least else 0.0
        shown = [
            self._shown(letter)
            for letter in reversed(letters)
            if letter.at >= since and letter.at + self._lag() <= now
        ]
        data = {"messages": shown[:1000], "next_page_uri": None, "page": 0, "page_size": 50}
        return Reply(200, json.dumps(data).encode())

    def _shown(self, letter: Letter) -> dict[str, Any]:
        at = format_datetime(datetime.fromtimestamp(letter.at, UTC))
        by_service = letter.sender.startswith("MG")
        return {
            "account_sid": self._account,
            "api_version": "2010-04-01",
            "body": letter.body,
            "date_created": at,
            "date_sent": None if letter.status == "queued" else at,
            "date_updated": at,
            "direction": "outbound-api",
            "error_code": letter.error_code,
            "error_message": None,
            "from": None if by_service else letter.sender,
            "messaging_service_sid": letter.sender if by_service else None,
            "num_media": "0",
            "num_segments": "0" if by_service else str(count(letter.body).parts),
            "price": None,
            "price_unit": "USD",
            "sid": letter.sid,
            "status": "accepted" if by_service and letter.status == "queued" else letter.status,
            "subresource_uris": {},
            "to": letter.to,
            "uri": f"{PREFIX}Accounts/{self._account}/Messages/{letter.sid}.json",
        }


def _refused(to: str, body: str, sender: str) -> Reply | None:
    if not sender:
        return _refusal(400, 21603, "A 'From' phone number is required")
    if not _E164.fullmatch(to):
        return _refusal(400, 21211, f"Invalid 'To' Phone Number: {to}")
    if to in MAGIC:
        return _refusal(400, *MAGIC[to])
    if not body.strip():
        return _refusal(400, 21602, "Message body is required")
    if len(body) > _LONGEST_BODY:
        return _refusal(400, 21617, "The concatenated message body exceeds the 1600 limit")
    return None


def _refusal(status: int, code: int, text: str) -> Reply:
    return Reply(status, _problem(status, code, text))


def _problem(status: int, code: int, text: str) -> bytes:
    more = f"https://www.twilio.com/docs/errors/{code}"
    data = {"code": code, "message": text, "more_info": more, "status": status}
    return json.dumps(data).encode()


def _form(body: bytes) -> dict[str, str]:
    """The form; a tenth of the time of ``parse_qsl``, which matters at 10,000 requests a second."""
    out = {}
    for pair in body.decode("latin-1").split("&"):
        name, _, value = pair.partition("=")
        out[name] = unquote_plus(value)
    return out
