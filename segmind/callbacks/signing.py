"""Signatures of what we tell, after the Standard Webhooks specification (symmetric, version 1).

``HMAC-SHA256(secret, id.timestamp.body)``; during a change of the secret both sign.
https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from segmind.errors import InvalidInput

PREFIX: Final = "whsec_"
#: How far a receiver's clock may be from the signature's, in seconds.
TOLERANCE_SECONDS: Final = 300


class BadSecret(InvalidInput):
    """This is no signing secret."""

    code = "bad_signing_secret"
    hint = "A secret is whsec_ followed by 24 to 64 bytes in base64."


def headers(secrets: Sequence[str], webhook_id: str, body: bytes, at: datetime) -> dict[str, str]:
    """The three headers for ``body``, told at ``at``; one signature for each secret.

    Raises:
        BadSecret: a secret cannot be read.
    """
    stamp = str(int(at.timestamp()))
    signatures = [f"v1,{_signature(secret, webhook_id, stamp, body)}" for secret in secrets]
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": stamp,
        "webhook-signature": " ".join(signatures),
    }


def verify(secret: str, given: Mapping[str, str], body: bytes, now: datetime) -> bool:
    """Whether ``given`` (headers by lower-case name) sign ``body``: what a receiver does.

    Raises:
        BadSecret: the secret cannot be read.
    """
    webhook_id, stamp = given.get("webhook-id", ""), given.get("webhook-timestamp", "")
    if not webhook_id or not stamp.isascii() or not stamp.isdigit():
        return False
    if abs(now.timestamp() - int(stamp)) > TOLERANCE_SECONDS:
        return False
    expected = f"v1,{_signature(secret, webhook_id, stamp, body)}".encode()
    presented = given.get("webhook-signature", "").split(" ")
    return any(hmac.compare_digest(expected, each.encode()) for each in presented)


def _signature(secret: str, webhook_id: str, stamp: str, body: bytes) -> str:
    said = f"{webhook_id}.{stamp}.".encode() + body
    return base64.b64encode(hmac.digest(_key(secret), said, hashlib.sha256)).decode()


def _key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise BadSecret() from None
    if not secret.startswith(PREFIX) or not 24 <= len(key) <= 64:
        raise BadSecret()
    return key
