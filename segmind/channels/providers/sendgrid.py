"""E-mail by SendGrid.

The SDK authenticates, addresses the API and checks webhook signatures. Its transport is not used:
it opens a new connection for every call, waits for ever, and logs the key and every recipient.

Up to 500 recipients share one request: what their e-mails have in common goes once, what differs
goes as substitutions of the recipient's own, already escaped.
"""

from __future__ import annotations

import functools
import hashlib
import io
import json
import re
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import Message
from typing import Any, Final
from urllib.error import HTTPError as UrllibHTTPError
from uuid import UUID

import msgspec
from python_http_client import Client
from python_http_client.exceptions import HTTPError, handle_error
from sendgrid import SendGridAPIClient
from sendgrid.helpers.eventwebhook import EventWebhook, EventWebhookHeader

from segmind.channels import deadline
from segmind.channels.channel import Channel
from segmind.channels.content import EmailContent, Slots
from segmind.channels.delivery import Delivery, Word
from segmind.channels.outcome import LONGEST_WAIT, Accepted, InDoubt, Outcome, Rejected, Retry
from segmind.channels.provider import Capabilities, Check, Finding, Parcel, Unknown
from segmind.channels.providers.network import Answer, network
from segmind.channels.providers.transport import (
    BROKEN,
    Mood,
    is_ambiguous,
    is_no_api,
    of_error,
    retry_after,
    short,
    silence_vendor_logs,
)
from segmind.channels.webhook import (
    Deliveries,
    Refusal,
    Refused,
    WebhookRequest,
    refuse_odd,
    refuse_stale,
)
from segmind.errors import InvalidInput

NAME: Final = "sendgrid"
_BASE_URL: Final = "https://api.sendgrid.com"
#: SendGrid takes less than 10,000 bytes of substitutions for one recipient.
LARGEST_SUBSTITUTIONS: Final = 9_000
#: A refused request is parted until the faulty stand alone, so often for one batch.
MOST_SPLITS: Final = 29
_AT_ONCE: Final = 8
#: Said in full, the SDK leaves the encoding to us: it takes a quarter of the time of ``json``.
_JSON: Final = "application/json; charset=utf-8"
MOST_EVENTS: Final = 10_000
#: A request for 500 takes longer to read than one for one.
READ_SECONDS: float = 15.0
#: The last request of a batch begins within this time.
_BATCH_SECONDS: Final = 20.0

# --- words -------------------------------------------------------------------------------------

EVENT: Final[dict[str, Word]] = {
    "processed": Word.SENT,
    "deferred": Word.QUEUED,
    "delivered": Word.DELIVERED,
    "bounce": Word.BOUNCED_HARD,
    "dropped": Word.FAILED,
    "open": Word.OPENED,
    "click": Word.CLICKED,
    "spamreport": Word.COMPLAINED,
    "unsubscribe": Word.UNSUBSCRIBED,
    "group_unsubscribe": Word.UNSUBSCRIBED,
    # group_resubscribe is ignored: consent comes back by our own forms only, with its evidence.
}
#: Why SendGrid drops an e-mail unsent, and whether the address must not be used again. What is
#: not listed ("Invalid SMTPAPI header", "Spam Content", "Recipient List over Package Quota") is
#: the sender's fault.
DROPPED: Final[dict[str, str]] = {
    "bounced address": "It bounced before",
    "unsubscribed address": "The recipient unsubscribed",
    "spam reporting address": "The recipient reported spam",
    "invalid": "This is not an address",
    "invalid address": "This is not an address",
}
_PLACE: Final = re.compile(r"personalizations\.(\d+)\b")


class BadWebhookKey(InvalidInput):
    """This is not the public key of an event webhook."""

    code = "bad_webhook_key"
    hint = "Copy it from SendGrid: Settings, Mail Settings, Event Webhook, Signature Verification."


@dataclass(frozen=True, slots=True)
class SendGridSettings:
    """``webhook_keys`` are the public keys of the signed event webhook: the present one and, while
    keys rotate, the former."""

    api_key: str
    sender: str
    webhook_keys: tuple[str, ...] = ()
    sender_name: str = ""
    base_url: str = _BASE_URL

    @classmethod
    def of(cls, values: Mapping[str, str]) -> SendGridSettings | None:
        """The settings; None where the key or the sender is missing.

        Raises:
            BadWebhookKey: the webhook's key cannot be read.
        """
        key, sender = values.get("api_key", ""), values.get("from", "")
        if not (key and sender):
            return None
        keys = tuple(k.strip() for k in values.get("webhook_key", "").split(",") if k.strip())
        if any(_verifier(given) is None for given in keys):
            raise BadWebhookKey(field="webhook_key")
        base = values.get("base_url") or _BASE_URL
        return cls(key, sender, keys, values.get("from_name", ""), base.rstrip("/"))


class _Answer:
    """A response as the SDK reads it."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    def getcode(self) -> int:
        return self._answer.status

    def read(self) -> bytes:
        return self._answer.body

    def info(self) -> Mapping[str, str]:
        return self._answer.headers


class _PooledClient(Client):  # type: ignore[misc]
    """The SDK's client over our network."""

    def _build_client(self, name: str | None = None) -> _PooledClient:
        path = [*self._url_path, name] if name else self._url_path
        return _PooledClient(
            host=self.host,
            version=self._version,
            request_headers=dict(self.request_headers),
            url_path=path,
        )

    def _make_request(self, opener: Any, request: Any, timeout: float | None = None) -> _Answer:
        del opener, timeout
        headers = {**request.headers, **request.unredirected_hdrs}
        answer = network().call(
            request.get_method(),
            request.full_url,
            headers=headers,
            body=request.data,
            seconds=READ_SECONDS,
        )
        if answer.status >= 400:
            raise handle_error(_as_urllib(request.full_url, answer))
        return _Answer(answer)


class SendGrid:
    """The provider."""

    name: Final = NAME
    channel: Final = Channel.EMAIL
    capabilities: Final = Capabilities(receipts=True, look_up=False, repeat_is_harmless=False)
    batch_size: Final = 500

    def __init__(self, settings: SendGridSettings) -> None:
        silence_vendor_logs()
        self._settings = settings
        self._api = SendGridAPIClient(settings.api_key, host=settings.base_url)
        headers = {**self._api.client.request_headers, "Content-Type": _JSON}
        client = _PooledClient(host=settings.base_url, request_headers=headers, version=3)
        self._api.client = client
        self._verifiers = [v for v in map(_verifier, settings.webhook_keys) if v is not None]

    # --- sending -----------------------------------------------------------------------------

    def send(self, parcels: Sequence[Parcel]) -> list[Outcome]:
        """One request for all recipients of one text; more where texts or addresses demand it."""
        outcomes: dict[int, Outcome] = {}
        groups = _groups(parcels, outcomes)
        mood = Mood(deadline.until(_BATCH_SECONDS))
        splits = _Splits(MOST_SPLITS)

        def send_group(group: list[int]) -> None:
            self._send_group(parcels, group, outcomes, mood, splits)

        if len(groups) == 1:
            send_group(groups[0])
        else:
            list(_side_by_side().map(send_group, groups))
        return [outcomes[i] for i in range(len(parcels))]

    def _send_group(
        self,
        parcels: Sequence[Parcel],
        group: list[int],
        outcomes: dict[int, Outcome],
        mood: Mood,
        splits: _Splits,
    ) -> None:
        late = mood.not_begun()
        if late is not None:
            outcomes.update(dict.fromkeys(group, late))
            return
        made = self._request([parcels[i] for i in group])
        if not isinstance(made, _Refusal):
            mood.heed(made)
            outcomes.update(dict.fromkeys(group, made))
            return
        mood.heed(made.outcome)
        # Refused as a whole, so nothing of it was sent: part the faulty from the others.
        faulty = [group[i] for i in made.places if i < len(group)]
        rest = [i for i in group if i not in faulty]
        outcomes.update(dict.fromkeys(faulty, made.outcome))
        if len(group) == 1 and rest:
            outcomes[rest[0]] = made.outcome
        elif rest and not splits.take():
            outcomes.update(dict.fromkeys(rest, _TOO_MANY_SPLITS))
        elif rest and faulty:
            self._send_group(parcels, rest, outcomes, mood, splits)
        elif rest:
            half = len(rest) // 2
            self._send_group(parcels, rest[:half], outcomes, mood, splits)
            self._send_group(parcels, rest[half:], outcomes, mood, splits)

    def _request(self, parcels: Sequence[Parcel]) -> Outcome | _Refusal:
        try:
            answer = self._api.client.mail.send.post(
                request_body=_encoded(_payload(parcels, self._settings))
            )
        except HTTPError as error:
            return _of_refusal(error)
        except BROKEN as error:
            return of_error(error)
        if answer.status_code != 202:
            return InDoubt(f"SendGrid answered {answer.status_code}.", answer.status_code)
        request_id = str(answer.headers.get("X-Message-Id") or "")
        return Accepted(request_id or str(parcels[0].message_public_id), answer.status_code)

    def find(self, parcel: Parcel, since: datetime) -> Finding:  # noqa: ARG002 - the port's
        """SendGrid has no look-up that every account can use: only its reports prove a message."""
        return Unknown("SendGrid cannot be asked; it reports within minutes what it took.")

    def check(self) -> Check:
        """Asks what the key may do."""
        try:
            scopes = json.loads(self._api.client.scopes.get().body).get("scopes", [])
        except HTTPError as error:
            return Check(False, f"SendGrid refuses the key ({error.status_code}).")
        except BROKEN as error:
            return Check(False, f"SendGrid cannot be reached ({type(error).__name__}).")
        except (ValueError, AttributeError):
            return Check(False, "SendGrid's answer cannot be read.")
        if "mail.send" not in scopes:
            return Check(False, "The SendGrid key may not send e-mail.")
        return Check(True, "Connected to SendGrid.")

    # --- reports -----------------------------------------------------------------------------

    def read_webhook(self, request: WebhookRequest) -> Deliveries | Refused:
        """Reads a signed batch of events."""
        if refused := refuse_odd(request):
            return refused
        signature = request.header(EventWebhookHeader.SIGNATURE)
        timestamp = request.header(EventWebhookHeader.TIMESTAMP)
        text = _decoded(request.body)
        if text is None or not any(
            _verifies(v, text, signature, timestamp) for v in self._verifiers
        ):
            return Refused(Refusal.FORGED, "The signature is missing or wrong.")
        if refused := refuse_stale(timestamp, request.received_at):
            return refused
        try:
            events = json.loads(text)
        except (ValueError, RecursionError):
            return Refused(Refusal.MALFORMED, "The body is not JSON.")
        if not isinstance(events, list) or len(events) > MOST_EVENTS:
            return Refused(Refusal.MALFORMED, "The body is not a list of events.")
        read = [_delivery(event) for event in events]
        known = tuple(d for d in read if d is not None)
        return Deliveries(known, ignored=len(read) - len(known))


class _Splits:
    """How often the requests of one batch may still be parted. Safe to use from several threads."""

    def __init__(self, most: int) -> None:
        self._left = iter(range(most))

    def take(self) -> bool:
        """Whether there was one left."""
        return next(self._left, None) is not None


_TOO_MANY_SPLITS: Final = Retry(
    "not_begun", "The request was refused, and parted too often to find out why.", begun=False
)


@functools.cache
def _side_by_side() -> ThreadPoolExecutor:
    """Threads that wait for requests of several texts; the network does the work."""
    return ThreadPoolExecutor(_AT_ONCE, thread_name_prefix=NAME)


@dataclass(frozen=True, slots=True)
class _Refusal:
    """A request refused for what it holds; ``places`` are the recipients that SendGrid names."""

    outcome: Rejected
    places: tuple[int, ...]


def _of_refusal(error: HTTPError) -> Outcome | _Refusal:
    status = int(error.status_code)
    text, fields = _errors(error.body)
    if is_ambiguous(status):
        return InDoubt(f"SendGrid answered {status}: {text}", status)
    if status == 429:
        return Retry("429", text or "Too many requests.", _wait(error.headers), status)
    if status in (401, 403) or is_no_api(status):
        return Retry(str(status), text or "The key is refused.", None, status, pause_sender=True)
    if status == 400 and any(f.startswith("from") for f in fields):
        return Retry("sender", text, None, status, pause_sender=True)
    places = tuple(sorted({int(m[1]) for f in fields if (m := _PLACE.match(f))}))
    address = any(re.search(r"\.to\b|\.email\b", f) for f in fields if _PLACE.match(f))
    return _Refusal(Rejected(str(status), text, suppress=address, http_status=status), places)


def _errors(body: Any) -> tuple[str, list[str]]:
    try:
        errors = json.loads(body)["errors"]
        text = "; ".join(str(e.get("message", "")) for e in errors)
        return short(text), [str(e.get("field") or "") for e in errors]
    except (ValueError, TypeError, KeyError, AttributeError):
        return short(_decoded(body) or "") if isinstance(body, bytes) else "", []


def _wait(headers: Mapping[str, str]) -> float | None:
    given = retry_after(headers)
    if given is not None:
        return given
    reset = str(headers.get("X-RateLimit-Reset") or "")
    if not reset.isdigit():
        return None
    return min(max(int(reset) - time.time(), 1.0), LONGEST_WAIT)


def _as_urllib(url: str, answer: Answer) -> UrllibHTTPError:
    headers = Message()
    for name, value in answer.headers.items():
        headers[name] = value
    return UrllibHTTPError(url, answer.status, "", headers, io.BytesIO(answer.body))


# --- payload -----------------------------------------------------------------------------------


def _groups(parcels: Sequence[Parcel], outcomes: dict[int, Outcome]) -> list[list[int]]:
    """Which parcels can share a request: one text, one sender, every address once."""
    groups: dict[tuple[Any, ...], list[list[int]]] = {}
    addresses: dict[int, set[str]] = {}
    for i, parcel in enumerate(parcels):
        content = parcel.content
        if not isinstance(content, EmailContent):
            outcomes[i] = Rejected("wrong_content", "SendGrid carries e-mail only.")
            continue
        shared = isinstance(content.html_part, Slots) and _fits(content)
        key = (_skeleton(content) if shared else (-1 - i,), parcel.sender)
        address = parcel.address.casefold()
        for group in groups.setdefault(key, []):
            if address not in addresses[id(group)] and len(group) < SendGrid.batch_size:
                group.append(i)
                addresses[id(group)].add(address)
                break
        else:
            fresh = [i]
            groups[key].append(fresh)
            addresses[id(fresh)] = {address}
    return [group for several in groups.values() for group in several]


def _skeleton(content: EmailContent) -> tuple[int, ...]:
    """What contents of one template version have in common: the very same pieces."""
    parts = (content.html_part, content.text_part)
    return tuple(0 if isinstance(part, str) else id(part.pieces) for part in parts)


def _own(part: str | Slots) -> tuple[str, ...]:
    """What of a part is this recipient's own."""
    return (part,) if isinstance(part, str) else part.values


def _fits(content: EmailContent) -> bool:
    """Whether what is this recipient's own, with room for the marks, is not too long in bytes."""
    own = (*_own(content.html_part), *_own(content.text_part))
    if 4 * sum(map(len, own)) + 24 * len(own) <= LARGEST_SUBSTITUTIONS:
        return True  # UTF-8 takes at most four bytes for a letter
    return sum(len(value.encode()) + 24 for value in own) <= LARGEST_SUBSTITUTIONS


def _payload(parcels: Sequence[Parcel], settings: SendGridSettings) -> dict[str, Any]:
    first = parcels[0]
    content = first.content
    assert isinstance(content, EmailContent)
    sender = first.sender
    address = sender.address if sender else settings.sender
    name = sender.name if sender else settings.sender_name
    payload: dict[str, Any] = {
        "from": {"email": address, "name": name} if name else {"email": address},
        "tracking_settings": {
            # Our own links count clicks; SendGrid's pair of unsubscribe links would double ours.
            "click_tracking": {"enable": False, "enable_text": False},
            "open_tracking": {"enable": True},
            "subscription_tracking": {"enable": False},
        },
    }
    if len(parcels) == 1 or isinstance(content.html_part, str):
        payload["personalizations"] = [_personal(first, content)]
        payload["content"] = _content(content.text, content.html)
        return payload
    mark = _mark(parcels)
    html, text = content.html_part, content.text_part
    names = [*_names(_own(html), mark), *_names(_own(text), f"{mark}t")]
    payload["personalizations"] = [
        _personal(p, p.content, names) for p in parcels if isinstance(p.content, EmailContent)
    ]
    payload["content"] = _content(_marked(text, f"{mark}t"), _marked(html, mark))
    return payload


def _encoded(payload: dict[str, Any]) -> str:
    try:
        return msgspec.json.encode(payload).decode()
    except (TypeError, ValueError):  # letters that UTF-8 cannot write, texts of a kind of their own
        return json.dumps(payload)


def _names(values: Sequence[str], mark: str) -> list[str]:
    """What stands for each of the values in the text that is shared."""
    return [f"{mark}{i}-" for i in range(1, len(values) + 1)]


def _marked(part: str | Slots, mark: str) -> str:
    names = _names(_own(part), mark)
    return names[0] if isinstance(part, str) else Slots(part.pieces, tuple(names)).joined()


def _content(text: str, html: str) -> list[dict[str, str]]:
    # SendGrid refuses empty parts.
    parts = (("text/plain", text), ("text/html", html))
    return [{"type": kind, "value": value or " "} for kind, value in parts]


def _personal(
    parcel: Parcel, content: EmailContent, names: Sequence[str] | None = None
) -> dict[str, Any]:
    """One recipient's part of the request; with ``names`` what is put in for each of them."""
    out: dict[str, Any] = {
        "to": [{"email": parcel.address}],
        "subject": content.subject or " ",
        "custom_args": {"m": str(parcel.message_public_id)},
    }
    if content.headers:
        out["headers"] = dict(content.headers)
    if names is not None:
        own = (*_own(content.html_part), *_own(content.text_part))
        out["substitutions"] = dict(zip(names, own, strict=True))
    return out


def _mark(parcels: Sequence[Parcel]) -> str:
    """What stands for a slot: nobody who writes a text or a value can know it."""
    ids = b"".join(p.message_public_id.bytes for p in parcels)
    return f"-{hashlib.blake2b(ids, digest_size=6).hexdigest()}."


# --- events ------------------------------------------------------------------------------------


def _delivery(event: Any) -> Delivery | None:
    if not isinstance(event, dict):
        return None
    word = EVENT.get(str(event.get("event")))
    stamp = event.get("timestamp")
    if word is None or not isinstance(stamp, int) or not 0 < stamp < 1 << 33:
        return None
    if word is Word.BOUNCED_HARD and event.get("type") == "blocked":
        word = Word.BOUNCED_SOFT
    reason = event.get("reason") or event.get("response")
    dropped = DROPPED.get(str(reason).strip().lower()) if word is Word.FAILED else None
    message_id = str(event.get("sg_message_id") or "").partition(".")[0]
    return Delivery(
        word=word,
        provider=NAME,
        at=datetime.fromtimestamp(stamp, UTC),
        dedupe_key=_dedupe_key(event),
        message_public_id=_uuid(event.get("m")),
        provider_id=message_id or None,
        address=_text(event.get("email")),
        machine=event.get("sg_machine_open") is True,
        url=_text(event.get("url")) if word is Word.CLICKED else None,
        code=_text(event.get("status")),
        reason=short(reason) if reason else None,
        suppress=dropped is not None,
        smtp_id=_text(event.get("smtp-id")),
    )


def _dedupe_key(event: dict[str, Any]) -> str:
    given = event.get("sg_event_id")
    if isinstance(given, str) and 0 < len(given) <= 200:
        return given
    whole = json.dumps(event, sort_keys=True, default=str).encode()
    return "h:" + hashlib.blake2b(whole, digest_size=16).hexdigest()


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _uuid(value: Any) -> UUID | None:
    try:
        return UUID(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _decoded(body: bytes) -> str | None:
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _verifier(key: str) -> EventWebhook | None:
    try:
        return EventWebhook(key)
    except ValueError:
        return None


def _verifies(verifier: EventWebhook, text: str, signature: str, timestamp: str) -> bool:
    if not signature or not timestamp:
        return False
    try:
        return bool(verifier.verify_signature(text, signature, timestamp))
    except (ValueError, TypeError):  # binascii.Error is a ValueError
        return False
