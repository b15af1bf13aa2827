"""API keys: ``sgm_live_<id>_<secret>``, shown once, kept as a hash, limited to scopes."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Connection, Row, bindparam, insert, or_, select, update

from segmind.errors import InvalidInput, NotFound
from segmind.workspace import audit
from segmind.workspace.tables import api_key

PREFIX: Final = "sgm_live"
#: ``last_used_at`` is written at most this often, so that reading costs no write.
USE_NOTED_EVERY: Final = timedelta(minutes=1)


#: The keys that are neither revoked nor expired at ``now``.
USABLE: Final = select(api_key.c.id).where(
    api_key.c.revoked_at.is_(None),
    or_(api_key.c.expires_at.is_(None), api_key.c.expires_at > bindparam("now")),
)


class Scope(StrEnum):
    """What a key may do. ``admin`` may do everything."""

    EVENTS_WRITE = "events:write"
    CUSTOMERS_READ = "customers:read"
    CUSTOMERS_WRITE = "customers:write"
    SEGMENTS_READ = "segments:read"
    SEGMENTS_WRITE = "segments:write"
    MESSAGES_READ = "messages:read"
    MESSAGES_WRITE = "messages:write"
    CAMPAIGNS_READ = "campaigns:read"
    CAMPAIGNS_WRITE = "campaigns:write"
    AUTOMATIONS_READ = "automations:read"
    AUTOMATIONS_WRITE = "automations:write"
    ANALYTICS_READ = "analytics:read"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """One key as it can be shown; ``last4`` are the last letters of its secret."""

    id: str
    name: str
    last4: str
    scopes: frozenset[Scope]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None

    def allows(self, scope: Scope) -> bool:
        return scope in self.scopes or Scope.ADMIN in self.scopes


def create(
    conn: Connection,
    name: str,
    scopes: Collection[Scope | str],
    *,
    actor: str,
    now: datetime,
    expires_at: datetime | None = None,
) -> tuple[ApiKey, str]:
    """Make a key; returns it and what to present, which nobody can read again.

    Raises:
        InvalidInput: no name, no scope or an unknown one, or an expiry that has passed.
    """
    title = " ".join(name.split())
    if not title or len(title) > 100 or not title.isprintable():
        raise InvalidInput("Give the key a name.", hint="1 to 100 characters.", field="name")
    if expires_at is not None and expires_at <= now:
        raise InvalidInput("The expiry has passed already.", field="expires_at")
    secret = secrets.token_urlsafe(32)
    values = {
        "id": secrets.token_hex(8),
        "name": title,
        "secret_hash": _hash(secret),
        "last4": secret[-4:],
        "scopes": sorted(_scopes(scopes)),
        "created_at": now,
        "expires_at": expires_at,
    }
    row = conn.execute(insert(api_key).values(**values).returning(api_key)).one()
    audit.record(conn, actor, "api_key.create", title, {"id": row.id, "scopes": row.scopes})
    return _key(row), f"{PREFIX}_{row.id}_{secret}"


def check(conn: Connection, presented: str, now: datetime) -> ApiKey | None:
    """The key that ``presented`` is, if it is known, not revoked and not expired."""
    parts = _split(presented)
    if parts is None:
        return None
    key_id, secret = parts
    row = conn.execute(
        select(api_key).where(
            api_key.c.id == key_id,
            api_key.c.revoked_at.is_(None),
            or_(api_key.c.expires_at.is_(None), api_key.c.expires_at > now),
        )
    ).one_or_none()
    if row is None or not hmac.compare_digest(row.secret_hash, _hash(secret)):
        return None
    _note_use(conn, row, now)
    return _key(row)


def any_usable(conn: Connection, now: datetime) -> bool:
    """Whether some key is neither revoked nor expired."""
    return bool(conn.execute(select(USABLE.exists()), {"now": now}).scalar())


def list_keys(conn: Connection) -> list[ApiKey]:
    """Every key, newest first, revoked ones too."""
    rows = conn.execute(select(api_key).order_by(api_key.c.created_at.desc(), api_key.c.id))
    return [_key(row) for row in rows]


def revoke(conn: Connection, key_id: str, *, actor: str, now: datetime) -> None:
    """Refuse a key from now on; revoking twice changes nothing.

    Raises:
        NotFound: no key has this id.
    """
    row = conn.execute(select(api_key).where(api_key.c.id == key_id)).one_or_none()
    if row is None:
        raise NotFound(what="API key", key=key_id)
    if row.revoked_at is None:
        conn.execute(update(api_key).where(api_key.c.id == key_id).values(revoked_at=now))
        audit.record(conn, actor, "api_key.revoke", row.name, {"id": key_id})


def _split(presented: str) -> tuple[str, str] | None:
    if len(presented) > 200 or not presented.isascii() or "\0" in presented:
        return None
    parts = presented.strip().split("_", 3)  # the secret may hold underscores
    if len(parts) != 4 or f"{parts[0]}_{parts[1]}" != PREFIX:
        return None
    return parts[2], parts[3]


def _note_use(conn: Connection, row: Row[Any], now: datetime) -> None:
    if row.last_used_at is None or row.last_used_at < now - USE_NOTED_EVERY:
        conn.execute(update(api_key).where(api_key.c.id == row.id).values(last_used_at=now))


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _scopes(scopes: Collection[Scope | str]) -> set[str]:
    known = {scope.value for scope in Scope}
    given = {str(scope) for scope in scopes}
    if not given or not given <= known:
        hint = f"Choose among {', '.join(sorted(known))}."
        raise InvalidInput("A key needs at least one known scope.", hint=hint, field="scopes")
    return given


def _key(row: Row[Any]) -> ApiKey:
    return ApiKey(
        id=row.id,
        name=row.name,
        last4=row.last4,
        scopes=frozenset(Scope(scope) for scope in row.scopes),
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        last_used_at=row.last_used_at,
    )
