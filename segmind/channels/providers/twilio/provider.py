"""The provider: hands texts over, asks after them, and reads what Twilio reports."""

from __future__ import annotations

import functools
import hashlib
import hmac
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Final
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

from twilio.base.exceptions import TwilioException
from twilio.request_validator import (
    SIGNATURE_HEADER,
    SIGNATURE_SETTINGS_HEADER,
    get_signature_algorithm,
)
from twilio.rest import Client

from segmind import clock
from segmind.channels.channel import Channel
from segmind.channels.content import SmsContent
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
    each,
    is_ambiguous,
    is_no_api,
    of_error,
    retry_after,
    short,
    silence_vendor_logs,
)
from segmind.channels.providers.twilio.callbacks import (
    OVERRIDES,
    form_of,
    number,
    reply_of,
    status_of,
    validates,
)
from segmind.channels.providers.twilio.client import Http, last_headers, window_of
from segmind.channels.providers.twilio.settings import TwilioSettings
from segmind.channels.providers.twilio.words import (
    CONTENT,
    DAILY_CAP,
    DEAD_NUMBER,
    LATER,
    NAME,
    REFUSED,
    SET_UP,
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

#: Twilio has replied to STOP and HELP itself; a second confirmation would be one too many.
EMPTY_TWIML: Final = '<?xml version="1.0" encoding="UTF-8"?><Response/>'
_TRIAL_NOTICE: Final = "Sent from your Twilio trial account - "
_LONGEST_VALIDITY: Final = 36_000


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
    batch_size: Final = 200

    def __init__(self, settings: TwilioSettings, secret_key: bytes) -> None:
        silence_vendor_logs()
        self._settings = settings
        key = hashlib.blake2b(secret_key, key=b"twilio callback", digest_size=32).digest()
        self._begun = hmac.new(key, digestmod=hashlib.sha256)  # copied for every message
        self._tokens = [t.strip() for t in settings.auth_token.split(",") if t.strip()]
        self._client = Client(settings.account_sid, self._tokens[0], http_client=Http())
        self._client.api.base_url = settings.base_url
        self._window = window_of(settings.account_sid, settings.base_url)
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
        status = number(getattr(error, "status", None))
        code = number(getattr(error, "code", None)) or status
        text = _said(error)
        if is_ambiguous(status):
            return InDoubt(f"Twilio answered {status}: {text}", status)
        shown = str(code)
        if code in LATER or status == 429:
            wait = LATER.get(code) or retry_after(last_headers.get({}))
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
        return f"{self._callback}?m={m}&s={self._proof(m)}{OVERRIDES}"

    def read_webhook(self, request: WebhookRequest) -> Deliveries | Refused:
        """Reads a status callback or an inbound message."""
        if refused := refuse_odd(request):
            return refused
        form = form_of(request.body)
        if form is None or not self._is_signed(request, form):
            return Refused(Refusal.FORGED, "The signature is missing or wrong.")
        query = parse_qs(request.query)
        m = query.get("m", [""])[0]
        if m and not hmac.compare_digest(self._proof(m), _ascii(query.get("s", [""])[0])):
            return Refused(Refusal.FORGED, "The message's own proof is missing or wrong.")
        at = request.received_at or clock.now()
        if "MessageStatus" in form:
            return status_of(form, m, at)
        if "Body" in form and "From" in form:
            return reply_of(form, at)
        return Refused(Refusal.MALFORMED, "The form is neither a status nor a message.")

    def _is_signed(self, request: WebhookRequest, form: dict[str, str]) -> bool:
        signature = request.header(SIGNATURE_HEADER)
        if not signature or not signature.isascii():
            return False
        url = self._callback + (f"?{request.query}" if request.query else "")
        algorithm = get_signature_algorithm(request.header(SIGNATURE_SETTINGS_HEADER))
        # Whether the overrides behind the # are signed as well is not documented: both are ours.
        urls = (url, url + OVERRIDES)
        return any(
            validates(token, u, form, signature, algorithm) for token in self._tokens for u in urls
        )

    def _proof(self, m: str) -> str:
        proof = self._begun.copy()
        proof.update(m.encode("utf-8", "replace"))
        return proof.hexdigest()[:32]


def _said(error: TwilioException) -> str:
    """Twilio's own sentence, without what the SDK puts before it ("Unable to create record: ")."""
    text = short(getattr(error, "msg", None) or getattr(error, "detail", None) or error)
    return re.sub(r"^Unable to \w+ record: ", "", text)


def _is_same_text(theirs: str, ours: str) -> bool:
    """Twilio may have put a trial account's notice before the text, and signs of GSM-7 in place of
    typographic ones (Smart Encoding)."""
    kept, given = (" ".join(plain(text).split()) for text in (theirs, ours))
    return bool(given) and (kept == given or kept == f"{_TRIAL_NOTICE}{given}")


@functools.lru_cache(maxsize=8)
def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _ascii(text: str) -> str:
    return text if text.isascii() else ""
