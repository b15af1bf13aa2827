"""Push by Firebase Cloud Messaging (HTTP v1).

pyfcm builds the payload; the transport is ours: pyfcm's posts a message up to eleven times when an
answer is slow, sleeps as long as a header tells it to, and hides why a token was refused.

A message carries its own id as the collapse id, so one that is sent twice shows once.
"""

from __future__ import annotations

import asyncio
import functools
import json
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import requests
from google.auth.exceptions import GoogleAuthError, RefreshError
from google.auth.transport.requests import Request as AuthRequest
from google.oauth2 import service_account
from pyfcm.baseapi import BaseAPI

from segmind import clock
from segmind.channels.channel import Channel
from segmind.channels.content import PushContent
from segmind.channels.outcome import Accepted, InDoubt, Outcome, Rejected, Retry
from segmind.channels.provider import Capabilities, Check, Finding, Parcel, Unknown
from segmind.channels.providers.network import CONNECT_SECONDS, Answer, network
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
from segmind.channels.webhook import Deliveries, Refusal, Refused, WebhookRequest
from segmind.errors import InvalidInput

NAME: Final = "fcm"
_BASE_URL: Final = "https://fcm.googleapis.com"
_SCOPES: Final = ("https://www.googleapis.com/auth/firebase.messaging",)
_LONGEST_TTL: Final = 28 * 86_400
_QUOTA_SECONDS: Final = 60.0
_TOKEN_SECONDS: Final = 4.0

# --- words -------------------------------------------------------------------------------------

#: FCM's error codes that mean that the token will never work again.
DEAD_TOKEN: Final[dict[str, str]] = {
    "UNREGISTERED": "The app was removed from the device, or the token was replaced",
    "SENDER_ID_MISMATCH": "The token belongs to another app",
}
#: The set-up is at fault.
SET_UP: Final = frozenset({"THIRD_PARTY_AUTH_ERROR", "PERMISSION_DENIED", "UNAUTHENTICATED"})


class BadServiceAccount(InvalidInput):
    """The Firebase service account cannot be read."""

    code = "bad_service_account"
    hint = "Give the JSON file that Firebase offers under Project settings, Service accounts."


@dataclass(frozen=True, slots=True)
class FcmSettings:
    """``service_account`` is the JSON that Firebase offers, as a mapping."""

    service_account: Mapping[str, str]
    base_url: str = _BASE_URL

    @classmethod
    def of(cls, values: Mapping[str, str]) -> FcmSettings | None:
        """The settings; ``service_account`` is a path or the JSON itself. None where it is missing.

        Raises:
            BadServiceAccount: it cannot be read.
        """
        given = values.get("service_account", "").strip()
        if not given:
            return None
        try:
            text = given if given.startswith("{") else Path(given).expanduser().read_text()
            account = json.loads(text)
            needed = [account[n] for n in ("project_id", "client_email", "private_key")]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise BadServiceAccount(field="service_account") from error
        if not all(isinstance(value, str) for value in needed):
            raise BadServiceAccount(field="service_account")
        return cls(account, (values.get("base_url") or _BASE_URL).rstrip("/"))


class Fcm:
    """The provider."""

    name: Final = NAME
    channel: Final = Channel.PUSH
    capabilities: Final = Capabilities(receipts=False, look_up=False, repeat_is_harmless=True)
    batch_size: Final = 200

    def __init__(self, settings: FcmSettings) -> None:
        silence_vendor_logs()
        try:
            credentials = service_account.Credentials.from_service_account_info(  # type: ignore[no-untyped-call]
                dict(settings.service_account), scopes=list(_SCOPES)
            )
        except ValueError as error:
            raise BadServiceAccount(field="service_account") from error
        project = settings.service_account["project_id"]
        self._url = f"{settings.base_url}/v1/projects/{project}/messages:send"
        self._token = _Token(credentials)
        self._payloads = BaseAPI(credentials=credentials, project_id=project)
        self._window = Window()

    # --- sending -----------------------------------------------------------------------------

    def send(self, parcels: Sequence[Parcel]) -> list[Outcome]:
        """One request per device, side by side."""
        began = time.monotonic()
        token = self._token.get()
        if not isinstance(token, str):
            return [token] * len(parcels)
        return each(parcels, self._send_one, self._window, began)

    async def _send_one(self, parcel: Parcel) -> Outcome:
        content = parcel.content
        if not isinstance(content, PushContent):
            return Rejected("wrong_content", "FCM carries notifications only.")
        token: str | Retry | None = self._token.now()
        if token is None:
            token = await asyncio.to_thread(self._token.get)
        if not isinstance(token, str):
            return token
        try:
            answer = await network().request(
                "POST",
                self._url,
                body=self._payload(parcel, content),
                headers={"Content-Type": "application/json", "Authorization": f"Bearer {token}"},
            )
        except BROKEN as error:
            return of_error(error)
        if answer.status == 401:
            self._token.forget(token)
        return _outcome(answer)

    def _payload(self, parcel: Parcel, content: PushContent) -> bytes:
        collapse = content.collapse_id or str(parcel.message_public_id)
        ttl = max(0, min(parcel.ttl_seconds, _LONGEST_TTL))
        ends = clock.now() + timedelta(seconds=ttl)
        made: bytes = self._payloads.parse_payload(
            fcm_token=parcel.address,
            notification_title=content.title,
            notification_body=content.body,
            notification_image=content.image,
            data_payload={**content.data, "m": str(parcel.message_public_id)},
            android_config={
                "collapse_key": collapse,
                "ttl": f"{ttl}s",
                "notification": {"tag": collapse},
            },
            apns_config={
                "headers": {
                    "apns-collapse-id": collapse[:64],
                    "apns-expiration": str(int(ends.timestamp())),
                }
            },
            webpush_config={"headers": {"TTL": str(ttl)}, "notification": {"tag": collapse}},
        )
        return made

    def find(self, parcel: Parcel, since: datetime) -> Finding:  # noqa: ARG002 - the port's
        """FCM cannot be asked; a repeat is harmless."""
        return Unknown("FCM cannot be asked; a repeated notification replaces the first.")

    def check(self) -> Check:
        """Fetches an access token."""
        token = self._token.get()
        if isinstance(token, str):
            return Check(True, "Connected to Firebase.")
        return Check(False, f"Firebase refuses the service account: {token.detail}")

    def read_webhook(self, request: WebhookRequest) -> Deliveries | Refused:  # noqa: ARG002
        """FCM reports nothing: devices do, through the app."""
        return Refused(Refusal.FORGED, "FCM sends no reports.")


class _Token:
    """The access token: fetched once for all threads, in good time, with a bounded wait."""

    def __init__(self, credentials: service_account.Credentials) -> None:
        self._credentials = credentials
        self._request = functools.partial(
            AuthRequest(session=requests.Session()), timeout=(CONNECT_SECONDS, _TOKEN_SECONDS)
        )
        self._lock = threading.Lock()
        self._refused: str | None = None

    def now(self) -> str | None:
        """The token, if it needs no fetching; never waits."""
        credentials = self._credentials
        token = credentials.token
        return str(token) if credentials.valid and token != self._refused else None

    def get(self) -> str | Retry:
        """The token, or why there is none: nothing was sent then."""
        with self._lock:
            if self._credentials.valid and self._credentials.token != self._refused:
                return str(self._credentials.token)
            try:
                self._credentials.refresh(self._request)  # type: ignore[no-untyped-call]
            except (GoogleAuthError, requests.RequestException, OSError, ValueError) as error:
                return _no_token(error)
            self._refused = None
            return str(self._credentials.token)

    def forget(self, token: str) -> None:
        """The provider refuses this token: the next message fetches another."""
        with self._lock:
            self._refused = token


def _no_token(error: Exception) -> Retry:
    refused = isinstance(error, RefreshError) and not error.retryable
    detail = f"No access token ({type(error).__name__})."
    return Retry("no_token", detail, pause_sender=refused)


def _outcome(answer: Answer) -> Outcome:
    status = answer.status
    data = _json(answer)
    if status == 200:
        name = data.get("name")
        if isinstance(name, str) and name:
            return Accepted(name, 200)
        return InDoubt("FCM's answer names no message.", 200)
    code, text, token_is_wrong = _error(data)
    text = text or f"FCM answered {status}."
    if status == 429:
        wait = retry_after(answer.headers)
        return Retry(code or "429", text, _QUOTA_SECONDS if wait is None else wait, status)
    if code in DEAD_TOKEN:
        return Rejected(code, f"{DEAD_TOKEN[code]}.", suppress=True, http_status=status)
    if status in (401, 403) or code in SET_UP:
        return Retry(code or str(status), text, None, status, pause_sender=True)
    if is_no_api(status):
        # An unknown token has a code; without one, the address or the project is wrong.
        return Rejected(str(status), text, pause_sender=True, http_status=status)
    if not is_ambiguous(status):
        return Rejected(
            code or str(status),
            "This is not a device token." if token_is_wrong else text,
            suppress=token_is_wrong,
            http_status=status,
            blames_content=code == "INVALID_ARGUMENT" and not token_is_wrong,
        )
    return InDoubt(text, status)


def _json(answer: Answer) -> dict[str, Any]:
    try:
        data = json.loads(answer.body)
    except (ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}


def _error(data: dict[str, Any]) -> tuple[str, str, bool]:
    """FCM's own code, its sentence, and whether it says that the token is what is wrong."""
    error = data.get("error")
    if not isinstance(error, dict):
        return "", "", False
    code = str(error.get("status") or "")
    wrong = False
    details = error.get("details")
    for detail in details if isinstance(details, list) else []:
        if not isinstance(detail, dict):
            continue
        code = str(detail.get("errorCode") or code)
        fields = detail.get("fieldViolations")
        for field in fields if isinstance(fields, list) else []:
            wrong |= isinstance(field, dict) and field.get("field") == "message.token"
    return code, short(error.get("message") or ""), wrong
