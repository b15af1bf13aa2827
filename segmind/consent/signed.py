"""Short signed texts for links: who made them, for what, and nothing that a reader could change."""

from __future__ import annotations

import base64
import binascii
import hmac
import os
import re
from collections.abc import Sequence
from functools import cache, lru_cache

_MAC_BYTES = 16
_KEY_ID = re.compile(r"[0-9a-f]{1,8}")
_URL_SAFE = bytes.maketrans(b"+/", b"-_")


def key_id(signing_key: bytes) -> str:
    """The name of a signing key in tokens: it says nothing of the key."""
    return hmac.digest(signing_key, b"segmind link key id", "sha256")[:4].hex()


def sign(secret_key: bytes, use: str, payload: bytes) -> str:
    """A token for links: key id, payload, HMAC-128. A token of one ``use`` is none of another.

    The first of ``link_keys`` signs, if there are any, else the installation's secret key.
    """
    return sign_all(secret_key, use, [payload])[0]


def sign_all(secret_key: bytes, use: str, payloads: Sequence[bytes]) -> list[str]:
    """``sign`` of each; all ``payloads`` have one length."""
    if not payloads:
        return []
    begun, name = _signing(secret_key, use)
    macs = []
    # Three links are signed for every e-mail: half of their HMAC, that of the key, is done already.
    # Besides, ``hmac.digest`` lets go of the interpreter, which every other thread waits for.
    for payload in payloads:
        mac = begun.copy()
        mac.update(payload)
        macs.append(mac.digest()[:_MAC_BYTES])
    said = zip(_texts(payloads), _texts(macs), strict=True)
    return [f"{name}.{payload}.{mac}" for payload, mac in said]


def read(secret_key: bytes, use: str, token: str) -> bytes | None:
    """The payload of a token that ``sign`` made for this use with any of the keys; None otherwise.

    So links of messages sent before a rotation keep working.
    """
    parts = token.split(".")
    if len(parts) != 3 or len(token) > 256 or not _KEY_ID.fullmatch(parts[0]):
        return None
    try:
        payload, mac = _bytes(parts[1]), _bytes(parts[2])
    except (binascii.Error, ValueError):
        return None
    for key in (*link_keys(), secret_key):
        # "1" is how the secret key was named before keys had ids.
        is_it = parts[0] == _id(key) or (parts[0] == "1" and key is secret_key)
        if is_it and hmac.compare_digest(mac, _mac(key, use, payload)):
            return payload
    return None


@cache
def link_keys() -> tuple[bytes, ...]:
    """``SEGMIND_LINK_KEYS``, separated by blanks, the newest first: put a new one before the
    others to rotate. The secret key itself stays: address hashes hang on it."""
    return tuple(key.encode() for key in os.environ.get("SEGMIND_LINK_KEYS", "").split())


@lru_cache(maxsize=64)
def _signing(secret_key: bytes, use: str) -> tuple[hmac.HMAC, str]:
    """The HMAC of a use, begun with the key that signs, and the key's name in tokens."""
    key = (*link_keys(), secret_key)[0]
    return hmac.new(_key_of(key, use), digestmod="sha256"), _id(key)


@lru_cache(maxsize=16)
def _id(secret_key: bytes) -> str:
    return key_id(secret_key)


@lru_cache(maxsize=64)
def _key_of(secret_key: bytes, use: str) -> bytes:
    return hmac.digest(secret_key, f"segmind link {use}".encode(), "sha256")


def _mac(secret_key: bytes, use: str, payload: bytes) -> bytes:
    return hmac.digest(_key_of(secret_key, use), payload, "sha256")[:_MAC_BYTES]


def _texts(datas: Sequence[bytes]) -> list[str]:
    """Each in base64 for addresses, without padding: written all at once, filled up to whole groups
    of three bytes, of which nothing is kept."""
    size = len(datas[0])
    fill = bytes(-size % 3)
    length, step = -(-size * 4 // 3), (size + len(fill)) // 3 * 4
    whole = binascii.b2a_base64(fill.join(datas) + fill, newline=False).translate(_URL_SAFE)
    text = whole.decode("ascii")
    return [text[step * n : step * n + length] for n in range(len(datas))]


def _bytes(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
