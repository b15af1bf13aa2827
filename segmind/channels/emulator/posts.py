"""Reports as each vendor words and signs them; and what people do on their own: following our
links, unsubscribing with one click, writing STOP."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Protocol
from urllib.parse import parse_qsl, urlencode

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from segmind.channels.channel import Channel
from segmind.channels.delivery import Word
from segmind.channels.emulator import sendgrid, twilio
from segmind.channels.emulator.acceptances import Taken
from segmind.channels.emulator.identity import Identity
from segmind.channels.fates import Step
from segmind.channels.webhook import WEBHOOK_PATH

MOST_EVENTS: Final = 500
VENDORS: Final = ("twilio", "sendgrid", "visit")
_FORM: Final = {"Content-Type": "application/x-www-form-urlencoded"}
_LINK: Final = re.compile(r"https?://[^\s\"'<>)]+")
#: How people say that they want no more: keywords, and what only a person understands.
_REPLIES: Final = ("STOP", "Stop please", "stop!", "UNSUBSCRIBE", "please leave me alone")


@dataclass(frozen=True, slots=True)
class Event:
    """A step of a message's fate."""

    step: Step
    message: Taken


@dataclass(frozen=True, slots=True)
class Post:
    """A request to the product by a ``vendor`` or, "visit", by a customer. ``kind``: "report",
    "reply", "visit", "forged" or "replayed"."""

    url: str
    vendor: str
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    method: str = "POST"
    kind: str = "report"
    tries: int = 0

    @property
    def is_signed(self) -> bool:
        """Whether it is a vendor's, not a customer's."""
        return self.kind != "visit"

    @property
    def url_to_call(self) -> str:
        """The URL without its fragment."""
        return self.url.partition("#")[0]


class Writer(Protocol):
    """Words the events of one vendor."""

    def posts(self, events: Sequence[Event]) -> Iterator[Post]:
        """What is sent because of these events, all due now."""

    def forged(self, post: Post) -> Post:
        """A false report, of the same message and wrongly signed."""


def writers(identity: Identity, product_url: str) -> dict[Channel, Writer]:
    """The writers by channel; FCM reports nothing."""
    return {
        Channel.SMS: TwilioWriter(identity, product_url),
        Channel.EMAIL: SendGridWriter(identity, product_url),
    }


class TwilioWriter:
    """Status callbacks to the URL that the message came with; replies to the webhook."""

    def __init__(self, identity: Identity, product_url: str) -> None:
        self._account = identity.account_sid
        self._token = identity.auth_token.encode()
        self._inbound = product_url + WEBHOOK_PATH.format(provider="twilio")

    def posts(self, events: Sequence[Event]) -> Iterator[Post]:
        for event in events:
            letter = event.message.letter
            assert isinstance(letter, twilio.Letter)
            match event.step.word:
                case Word.DELIVERED:
                    yield from self._status(letter, "sent", None)
                    yield from self._status(letter, "delivered", None)
                case Word.BOUNCED_HARD:
                    yield from self._status(letter, "sent", None)
                    yield from self._status(letter, "undelivered", 30006)
                case Word.BOUNCED_SOFT:
                    yield from self._status(letter, "undelivered", 30003)
                case Word.CLICKED:
                    yield from _visits(letter.body)
                case Word.UNSUBSCRIBED:
                    yield self._reply(letter)
                case _:
                    pass

    def _status(self, letter: twilio.Letter, status: str, code: int | None) -> Iterator[Post]:
        letter.status, letter.error_code = status, code
        if not letter.callback:
            return
        form = {
            "AccountSid": self._account,
            "ApiVersion": "2010-04-01",
            "From": letter.sender,
            "MessageSid": letter.sid,
            "MessageStatus": status,
            "SmsSid": letter.sid,
            "SmsStatus": status,
            "To": letter.to,
        }
        if code:
            form["ErrorCode"] = str(code)
        yield self._signed(letter.callback, form)

    def _reply(self, letter: twilio.Letter) -> Post:
        sid = "SM" + hashlib.blake2b(f"reply {letter.sid}".encode(), digest_size=16).hexdigest()
        form = {
            "AccountSid": self._account,
            "Body": _REPLIES[int(sid[-4:], 16) % len(_REPLIES)],
            "From": letter.to,
            "MessageSid": sid,
            "NumMedia": "0",
            "NumSegments": "1",
            "SmsSid": sid,
            "SmsStatus": "received",
            "To": letter.sender,
        }
        return replace(self._signed(self._inbound, form), kind="reply")

    def _signed(self, url: str, form: Mapping[str, str], token: bytes | None = None) -> Post:
        called = url.partition("#")[0]
        text = called + "".join(name + form[name] for name in sorted(form))
        digest = hmac.new(token or self._token, text.encode(), hashlib.sha1).digest()
        signature = base64.b64encode(digest).decode()
        headers = {**_FORM, "X-Twilio-Signature": signature}
        return Post(called, "twilio", urlencode(form).encode(), headers)

    def forged(self, post: Post) -> Post:
        form = dict(parse_qsl(post.body.decode(), keep_blank_values=True))
        form.update(MessageStatus="failed", ErrorCode="30006", MessageSid="SM" + uuid.uuid4().hex)
        return replace(self._signed(post.url, form, b"guessed"), kind="forged")


class SendGridWriter:
    """Batches of signed events to the webhook."""

    def __init__(self, identity: Identity, product_url: str) -> None:
        self._key = identity.webhook_private_key()
        self._wrong = ec.generate_private_key(ec.SECP256R1())
        self._webhook = product_url + WEBHOOK_PATH.format(provider="sendgrid")

    def posts(self, events: Sequence[Event]) -> Iterator[Post]:
        reports: list[dict[str, Any]] = []
        for event in events:
            letter = event.message.letter
            assert isinstance(letter, sendgrid.Letter)
            word = event.step.word
            if word is Word.CLICKED and not letter.tracks("click"):
                yield from _visits(letter.text("text/html"))
            elif word is Word.UNSUBSCRIBED and (url := _one_click(letter)):
                yield Post(url, "visit", b"List-Unsubscribe=One-Click", _FORM, kind="visit")
            elif word is not Word.OPENED or letter.tracks("open"):
                reports += _worded(event, letter)
        for start in range(0, len(reports), MOST_EVENTS):
            yield self._signed(reports[start : start + MOST_EVENTS], self._key)

    def _signed(self, reports: list[dict[str, Any]], key: ec.EllipticCurvePrivateKey) -> Post:
        body = json.dumps(reports, separators=(",", ":")).encode()
        stamp = str(int(time.time()))
        signature = key.sign(stamp.encode() + body, ec.ECDSA(hashes.SHA256()))
        headers = {
            "Content-Type": "application/json",
            "X-Twilio-Email-Event-Webhook-Signature": base64.b64encode(signature).decode(),
            "X-Twilio-Email-Event-Webhook-Timestamp": stamp,
        }
        return Post(self._webhook, "sendgrid", body, headers)

    def forged(self, post: Post) -> Post:
        reports = json.loads(post.body)
        for report in reports:
            report.update(event="spamreport", sg_event_id=uuid.uuid4().hex)
        return replace(self._signed(reports, self._wrong), kind="forged")


def _worded(event: Event, letter: sendgrid.Letter) -> list[dict[str, Any]]:
    """The events by which SendGrid tells of this step."""
    base = {
        "email": event.message.address,
        "timestamp": int(time.time()),
        "smtp-id": f"<{event.message.provider_id}.{letter.place}@ismtpd.emulator>",
        "sg_message_id": f"{event.message.provider_id}.recvd-{letter.place}-1.0",
        **letter.personal.get("custom_args", {}),
    }

    def made(kind: str, **more: Any) -> dict[str, Any]:
        which = f"{event.message.provider_id}:{letter.place}:{kind}:{event.step.machine}"
        event_id = hashlib.blake2b(which.encode(), digest_size=12).hexdigest()
        return {**base, "event": kind, "sg_event_id": event_id, **more}

    match event.step.word:
        case Word.DELIVERED:
            return [made("processed"), made("delivered", response="250 OK")]
        case Word.BOUNCED_HARD:
            bounce = made(
                "bounce", type="bounce", status="5.1.1", reason=event.step.reason,
                bounce_classification="Invalid Address",
            )  # fmt: skip
            if letter.place % 4 == 3:
                # Asynchronous: the server took it first; such a bounce lacks our id and SendGrid's.
                for name in ("sg_message_id", *letter.personal.get("custom_args", {})):
                    bounce.pop(name, None)
                return [made("processed"), made("delivered", response="250 OK"), bounce]
            return [made("processed"), bounce]
        case Word.BOUNCED_SOFT:
            return [
                made("processed"),
                made("deferred", response=event.step.reason, attempt="1"),
                made("bounce", type="blocked", status="4.2.2", reason=event.step.reason),
            ]
        case Word.OPENED:
            return [made("open", sg_machine_open=event.step.machine)]
        case Word.CLICKED:
            link = _LINK.search(letter.text("text/html"))
            return [made("click", url=link.group())] if link else []
        case Word.UNSUBSCRIBED:
            return [made("unsubscribe")]
        case Word.COMPLAINED:
            return [made("spamreport")]
        case _:
            return []


def _one_click(letter: sendgrid.Letter) -> str | None:
    """The URL of the one-click unsubscription (RFC 8058), if the message has one."""
    headers = letter.personal.get("headers") or {}
    if "List-Unsubscribe-Post" not in headers:
        return None
    found = _LINK.search(headers.get("List-Unsubscribe", ""))
    return found.group() if found else None


def _visits(text: str) -> Iterator[Post]:
    """A customer follows the first link."""
    found = _LINK.search(text)
    if found:
        agent = {"User-Agent": "Mozilla/5.0 (Linux; Android 14) Mobile Safari/537.36"}
        url = found.group().replace("&amp;", "&")
        yield Post(url, "visit", b"", agent, "GET", "visit")
