"""SMS by Twilio.

The SDK builds the requests, names the errors and checks signatures. Its own HTTP client is not
used: it hands one thread another's answer, waits for ever by default, and logs numbers.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import hmac
import logging
import re
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import parse_qs, parse_qsl, quote, urlencode, urlsplit
from uuid import UUID

from twilio.base.exceptions import TwilioException
from twilio.http import AsyncHttpClient
from twilio.http.response import Response
from twilio.request_validator import (
    SIGNATURE_HEADER,
    SIGNATURE_SETTINGS_HEADER,
    RequestValidator,
    get_signature_algorithm,
)
from twilio.rest import Client

from segmind import clock
from segmind.channels.channel import Channel
from segmind.channels.content import SmsContent
from segmind.channels.delivery import Delivery, Word
from segmind.channels.keywords import meaning
from segmind.channels.outcome import Accepted, InDoubt, Outcome, Rejected, Retry
from segmind.channels.provider import (
    Capabilities,
    Check,
    Finding,
    Found,
    NotFound,
    Parcel,
    Unknown,
)
from segmind.channels.providers.network import network
from segmind.channels.providers.transport import (
    BROKEN,
    Window,
    each,
    is_ambiguous,
    is_no_api,
    of_error,
    retry_after,
    short,
    silence_vendor_logs,
)
from segmind.channels.sms_parts import plain
from segmind.channels.webhook import (
    WEBHOOK_PATH,
    Deliveries,
    Refusal,
    Refused,
    WebhookRequest,
    refuse_odd,
)

NAME: Final = "twilio"
#: Twilio tries a callback again on any failure, up to five times.
_CALLBACK_OVERRIDES: Final = "#rc=5&rp=all"
#: Twilio has replied to STOP and HELP itself; a second confirmation would be one too many.
EMPTY_TWIML: Final = '<?xml version="1.0" encoding="UTF-8"?><Response/>'
_TRIAL_NOTICE: Final = "Sent from your Twilio trial account - "
_LONGEST_VALIDITY: Final = 36_000
_log: Final = logging.getLogger("twilio")
_BASE_URL: Final = "https://api.twilio.com"

# --- words -------------------------------------------------------------------------------------

STATUS: Final[dict[str, Word]] = {
    "accepted": Word.QUEUED,
    "scheduled": Word.QUEUED,
    "queued": Word.QUEUED,
    "sending": Word.QUEUED,
    "sent": Word.SENT,
    "delivered": Word.DELIVERED,
    "partially_delivered": Word.DELIVERED,
    "read": Word.OPENED,
    "undelivered": Word.BOUNCED_SOFT,
    "failed": Word.FAILED,
    "canceled": Word.FAILED,
}

#: What Twilio's Advanced Opt-Out made of a reply.
_OPT_OUT_TYPE: Final = {
    "STOP": Word.INBOUND_STOP,
    "START": Word.INBOUND_START,
    "HELP": Word.INBOUND_HELP,
}

#: Error codes that mean that the number itself will never work, or must not be used.
DEAD_NUMBER: Final[dict[int, str]] = {
    21211: "This is not a phone number",
    21610: "The recipient replied STOP",
    21614: "This is not a mobile number",
    21635: "This is a landline",
    30006: "This is a landline, or the carrier cannot reach it",
}
#: Proved not sent, worth another try; seconds to wait (None: what Twilio says, else our own pace).
LATER: Final[dict[int, float | None]] = {
    20429: None,
    21611: 900.0,
    30001: 900.0,
    63017: 60.0,
    63038: 900.0,
}
#: The set-up is at fault: nothing of this sender will pass until somebody corrects it.
SET_UP: Final = frozenset({20003, 20404, 21606, 21609, 21659, 21660, 21703, 30002, 30032, 30034})
#: The text is at fault, or the pair of sender and country.
REFUSED: Final[dict[int, str]] = {
    14103: "The text or its media cannot be sent",
    21408: "Texting this country is not enabled in the Twilio account",
    21602: "The text is empty",
    21612: "The sender cannot reach this number",
    21617: "The text is longer than 1,600 characters",
    21658: "The text is longer than the sender's country allows",
}
CONTENT: Final = frozenset({14103, 21602, 21617, 21658})
#: What a status callback's error means, beside ``DEAD_NUMBER``: final for the message, which was
#: handed over, and not the number's fault.
UNDELIVERED: Final[dict[int, str]] = {
    30001: "The sender's queue at Twilio was full",
    30002: "The Twilio account is suspended",
    30003: "The phone is switched off or out of reach",
    30004: "The recipient blocks such messages",
    30005: "The carrier does not know this number",
    30007: "The carrier filtered the message as spam",
    30008: "The carrier gave no reason",
    30022: "The brand's daily limit (10DLC) is used up",
    30032: "The toll-free sender is not verified",
    30034: "The sender is not registered for US traffic (10DLC)",
    30036: "It could not be delivered within its validity",
}
DAILY_CAP: Final = 63038


@dataclass(frozen=True, slots=True)
class TwilioSettings:
    """``sender`` is a number in E.164 or a messaging service's id (MG...). ``auth_token`` may be
    followed by a comma and the former one while tokens rotate."""

    account_sid: str
    auth_token: str
    sender: str
    public_url: str
    base_url: str = _BASE_URL

    @classmethod
    def of(cls, values: Mapping[str, str], public_url: str) -> TwilioSettings | None:
        """The settings; None where one of the three needed is missing."""
        account, token, sender = (values.get(n, "") for n in ("account_sid", "auth_token", "from"))
        if not (account and token and sender):
            return None
        base = values.get("base_url") or _BASE_URL
        return cls(account, token, sender, public_url, base.rstrip("/"))


#: The headers of the last answer in this task: the SDK's errors do not carry them.
_headers: ContextVar[Mapping[str, str]] = ContextVar("twilio_headers")


class _Http(AsyncHttpClient):  # type: ignore[misc]
    """The SDK's requests through our network, without its log and its memory of the last one."""

    def __init__(self) -> None:
        super().__init__(_log, True, None)

    async def request(
        self,
        method: str,
        url: str,
        params: dict[str, object] | None = None,
        data: dict[str, object] | None = None,
        headers: dict[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,  # noqa: ARG002 - the network's own is used
        allow_redirects: bool = False,  # noqa: ARG002
    ) -> Response:
        given = {**(headers or {})}
        if auth is not None:
            given["Authorization"] = _basic(*auth)
        answer = await network().request(
            method.upper(),
            f"{url}?{urlencode(params, doseq=True)}" if params else url,
            body=urlencode(data, doseq=True).encode() if data else None,
            headers=given,
        )
        _headers.set(answer.headers)
        return Response(answer.status, answer.text, answer.headers)


@functools.lru_cache(maxsize=8)
def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


class Twilio:
    """The provider."""

    name: Final = NAME
    channel: Final = Channel.SMS
    capabilities: Final = Capabilities(
        receipts=True,
        look_up=True,
        repeat_is_harmless=False,
        counts_parts=True,
        xml_answer=EMPTY_TWIML,
    )
    batch_size: Final = 100

    def __init__(self, settings: TwilioSettings, secret_key: bytes) -> None:
        silence_vendor_logs()
        self._settings = settings
        self._key = hashlib.blake2b(secret_key, key=b"twilio callback", digest_size=32).digest()
        self._tokens = [t.strip() for t in settings.auth_token.split(",") if t.strip()]
        self._client = Client(settings.account_sid, self._tokens[0], http_client=_Http())
        self._client.api.base_url = settings.base_url
        self._window = _window(settings.account_sid, settings.base_url)
        self._callback = settings.public_url.rstrip("/") + WEBHOOK_PATH.format(provider=NAME)

    # --- sending -----------------------------------------------------------------------------

    def send(self, parcels: Sequence[Parcel]) -> list[Outcome]:
        """One request per message, side by side."""
        return each(parcels, self._send_one, self._window)

    async def _send_one(self, parcel: Parcel) -> Outcome:
        content = parcel.content
        if not isinstance(content, SmsContent):
            return Rejected("wrong_content", "Twilio carries text messages only.")
        try:
            message = await self._client.messages.create_async(
                to=parcel.address,
                body=content.body,
                validity_period=max(1, min(parcel.ttl_seconds, _LONGEST_VALIDITY)),
                **self._from(parcel),
                **self._status_callback(parcel),
            )
        except TwilioException as error:
            return self._of_refusal(error)
        except BROKEN as error:
            return of_error(error)
        except (ValueError, TypeError, KeyError, AttributeError):
            return InDoubt("Twilio's answer cannot be read.")
        if not message.sid:
            return InDoubt("Twilio's answer names no message.")
        return Accepted(str(message.sid), 201)

    def _from(self, parcel: Parcel) -> dict[str, str]:
        sender = parcel.sender.address if parcel.sender else self._settings.sender
        name = "messaging_service_sid" if sender.startswith("MG") else "from_"
        return {name: sender}

    def _status_callback(self, parcel: Parcel) -> dict[str, str]:
        # Twilio refuses a message whose callback it can never reach (21609).
        if self._cannot_report:
            return {}
        return {"status_callback": self.callback_url(parcel.message_public_id)}

    @property
    def _cannot_report(self) -> bool:
        return _is_loopback(self._settings.public_url) and not _is_loopback(self._settings.base_url)

    def _of_refusal(self, error: TwilioException) -> Outcome:
        status = _number(getattr(error, "status", None))
        code = _number(getattr(error, "code", None)) or status
        text = _said(error)
        if is_ambiguous(status):
            return InDoubt(f"Twilio answered {status}: {text}", status)
        shown = str(code)
        if code in LATER or status == 429:
            wait = LATER.get(code) or retry_after(_headers.get({}))
            return Retry(shown, text, wait, status, pause_sender=code == DAILY_CAP)
        if code in SET_UP or 35110 < code < 35127 or status in (401, 403) or is_no_api(status):
            return Retry(shown, text, None, status, pause_sender=True)
        if code in DEAD_NUMBER:
            return Rejected(shown, f"{DEAD_NUMBER[code]}.", suppress=True, http_status=status)
        if code in REFUSED:
            text = f"{REFUSED[code]}."
        return Rejected(shown, text, http_status=status, blames_content=code in CONTENT)

    def find(self, parcel: Parcel, since: datetime) -> Finding:
        """Looks among the messages to this number for one with this text since ``since``."""
        content = parcel.content
        if not isinstance(content, SmsContent):
            return NotFound()
        since = since.astimezone(UTC) - timedelta(minutes=1)
        try:
            # Not by date sent: what still waits in the sender's queue has none. Newest come first.
            rows = network().run(self._client.messages.list_async(to=parcel.address, limit=200))
            recent = [r for r in rows if r.date_created is None or r.date_created >= since]
            for row in recent:
                if _is_same_text(row.body or "", content.body):
                    return Found(str(row.sid))
            if any(not row.body for row in recent):
                return Unknown("Twilio shows a message to this number, but not its text any more.")
        except (TwilioException, *BROKEN) as error:
            return Unknown(f"Twilio could not be asked ({type(error).__name__}).")
        except (ValueError, TypeError, KeyError, AttributeError):
            return Unknown("Twilio's answer cannot be read.")
        return NotFound()

    def check(self) -> Check:
        """Fetches the account."""
        try:
            asked = self._client.api.v2010.accounts(self._settings.account_sid)
            account = network().run(asked.fetch_async())
        except TwilioException as error:
            return Check(False, f"Twilio refuses the credentials: {_said(error)}")
        except BROKEN as error:
            return Check(False, f"Twilio cannot be reached ({type(error).__name__}).")
        except (ValueError, TypeError, KeyError, AttributeError):
            return Check(False, "Twilio's answer cannot be read.")
        connected = f"Connected to the Twilio account {short(account.friendly_name)}."
        if self._cannot_report:
            connected += (
                f" It cannot report back, though: {self._settings.public_url} is reached from this"
                " machine only. Set the public address."
            )
        return Check(True, connected)

    # --- reports -----------------------------------------------------------------------------

    def callback_url(self, message_public_id: UUID) -> str:
        """Where Twilio reports on this message: our id, and our proof that it is ours."""
        m = str(message_public_id)
        return f"{self._callback}?m={quote(m)}&s={self._proof(m)}{_CALLBACK_OVERRIDES}"

    def read_webhook(self, request: WebhookRequest) -> Deliveries | Refused:
        """Reads a status callback or an inbound message."""
        if refused := refuse_odd(request):
            return refused
        form = _form(request.body)
        if form is None or not self._is_signed(request, form):
            return Refused(Refusal.FORGED, "The signature is missing or wrong.")
        query = parse_qs(request.query)
        m = query.get("m", [""])[0]
        if m and not hmac.compare_digest(self._proof(m), _ascii(query.get("s", [""])[0])):
            return Refused(Refusal.FORGED, "The message's own proof is missing or wrong.")
        at = request.received_at or clock.now()
        if "MessageStatus" in form:
            return _status(form, m, at)
        if "Body" in form and "From" in form:
            return _inbound(form, at)
        return Refused(Refusal.MALFORMED, "The form is neither a status nor a message.")

    def _is_signed(self, request: WebhookRequest, form: dict[str, str]) -> bool:
        signature = request.header(SIGNATURE_HEADER)
        if not signature or not signature.isascii():
            return False
        url = self._callback + (f"?{request.query}" if request.query else "")
        algorithm = get_signature_algorithm(request.header(SIGNATURE_SETTINGS_HEADER))
        # Whether the overrides behind the # are signed as well is not documented: both are ours.
        urls = (url, url + _CALLBACK_OVERRIDES)
        return any(
            _validates(token, u, form, signature, algorithm) for token in self._tokens for u in urls
        )

    def _proof(self, m: str) -> str:
        return hmac.new(self._key, m.encode("utf-8", "replace"), hashlib.sha256).hexdigest()[:32]


@functools.lru_cache(maxsize=8)
def _window(account_sid: str, base_url: str) -> Window:  # noqa: ARG001 - the key of the cache
    """One account takes about 100 requests at once, whoever makes them."""
    return Window()


def _validates(token: str, url: str, form: dict[str, str], signature: str, algorithm: str) -> bool:
    try:
        return bool(RequestValidator(token).validate(url, form, signature, algorithm))
    except (TypeError, ValueError, AttributeError, KeyError):
        return False


def _form(body: bytes) -> dict[str, str] | None:
    try:
        return dict(
            parse_qsl(
                body.decode("utf-8"), keep_blank_values=True, max_num_fields=200, errors="strict"
            )
        )
    except ValueError:
        return None


def _status(form: dict[str, str], m: str, at: datetime) -> Deliveries | Refused:
    sid = form.get("MessageSid") or form.get("SmsSid") or ""
    status = form["MessageStatus"].strip().lower()
    if not sid:
        return Refused(Refusal.MALFORMED, "The status names no message.")
    word = STATUS.get(status)
    if word is None:
        return Deliveries((), ignored=1)
    code = _number(form.get("ErrorCode"))
    dead = code in DEAD_NUMBER
    if dead and word in (Word.BOUNCED_SOFT, Word.FAILED):
        word = Word.BOUNCED_HARD
    reason = DEAD_NUMBER.get(code) or UNDELIVERED.get(code) or form.get("ErrorMessage")
    return Deliveries(
        (
            Delivery(
                word=word,
                provider=NAME,
                at=at,
                dedupe_key=f"{sid}:{status}",
                message_public_id=_uuid(m),
                provider_id=sid,
                address=form.get("To") or None,
                code=str(code) if code else None,
                reason=short(reason) if reason else None,
                suppress=dead,
            ),
        )
    )


def _inbound(form: dict[str, str], at: datetime) -> Deliveries | Refused:
    sid = form.get("MessageSid") or form.get("SmsSid") or ""
    if not sid or not form["From"]:
        return Refused(Refusal.MALFORMED, "The message names no sender.")
    text = form["Body"][:2000]
    word = _OPT_OUT_TYPE.get(form.get("OptOutType", "").upper()) or meaning(text)
    return Deliveries(
        (
            Delivery(
                word=word,
                provider=NAME,
                at=at,
                dedupe_key=f"{sid}:inbound",
                provider_id=sid,
                address=form["From"],
                text=text,
            ),
        )
    )


def _said(error: TwilioException) -> str:
    """Twilio's own sentence, without what the SDK puts before it ("Unable to create record: ")."""
    text = short(getattr(error, "msg", None) or getattr(error, "detail", None) or error)
    return re.sub(r"^Unable to \w+ record: ", "", text)


def _is_same_text(theirs: str, ours: str) -> bool:
    """Twilio may have put a trial account's notice before the text, and signs of GSM-7 in place of
    typographic ones (Smart Encoding)."""
    kept, given = (" ".join(plain(text).split()) for text in (theirs, ours))
    return bool(given) and (kept == given or kept == f"{_TRIAL_NOTICE}{given}")


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _number(value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError):
        return 0


def _ascii(text: str) -> str:
    return text if text.isascii() else ""


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        return None
