"""Who gets in without showing anything: nobody, but for a new workspace on its own machine.

On loopback with no members yet, the app opens (with a banner). Once a member exists, or when it
listens on any other address, or when a request came from elsewhere, everything is gated. The API
asks for a key as soon as a key or a member exists.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address
from typing import Final

from sqlalchemy import Connection, or_, select

from segmind.settings import Settings
from segmind.workspace import api_keys, members
from segmind.workspace.tables import member


@dataclass(frozen=True, slots=True)
class Visit:
    """Where a request came from: the peer's address, and the Host header as sent.

    None for an address that is not known counts as this machine for ``client`` (a unix socket),
    and as foreign for ``host``: a page elsewhere may have rebound its name to loopback.
    """

    client: str | None
    host: str | None

    @property
    def is_local(self) -> bool:
        return _is_loopback(self.client or "127.0.0.1") and _is_loopback(_name(self.host))


def is_open(conn: Connection, settings: Settings, visit: Visit) -> bool:
    """Whether the app may be used without signing in."""
    return settings.is_loopback and visit.is_local and not members.any_exist(conn)


def api_is_open(conn: Connection, settings: Settings, visit: Visit, now: datetime) -> bool:
    """Whether the API may be used without a key."""
    if not (settings.is_loopback and visit.is_local):
        return False
    return not conn.execute(_IS_GATED, {"now": now}).scalar_one()


#: Whether there is a member or a key, in one round trip: every call without a key asks.
_IS_GATED: Final = select(or_(select(member.c.id).exists(), api_keys.USABLE.exists()))


def _name(host: str | None) -> str:
    """The Host header without its port."""
    text = (host or "").strip()
    if text.startswith("["):
        return text[1:].split("]")[0]
    return text.rsplit(":", 1)[0] if text.count(":") == 1 else text


def _is_loopback(name: str) -> bool:
    if name.lower() in {"localhost", "localhost."}:
        return True
    try:
        address = ip_address(name)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback
