"""Short signed texts for links: who made them, for what, and nothing that a reader could change."""

from __future__ import annotations

import base64
import binascii
import hmac
from functools import lru_cache

#: Names the signing key inside a token, so that another key can follow one day.
_KEY_ID = "1"
_MAC_BYTES = 16


def sign(secret_key: bytes, use: str, payload: bytes) -> str:
    """A token for links: key id, payload, HMAC-128. A token of one ``use`` is none of another."""
    return f"{_KEY_ID}.{_text(payload)}.{_text(_mac(secret_key, use, payload))}"


def read(secret_key: bytes, use: str, token: str) -> bytes | None:
    """The payload of a token that ``sign`` made with this key for this use; None otherwise."""
    parts = token.split(".")
    if len(parts) != 3 or parts[0] != _KEY_ID or len(token) > 256:
        return None
    try:
        payload, mac = _bytes(parts[1]), _bytes(parts[2])
    except (binascii.Error, ValueError):
        return None
    return payload if hmac.compare_digest(mac, _mac(secret_key, use, payload)) else None


def _mac(secret_key: bytes, use: str, payload: bytes) -> bytes:
    return hmac.digest(_key_of(secret_key, use), payload, "sha256")[:_MAC_BYTES]


@lru_cache(maxsize=64)
def _key_of(secret_key: bytes, use: str) -> bytes:
    return hmac.digest(secret_key, f"segmind link {use}".encode(), "sha256")


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
