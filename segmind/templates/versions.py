"""Templates by name, and their versions: a version never changes once it is saved."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from segmind.channels.channel import Channel
from segmind.errors import InvalidInput, NotFound
from segmind.templates.tables import template, template_version
from segmind.templates.template import Draft, channel_of, parse_draft, to_json


class NoTemplate(NotFound):
    """There is no template {id}."""

    code = "template_not_found"


class NoVersion(NotFound):
    """There is no template version {id}."""

    code = "template_version_not_found"


class WrongChannel(InvalidInput):
    """The template is written for {theirs}, this text for {ours}."""

    code = "wrong_channel"
    hint = "Make a new template for another channel."


@dataclass(frozen=True, slots=True)
class Template:
    """A named template. ``version_id`` is its newest version; None before the first is saved."""

    id: int
    name: str
    channel: Channel
    archived: bool
    created_at: datetime
    version_id: int | None
    versions: int
    edited_at: datetime | None


@dataclass(frozen=True, slots=True)
class Version:
    """A saved draft."""

    id: int
    template_id: int | None
    draft: Draft
    created_at: datetime


def create(conn: Connection, name: str, draft: Draft, now: datetime) -> Template:
    """A new template with its first version.

    Raises:
        InvalidInput: the name is empty.
    """
    row = conn.execute(
        insert(template)
        .values(name=_named(name), channel=draft.channel, created_at=now)
        .returning(template.c.id)
    ).one()
    save_version(conn, draft, template_id=row.id, now=now)
    return get(conn, row.id)


def save_version(
    conn: Connection,
    draft: Draft,
    template_id: int | None = None,
    *,
    now: datetime | None = None,
) -> int:
    """Saves a draft as a new version and returns its id.

    Without ``template_id`` the text belongs to one campaign or message. A draft that equals the
    template's newest version makes no new one.

    Raises:
        NoTemplate: there is no such template.
        WrongChannel: the template is for another channel.
    """
    if template_id is not None:
        known = get(conn, template_id)
        if known.channel is not channel_of(draft):
            raise WrongChannel(theirs=known.channel.value, ours=draft.channel)
        if known.version_id is not None and load_version(conn, known.version_id) == draft:
            return known.version_id
    values: dict[str, Any] = {
        "template_id": template_id,
        "channel": draft.channel,
        "body": to_json(draft),
    }
    if now is not None:
        values["created_at"] = now
    made = conn.execute(insert(template_version).values(**values).returning(template_version.c.id))
    return int(made.scalar_one())


def load_version(conn: Connection, version_id: int) -> Draft:
    """The draft of a version.

    Raises:
        NoVersion: there is none.
    """
    return version(conn, version_id).draft


def version(conn: Connection, version_id: int) -> Version:
    """A version with when and for what it was saved.

    Raises:
        NoVersion: there is none.
    """
    row = conn.execute(
        select(template_version).where(template_version.c.id == version_id)
    ).one_or_none()
    if row is None:
        raise NoVersion(id=version_id)
    return Version(row.id, row.template_id, parse_draft(row.body), row.created_at)


def history(conn: Connection, template_id: int) -> list[Version]:
    """Every version of a template, newest first."""
    rows = conn.execute(
        select(template_version)
        .where(template_version.c.template_id == template_id)
        .order_by(template_version.c.id.desc())
    )
    return [Version(r.id, r.template_id, parse_draft(r.body), r.created_at) for r in rows]


def get(conn: Connection, template_id: int) -> Template:
    """One template.

    Raises:
        NoTemplate: there is none.
    """
    found = _templates(conn, template_id=template_id)
    if not found:
        raise NoTemplate(id=template_id)
    return found[0]


def list_templates(
    conn: Connection, channel: Channel | None = None, *, archived: bool = False
) -> list[Template]:
    """Templates by name, those put away only when asked for."""
    return [
        t
        for t in _templates(conn)
        if (channel is None or t.channel is channel) and (archived or not t.archived)
    ]


def rename(conn: Connection, template_id: int, name: str) -> Template:
    """Gives a template another name.

    Raises:
        NoTemplate: there is none. InvalidInput: the name is empty.
    """
    conn.execute(update(template).where(template.c.id == template_id).values(name=_named(name)))
    return get(conn, template_id)


def archive(conn: Connection, template_id: int, *, archived: bool = True) -> Template:
    """Puts a template away, or takes it out again; what was sent from it stays as it is.

    Raises:
        NoTemplate: there is none.
    """
    conn.execute(update(template).where(template.c.id == template_id).values(archived=archived))
    return get(conn, template_id)


def _named(name: str) -> str:
    cleaned = " ".join(name.split())[:200]
    if not cleaned:
        raise InvalidInput("A template needs a name.", field="name")
    return cleaned


def _templates(conn: Connection, template_id: int | None = None) -> list[Template]:
    newest = (
        select(
            template_version.c.template_id,
            func.max(template_version.c.id).label("version_id"),
            func.max(template_version.c.created_at).label("edited_at"),
            func.count().label("versions"),
        )
        .where(template_version.c.template_id.is_not(None))
        .group_by(template_version.c.template_id)
        .subquery()
    )
    query = select(
        template, newest.c.version_id, newest.c.edited_at, func.coalesce(newest.c.versions, 0)
    ).outerjoin(newest, newest.c.template_id == template.c.id)
    if template_id is not None:
        query = query.where(template.c.id == template_id)
    rows = conn.execute(query.order_by(func.lower(template.c.name), template.c.id))
    return [
        Template(
            id=row.id,
            name=row.name,
            channel=Channel(row.channel),
            archived=row.archived,
            created_at=row.created_at,
            version_id=row.version_id,
            versions=row[-1],
            edited_at=row.edited_at,
        )
        for row in rows
    ]
