"""Sign-ins: opaque tokens, revocable, kept as hashes; guessing gets slower and slower.

Every instant here is the wall clock's (``clock.wall()``), never the product's frozen one.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, delete, func, insert, or_, select

from segmind.db.engine import Store
from segmind.db.locks import lock
from segmind.workspace import audit, members, passwords
from segmind.workspace.members import Member
from segmind.workspace.tables import member, sign_in, sign_in_attempt

COOKIE: Final = "segmind_session"
LASTS: Final = timedelta(hours=12)
#: Failures older than this are forgotten.
MEMORY: Final = timedelta(hours=1)
LONGEST_WAIT: Final = timedelta(minutes=15)
#: Failures that cost nothing: of one account from one address, of one account, of one address.
FREE_OF_PAIR, FREE_OF_ACCOUNT, FREE_OF_ADDRESS = 5, 25, 50


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Welcome: the secret for the cookie, shown once, and who it is."""

    token: str
    member: Member
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Refused:
    """No. ``retry_at`` is set while attempts must wait; otherwise address or password are wrong."""

    reason: str
    retry_at: datetime | None = None


def sign_in_with_password(
    store: Store, email: str, password: str, address: str, now: datetime
) -> SignedIn | Refused:
    """Check a password and open a sign-in.

    ``address`` is the network address of the person. The attempt is committed before the password
    is looked at, so that parallel guesses count too. Unknown accounts cost and say the same.
    """
    account = "".join(filter(str.isprintable, email.strip().lower()))[:254]
    subjects = _subjects(store.settings.secret_key, account, address)
    with store.engine.begin() as conn:
        until = _note_attempt(conn, subjects, now)
        stored = conn.execute(
            select(member.c.id, member.c.password_hash).where(
                member.c.email == account, member.c.is_active
            )
        ).one_or_none()
    if until is not None:
        return Refused("Too many attempts. Wait a little.", until)
    if not passwords.matches(password, stored.password_hash if stored else None) or stored is None:
        return Refused("The e-mail address or the password is wrong.")
    with store.engine.begin() as conn:
        _forgive(conn, subjects[0], now)
        return start(conn, members.get(conn, stored.id), now)


def start(conn: Connection, person: Member, now: datetime) -> SignedIn:
    """Open a sign-in for somebody who proved who they are."""
    token = secrets.token_urlsafe(32)
    expires_at = now + LASTS
    conn.execute(
        insert(sign_in).values(
            token_hash=_hash(token), member_id=person.id, created_at=now, expires_at=expires_at
        )
    )
    audit.record(conn, person.email, "member.sign_in", person.email)
    return SignedIn(token, person, expires_at)


def who(conn: Connection, token: str | None, now: datetime) -> Member | None:
    """Whose sign-in this is, with role and activity as they are now; None: nobody's."""
    if not token or len(token) > 200:
        return None
    row = conn.execute(
        select(sign_in.c.member_id)
        .join(member, member.c.id == sign_in.c.member_id)
        .where(sign_in.c.token_hash == _hash(token), sign_in.c.expires_at > now, member.c.is_active)
    ).one_or_none()
    return members.get(conn, row.member_id) if row else None


def end(conn: Connection, token: str | None) -> None:
    """Sign out; unknown tokens are ignored."""
    if token:
        conn.execute(delete(sign_in).where(sign_in.c.token_hash == _hash(token)))


def end_all(conn: Connection, member_id: int) -> int:
    """End every sign-in of a member; returns how many there were."""
    return conn.execute(delete(sign_in).where(sign_in.c.member_id == member_id)).rowcount


def wait_after(failures: int, free: int) -> timedelta:
    """How long to wait after so many failures: 1 s, 2 s, 4 s ... up to ``LONGEST_WAIT``."""
    if failures < free:
        return timedelta(0)
    return min(timedelta(seconds=2 ** min(failures - free, 20)), LONGEST_WAIT)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()


def _subjects(key: bytes, account: str, address: str) -> tuple[str, str, str]:
    """Keyed hashes: the table names nobody."""
    parts = (f"pair:{account}\0{address}", f"account:{account}", f"address:{address}")
    pair, of_account, of_address = (
        hmac.new(key, part.encode(errors="replace"), hashlib.sha256).hexdigest() for part in parts
    )
    return pair, of_account, of_address


def _note_attempt(
    conn: Connection, subjects: tuple[str, str, str], now: datetime
) -> datetime | None:
    """Count this attempt against each subject; an instant if it came too early (not counted)."""
    for subject in sorted(subjects):
        lock(conn, f"sign_in:{subject}")
    allowances = (FREE_OF_PAIR, FREE_OF_ACCOUNT, FREE_OF_ADDRESS)
    until = max(
        _may_try_at(conn, subject, free, now)
        for subject, free in zip(subjects, allowances, strict=True)
    )
    if until > now:
        return until
    conn.execute(insert(sign_in_attempt), [{"subject": each, "at": now} for each in subjects])
    return None


def _may_try_at(conn: Connection, subject: str, free: int, now: datetime) -> datetime:
    row = conn.execute(
        select(func.count(), func.max(sign_in_attempt.c.at)).where(
            sign_in_attempt.c.subject == subject, sign_in_attempt.c.at > now - MEMORY
        )
    ).one()
    wait = wait_after(row[0], free)
    return row[1] + wait if wait else now


def _forgive(conn: Connection, pair: str, now: datetime) -> None:
    """After a success the pair starts anew; what is out of date goes."""
    conn.execute(
        delete(sign_in_attempt).where(
            or_(sign_in_attempt.c.subject == pair, sign_in_attempt.c.at < now - MEMORY)
        )
    )
    conn.execute(delete(sign_in).where(sign_in.c.expires_at <= now))
