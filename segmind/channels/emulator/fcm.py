"""Firebase Cloud Messaging's HTTP v1 ``messages:send`` and Google's token endpoint.

Device tokens that begin with ``unregistered``, ``mismatch`` or ``malformed`` are refused as their
names say.
"""

from __future__ import annotations

import base64
import json
import secrets
from typing import Any, Final
from urllib.parse import parse_qs

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from segmind.channels.channel import Channel
from segmind.channels.emulator.acceptances import Taken
from segmind.channels.emulator.identity import PROJECT, Identity
from segmind.channels.emulator.vendor import Taking
from segmind.channels.emulator.wire import Reply, Request

TOKEN_PATH: Final = "/token"  # noqa: S105 - a path
PREFIX: Final = "/v1/projects/"
LARGEST_MESSAGE: Final = 4_096
TOKEN_SECONDS: Final = 3_600
_FCM_ERROR: Final = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
_FIELD_ERROR: Final = "type.googleapis.com/google.rpc.BadRequest"


class FcmVendor:
    """The vendor."""

    channel: Final = Channel.PUSH

    def __init__(self, identity: Identity, boot: str) -> None:
        self._key = identity.service_public_key()
        self._boot = boot
        self._tokens: dict[str, float] = {}

    def read(self, request: Request, number: int, now: float) -> Taking | Reply:
        """Reads a send or a request for an access token."""
        if request.path == TOKEN_PATH:
            return self._token(request, now)
        bearer = request.header("Authorization").removeprefix("Bearer ")
        if self._tokens.get(bearer, 0.0) <= now:
            return _refusal(401, "UNAUTHENTICATED", "The request has no valid access token.")
        if request.method != "POST" or request.path != f"{PREFIX}{PROJECT}/messages:send":
            return _refusal(404, "NOT_FOUND", "The requested URL was not found on this server.")
        try:
            message = json.loads(request.body)["message"]
            token = message["token"]
            data = message.get("data") or {}
            collapse = (message.get("android") or {}).get("collapse_key")
        except (ValueError, TypeError, AttributeError, KeyError, RecursionError):
            return _refusal(400, "INVALID_ARGUMENT", "Request contains an invalid argument.")
        if refused := _refused(token, data, len(request.body)):
            return refused
        name = f"projects/{PROJECT}/messages/0:{self._boot}{number:016x}"
        reply = Reply(200, json.dumps({"name": name}).encode())
        return Taking(reply, [Taken(str(data.get("m", "")), token, name, collapse, None)])

    def took(self, taken: list[Taken], now: float) -> None:
        """FCM cannot be asked: nothing to remember."""

    def error(self, status: int) -> bytes:
        """Google's own words."""
        if status == 429:
            return _error(429, "RESOURCE_EXHAUSTED", "Quota exceeded.", _detail("QUOTA_EXCEEDED"))
        word = "UNAVAILABLE" if status == 503 else "INTERNAL"
        return _error(status, word, "The service is overloaded.", _detail(word))

    def _token(self, request: Request, now: float) -> Reply:
        form = parse_qs(request.body.decode("latin-1"))
        if not self._vouches(form.get("assertion", [""])[0], now):
            body = b'{"error": "invalid_grant", "error_description": "Invalid JWT Signature."}'
            return Reply(400, body)
        self._tokens = {token: until for token, until in self._tokens.items() if until > now}
        token = "ya29." + secrets.token_urlsafe(24)
        self._tokens[token] = now + TOKEN_SECONDS
        data = {"access_token": token, "expires_in": TOKEN_SECONDS - 1, "token_type": "Bearer"}
        return Reply(200, json.dumps(data).encode())

    def _vouches(self, assertion: str, now: float) -> bool:
        """Whether the assertion (a JWT, RS256) is signed by our service account and still fresh."""
        signed, _, signature = assertion.rpartition(".")
        try:
            self._key.verify(
                _unpacked(signature), signed.encode(), padding.PKCS1v15(), hashes.SHA256()
            )
            claims = json.loads(_unpacked(signed.partition(".")[2]))
            return bool(float(claims["exp"]) > now - 60)
        except (InvalidSignature, ValueError, KeyError, TypeError):
            return False


def _unpacked(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _refused(token: Any, data: Any, size: int) -> Reply | None:
    if not isinstance(token, str) or not token.strip() or token.startswith("malformed"):
        field = {"field": "message.token", "description": "Invalid registration token"}
        detail = {"@type": _FIELD_ERROR, "fieldViolations": [field]}
        text = "The registration token is not a valid FCM registration token"
        return Reply(400, _error(400, "INVALID_ARGUMENT", text, detail))
    if token.startswith("unregistered"):
        text = "Requested entity was not found."
        return Reply(404, _error(404, "NOT_FOUND", text, _detail("UNREGISTERED")))
    if token.startswith("mismatch"):
        text = "SenderId mismatch"
        return Reply(403, _error(403, "PERMISSION_DENIED", text, _detail("SENDER_ID_MISMATCH")))
    if not isinstance(data, dict) or any(not isinstance(v, str) for v in data.values()):
        field = {"field": "message.data", "description": "Values must be strings"}
        detail = {"@type": _FIELD_ERROR, "fieldViolations": [field]}
        return Reply(400, _error(400, "INVALID_ARGUMENT", "Invalid value.", detail))
    if size > LARGEST_MESSAGE + 1_024:  # the limit is the message's, not that of its envelope
        return _refusal(400, "INVALID_ARGUMENT", "Android message is too big")
    return None


def _detail(code: str) -> dict[str, Any]:
    return {"@type": _FCM_ERROR, "errorCode": code}


def _error(status: int, word: str, text: str, detail: dict[str, Any] | None = None) -> bytes:
    details = [detail] if detail else []
    data = {"code": status, "message": text, "status": word, "details": details}
    return json.dumps({"error": data}).encode()


def _refusal(status: int, word: str, text: str) -> Reply:
    return Reply(status, _error(status, word, text))
