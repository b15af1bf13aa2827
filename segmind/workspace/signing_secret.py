"""The secret that signs our outbound webhooks: made once, shown once, changed with an overlap."""

from __future__ import annotations

import base64
import secrets
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from segmind.db.locks import lock
from segmind.workspace import audit, credentials

#: Where ``credentials`` keeps it: encrypted, beside the providers' own.
NAME: Final = "callbacks"
#: After a change the former secret signs as well for this long.
OVERLAP: Final = timedelta(hours=24)
_PREFIX: Final = "whsec_"
_BYTES: Final = 32


def rotate(conn: Connection, secret_key: bytes, *, actor: str, now: datetime) -> str:
    """Make a new secret and return it, the only time that it is shown; for a day the former one
    signs beside it. ``now`` is the system's time.

    Raises:
        CredentialUnreadable: what is stored was encrypted with another key.
    """
    lock(conn, "signing_secret")
    return _make(conn, secret_key, actor, now)


def valid(conn: Connection, secret_key: bytes, now: datetime) -> list[str]:
    """The secrets that sign at ``now``, the newest first; the first call of all makes one.

    Raises:
        CredentialUnreadable: what is stored was encrypted with another key.
    """
    kept = credentials.load(conn, secret_key, NAME)
    if kept is None:
        lock(conn, "signing_secret")
        kept = credentials.load(conn, secret_key, NAME)
    if kept is None:
        return [_make(conn, secret_key, "scheduler", now)]
    former_until = kept.get("former_until")
    overlaps = former_until is not None and datetime.fromisoformat(former_until) > now
    return [kept["current"], kept["former"]] if overlaps else [kept["current"]]


def made_at(conn: Connection) -> datetime | None:
    """When the present secret was made; None: there is none yet."""
    return credentials.stored(conn).get(NAME)


def _make(conn: Connection, secret_key: bytes, actor: str, now: datetime) -> str:
    made = _PREFIX + base64.b64encode(secrets.token_bytes(_BYTES)).decode()
    values = {"current": made}
    kept = credentials.load(conn, secret_key, NAME)
    if kept is not None:
        until = (now + OVERLAP).astimezone(UTC).isoformat()
        values |= {"former": kept["current"], "former_until": until}
    credentials.save(conn, secret_key, NAME, values, actor=actor, now=now)
    audit.record(conn, actor, "signing_secret.rotate", "callbacks")
    return made
