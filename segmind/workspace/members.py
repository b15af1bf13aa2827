"""The people who work here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, RowMapping, delete, func, insert, select, update

from segmind.db.locks import lock
from segmind.errors import Conflict, InvalidInput, NotFound
from segmind.workspace import audit, passwords
from segmind.workspace.permissions import Role
from segmind.workspace.tables import member, sign_in

_EMAIL: Final = re.compile(r"^[^\s@<>\"]{1,64}@[^\s@<>\"]+\.[^\s@<>\".]+$")


class LastOwner(Conflict):
    """The workspace needs at least one active owner."""

    code = "last_owner"
    hint = "Make somebody else an owner first."


class MemberExists(Conflict):
    """Somebody with this e-mail address is a member already."""

    code = "member_exists"


class SetUpAlready(Conflict):
    """The first member exists already."""

    code = "set_up_already"
    hint = "Sign in, or ask an owner to add you."


@dataclass(frozen=True, slots=True)
class Member:
    """One person with a role. The password's hash never leaves the table."""

    id: int
    email: str
    name: str
    role: Role
    is_active: bool
    created_at: datetime


_COLUMNS: Final = (
    member.c.id,
    member.c.email,
    member.c.name,
    member.c.role,
    member.c.is_active,
    member.c.created_at,
)


def any_exist(conn: Connection) -> bool:
    """Whether anybody is a member, active or not."""
    return bool(conn.execute(select(select(member.c.id).exists())).scalar())


def list_members(conn: Connection) -> list[Member]:
    """Everybody, oldest first."""
    return [
        _member(row) for row in conn.execute(select(*_COLUMNS).order_by(member.c.id)).mappings()
    ]


def get(conn: Connection, member_id: int) -> Member:
    """One member.

    Raises:
        NotFound: nobody has this id.
    """
    rows = conn.execute(select(*_COLUMNS).where(member.c.id == member_id)).mappings()
    row = rows.one_or_none()
    if row is None:
        raise NotFound(what="member", key=member_id)
    return _member(row)


def create(
    conn: Connection,
    *,
    email: str,
    name: str,
    role: Role | str,
    password: str,
    actor: str,
    now: datetime,
) -> Member:
    """Add a member.

    Raises:
        InvalidInput: the address, the role or the password cannot be used; ``field`` says which.
        MemberExists: the address is taken.
    """
    address = normal_email(email)
    values = {
        "email": address,
        "name": _one_line(name),
        "role": _role(role).value,
        "password_hash": passwords.hashed(password, email=address),
        "created_at": now,
    }
    lock(conn, "members")
    if conn.execute(select(member.c.id).where(member.c.email == address)).first():
        raise MemberExists(field="email")
    row = conn.execute(insert(member).values(**values).returning(*_COLUMNS)).mappings().one()
    audit.record(conn, actor, "member.create", address, {"role": values["role"]})
    return _member(row)


def create_first(
    conn: Connection, *, email: str, name: str, password: str, now: datetime
) -> Member:
    """Add the first member, an owner; two at once cannot both be first.

    Raises:
        SetUpAlready: somebody is a member.
        InvalidInput: as ``create``.
    """
    lock(conn, "members")
    if any_exist(conn):
        raise SetUpAlready()
    return create(
        conn,
        email=email,
        name=name,
        role=Role.OWNER,
        password=password,
        actor=normal_email(email),
        now=now,
    )


def change(
    conn: Connection,
    member_id: int,
    *,
    actor: str,
    name: str | None = None,
    role: Role | str | None = None,
    is_active: bool | None = None,
) -> Member:
    """Change a member's name, role or whether they may sign in.

    Raises:
        NotFound: nobody has this id.
        LastOwner: it would leave no active owner.
    """
    lock(conn, "members")
    before = get(conn, member_id)
    values: dict[str, Any] = {}
    if name is not None:
        values["name"] = _one_line(name)
    if role is not None:
        values["role"] = _role(role).value
    if is_active is not None:
        values["is_active"] = is_active
    if not values:
        return before
    _keep_an_owner(conn, before, values)
    conn.execute(update(member).where(member.c.id == member_id).values(**values))
    if is_active is False:
        conn.execute(delete(sign_in).where(sign_in.c.member_id == member_id))
    audit.record(conn, actor, "member.update", before.email, values)
    return get(conn, member_id)


def set_password(conn: Connection, member_id: int, password: str, *, actor: str) -> None:
    """Replace a member's password and end all of their sign-ins.

    Raises:
        NotFound, WeakPassword.
    """
    person = get(conn, member_id)
    value = passwords.hashed(password, email=person.email)
    conn.execute(update(member).where(member.c.id == member_id).values(password_hash=value))
    conn.execute(delete(sign_in).where(sign_in.c.member_id == member_id))
    audit.record(conn, actor, "member.password", person.email)


def remove(conn: Connection, member_id: int, *, actor: str) -> None:
    """Remove a member; their sign-ins end at once.

    Raises:
        NotFound: nobody has this id.
        LastOwner: it would leave no active owner.
    """
    lock(conn, "members")
    person = get(conn, member_id)
    _keep_an_owner(conn, person, {"is_active": False})
    conn.execute(delete(member).where(member.c.id == member_id))
    audit.record(conn, actor, "member.remove", person.email, {"role": person.role.value})


def normal_email(email: str) -> str:
    """The address as it is stored: trimmed, lower case.

    Raises:
        InvalidInput: it is no address.
    """
    address = email.strip().lower()
    if len(address) > 254 or not _EMAIL.match(address) or not address.isprintable():
        hint = "Give an address such as you@example.com."
        raise InvalidInput("This is no e-mail address.", hint=hint, field="email")
    return address


def _keep_an_owner(conn: Connection, before: Member, values: Mapping[str, Any]) -> None:
    stays = values.get("role", before.role) == Role.OWNER and values.get("is_active", True)
    if before.role is not Role.OWNER or not before.is_active or stays:
        return
    others = select(func.count()).where(
        member.c.role == Role.OWNER.value, member.c.is_active, member.c.id != before.id
    )
    if not conn.execute(others).scalar():
        raise LastOwner()


def _role(role: Role | str) -> Role:
    try:
        return Role(role)
    except ValueError:
        hint = f"Choose one of {', '.join(Role)}."
        raise InvalidInput(f"There is no role {role!r:.40}.", hint=hint, field="role") from None


def _one_line(name: str) -> str:
    text = " ".join(name.split())
    if len(text) > 200 or not text.isprintable():
        hint = "Use at most 200 printable characters."
        raise InvalidInput("This name cannot be used.", hint=hint, field="name")
    return text


def _member(row: RowMapping) -> Member:
    return Member(**{**row, "role": Role(row["role"])})
