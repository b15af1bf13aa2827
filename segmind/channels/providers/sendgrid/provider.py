"""The provider: hands e-mails over, and reads what SendGrid reports."""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Final

from python_http_client.exceptions import HTTPError
from sendgrid import SendGridAPIClient
from sendgrid.helpers.eventwebhook import EventWebhookHeader

from segmind.channels import deadline
from segmind.channels.channel import Channel
from segmind.channels.outcome import Accepted, InDoubt, Outcome, Retry
from segmind.channels.provider import Capabilities, Check, Finding, Parcel, Unknown
from segmind.channels.providers.sendgrid.client import PooledClient
from segmind.channels.providers.sendgrid.events import (
    MOST_EVENTS,
    decoded,
    delivery_of,
    verifier,
    verifies,
)
from segmind.channels.providers.sendgrid.payload import (
    MOST_RECIPIENTS,
    encoded,
    groups,
    payload_of,
)
from segmind.channels.providers.sendgrid.refusals import RefusedWhole, of_refusal
from segmind.channels.providers.sendgrid.settings import SendGridSettings
from segmind.channels.providers.sendgrid.words import NAME
from segmind.channels.providers.transport import BROKEN, Mood, of_error, silence_vendor_logs
from segmind.channels.webhook import (
    Deliveries,
    Refusal,
    Refused,
    WebhookRequest,
    refuse_odd,
    refuse_stale,
)

#: A refused request is parted until the faulty stand alone, so often for one batch.
MOST_SPLITS: Final = 29
_AT_ONCE: Final = 8
#: Said in full, the SDK leaves the encoding to us: it takes a quarter of the time of ``json``.
_JSON: Final = "application/json; charset=utf-8"
#: The last request of a batch begins within this time.
_BATCH_SECONDS: Final = 20.0


class SendGrid:
    """The provider."""

    name: Final = NAME
    channel: Final = Channel.EMAIL
    capabilities: Final = Capabilities(receipts=True, look_up=False, repeat_is_harmless=False)
    batch_size: Final = MOST_RECIPIENTS

    def __init__(self, settings: SendGridSettings) -> None:
        silence_vendor_logs()
        self._settings = settings
        self._api = SendGridAPIClient(settings.api_key, host=settings.base_url)
        headers = {**self._api.client.request_headers, "Content-Type": _JSON}
        client = PooledClient(host=settings.base_url, request_headers=headers, version=3)
        self._api.client = client
        self._verifiers = [v for v in map(verifier, settings.webhook_keys) if v is not None]

    # --- sending -----------------------------------------------------------------------------

    def send(self, parcels: Sequence[Parcel]) -> list[Outcome]:
        """One request for all recipients of one text; more where texts or addresses demand it."""
        outcomes: dict[int, Outcome] = {}
        shared = groups(parcels, outcomes)
        mood = Mood(deadline.until(_BATCH_SECONDS))
        splits = _Splits(MOST_SPLITS)

        def send_group(group: list[int]) -> None:
            self._send_group(parcels, group, outcomes, mood, splits)

        if len(shared) == 1:
            send_group(shared[0])
        else:
            list(_side_by_side().map(send_group, shared))
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
        if not isinstance(made, RefusedWhole):
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

    def _request(self, parcels: Sequence[Parcel]) -> Outcome | RefusedWhole:
        try:
            answer = self._api.client.mail.send.post(
                request_body=encoded(payload_of(parcels, self._settings))
            )
        except HTTPError as error:
            return of_refusal(error)
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
        text = decoded(request.body)
        if text is None or not any(
            verifies(v, text, signature, timestamp) for v in self._verifiers
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
        read = [delivery_of(event) for event in events]
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
