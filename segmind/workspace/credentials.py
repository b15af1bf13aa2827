"""Provider credentials: encrypted at rest, written by people, read only by the dispatcher."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects.postgresql import insert

from segmind.errors import InvalidInput, SegmindError
from segmind.workspace import audit
from segmind.workspace.tables import credential

_VERSION: Final = b"\x01"  # AES-256-GCM, 12-byte nonce, the provider's name as associated data
_NONCE: Final = 12


class CredentialUnreadable(SegmindError):
    """The stored credentials of {provider} cannot be read with this installation's key."""

    code = "credential_unreadable"
    hint = "Enter them again in Settings, or restore the former SEGMIND_SECRET_KEY."


def save(
    conn: Connection,
    secret_key: bytes,
    provider: str,
    values: Mapping[str, str],
    *,
    actor: str,
    now: datetime,
) -> None:
    """Store a provider's credentials, replacing what was there. The audit names no value.

    Raises:
        InvalidInput: nothing was given.
    """
    kept = {name: value.strip() for name, value in values.items() if value.strip()}
    if not provider or not kept:
        raise InvalidInput("Give at least one value.", field="values")
    sealed = _seal(secret_key, provider, json.dumps(kept).encode())
    row = {"provider": provider, "sealed": sealed, "updated_at": now}
    conn.execute(
        insert(credential)
        .values(**row)
        .on_conflict_do_update(
            index_elements=[credential.c.provider], set_={"sealed": sealed, "updated_at": now}
        )
    )
    audit.record(conn, actor, "credential.save", provider, {"fields": sorted(kept)})


def load(conn: Connection, secret_key: bytes, provider: str) -> dict[str, str] | None:
    """A provider's credentials; None: none are stored.

    Raises:
        CredentialUnreadable: they were encrypted with another key, or altered.
    """
    query = select(credential.c.sealed).where(credential.c.provider == provider)
    sealed = conn.execute(query).scalar_one_or_none()
    return None if sealed is None else _open(secret_key, provider, sealed)


def load_all(conn: Connection, secret_key: bytes) -> dict[str, dict[str, str]]:
    """Every provider's credentials by its name.

    Raises:
        CredentialUnreadable: as ``load``.
    """
    rows = conn.execute(select(credential.c.provider, credential.c.sealed))
    return {row.provider: _open(secret_key, row.provider, row.sealed) for row in rows}


def stored(conn: Connection) -> dict[str, datetime]:
    """Which providers have credentials, and since when; never the values."""
    rows = conn.execute(select(credential.c.provider, credential.c.updated_at))
    return {row.provider: row.updated_at for row in rows}


def remove(conn: Connection, provider: str, *, actor: str) -> None:
    """Forget a provider's credentials; it is the sandbox's again."""
    gone = conn.execute(delete(credential).where(credential.c.provider == provider))
    if gone.rowcount:
        audit.record(conn, actor, "credential.remove", provider)


def _cipher(secret_key: bytes) -> AESGCM:
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"segmind credentials 1")
    return AESGCM(derived.derive(secret_key))


def _seal(secret_key: bytes, provider: str, plain: bytes) -> bytes:
    nonce = os.urandom(_NONCE)
    return _VERSION + nonce + _cipher(secret_key).encrypt(nonce, plain, provider.encode())


def _open(secret_key: bytes, provider: str, sealed: bytes) -> dict[str, str]:
    nonce, body = sealed[1 : 1 + _NONCE], sealed[1 + _NONCE :]
    if sealed[:1] != _VERSION:
        raise CredentialUnreadable(provider=provider)
    try:
        plain = _cipher(secret_key).decrypt(nonce, body, provider.encode())
    except (InvalidTag, ValueError) as error:
        raise CredentialUnreadable(provider=provider) from error
    values: dict[str, str] = json.loads(plain)
    return values
