"""Automations as they are kept: versions that never change, and the state they are in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from sqlalchemy import Connection, Select, func, select
from sqlalchemy.dialects.postgresql import insert

from segmind.automations import seen as seen_by
from segmind.automations import stopping
from segmind.automations.contents import frozen, spelled_out
from segmind.automations.definition import Definition, parse
from segmind.automations.lifecycle import State, require
from segmind.automations.seen import Seen
from segmind.automations.tables import automation as table
from segmind.automations.tables import automation_version as version_table
from segmind.automations.validate import require_valid
from segmind.errors import InvalidInput, NotFound
from segmind.events.schema import Source
from segmind.messages import sources
from segmind.messages.outbox import KeyReused
from segmind.workspace import audit

T = TypeVar("T")


class UnknownAutomation(NotFound):
    """There is no automation {key}."""

    code = "unknown_automation"
    hint = "The list of automations shows what there is."


@dataclass(frozen=True, slots=True)
class Automation:
    """One automation with its present definition. ``live_since``: earlier triggers start no run;
    ``scanned_to``: what came up to then has been looked at."""

    id: int
    name: str
    state: State
    version: int
    definition: Definition
    live_since: datetime | None
    scanned_to: datetime | None
    created_by: str
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Version:
    """One version of an automation's definition."""

    version: int
    definition: Definition
    created_at: datetime


def create(
    conn: Connection,
    name: str,
    definition: Definition,
    now: datetime,
    actor: str,
    *,
    idempotency_key: str | None = None,
) -> Automation:
    """A new draft; with an ``idempotency_key`` that was used before, the automation made then.

    The contents of its send steps become versions that never change.

    Raises:
        InvalidDefinition: the name or the definition; ``field`` names the step.
        KeyReused: the automation made with this key was another one.
    """
    if idempotency_key is not None and (old := _by_key(conn, idempotency_key)) is not None:
        return _same(conn, old, definition)
    name = _checked_name(name)
    require_valid(conn, definition)
    made = conn.execute(
        insert(table)
        .values(
            name=name,
            created_by=actor,
            created_at=now,
            updated_at=now,
            idempotency_key=idempotency_key,
        )
        .on_conflict_do_nothing(index_elements=["idempotency_key"])
        .returning(table.c.id)
    ).scalar_one_or_none()
    if made is None and idempotency_key is not None:  # another request was quicker
        found = _existing(_by_key(conn, idempotency_key), idempotency_key)
        return _same(conn, found, definition)
    automation_id = _existing(made, name)
    _add_version(conn, automation_id, 1, definition, now)
    audit.record(conn, actor, "automation.create", f"automation {automation_id}", {"name": name})
    return get(conn, automation_id)


def update(
    conn: Connection,
    automation_id: int,
    now: datetime,
    actor: str,
    *,
    name: str | None = None,
    definition: Definition | None = None,
    seen: Seen = seen_by.NOTHING,
) -> Automation:
    """Give it another name, or a new version of its definition: later entries follow the new one,
    people in flight finish theirs. ``seen`` is what the writer began from.

    Raises:
        UnknownAutomation, InvalidDefinition.
        ChangedSince, RenamedSince: somebody changed it since; nothing is overwritten.
    """
    before = get(conn, automation_id, lock=True)
    seen.require(
        version=before.version,
        name=before.name,
        saves=definition is not None,
        renames=name is not None,
    )
    values: dict[str, object] = {"updated_at": now}
    if name is not None:
        values["name"] = _checked_name(name)
    if definition is not None and definition != before.definition:
        require_valid(conn, definition)
        _add_version(conn, automation_id, before.version + 1, definition, now)
        values["version"] = before.version + 1
    conn.execute(table.update().where(table.c.id == automation_id).values(values))
    audit.record(
        conn,
        actor,
        "automation.update",
        f"automation {automation_id}",
        {"version": values.get("version", before.version)},
    )
    return get(conn, automation_id)


def set_state(
    conn: Connection, automation_id: int, state: State | str, now: datetime, actor: str
) -> Automation:
    """Switch it on, pause, resume or stop it; to the state that it has: nothing happens.

    Only triggers from now on start runs, also after a pause. Stopping lets every run leave, most
    of a large automation's a little later (``stopping``); none of them moves any more.

    Raises:
        UnknownAutomation, IllegalMove; InvalidDefinition when what it needs has gone meanwhile.
    """
    before = get(conn, automation_id, lock=True)
    state = State(state)
    if before.state is state:
        return before
    require(before.state, state)
    values: dict[str, object] = {"state": state.value, "updated_at": now}
    if state is State.LIVE:
        require_valid(conn, before.definition)
        values["live_since"] = now
    conn.execute(table.update().where(table.c.id == automation_id).values(values))
    flag = {State.LIVE: "open", State.PAUSED: "paused", State.STOPPED: "cancelled"}[state]
    sources.set_state(
        conn, Source.AUTOMATION, automation_id, flag, f"{state.value} by {actor}", now
    )
    if state is State.LIVE:
        # Nothing leaves before what would withdraw it has been looked for.
        sources.keep_fresh(conn, Source.AUTOMATION, automation_id, _database_now(conn))
    if state is State.STOPPED:
        stopping.let_leave(conn, automation_id, now)
    audit.record(
        conn,
        actor,
        f"automation.{state.value}",
        f"automation {automation_id}",
        {"before": before.state.value},
    )
    return get(conn, automation_id)


def get(conn: Connection, automation_id: int, *, lock: bool = False) -> Automation:
    """The automation; ``lock`` holds its row until the transaction ends (not against runs that
    begin, or counts that are added).

    Raises:
        UnknownAutomation.
    """
    query = _query().where(table.c.id == automation_id)
    found = _read(conn, query.with_for_update(of=table, key_share=True) if lock else query)
    return _existing(found[0] if found else None, automation_id)


def list_automations(conn: Connection, *, state: State | None = None) -> list[Automation]:
    """All of them (or those in ``state``), the newest first."""
    query = _query().order_by(table.c.id.desc())
    if state is not None:
        query = query.where(table.c.state == state.value)
    return _read(conn, query)


def names(conn: Connection) -> dict[int, str]:
    """The names of all automations by id, for charts that know only ids."""
    return {row.id: row.name for row in conn.execute(select(table.c.id, table.c.name))}


def author_of(conn: Connection, automation_id: int, version: int) -> str:
    """Who saved a version, as the audit names them; empty where it does not know."""
    subject = f"automation {automation_id}"
    if version == 1:
        made = audit.of_subject(conn, subject, "automation.create")
        return made[0].actor if made else ""
    for entry in audit.of_subject(conn, subject, "automation.update"):
        if (entry.detail or {}).get("version") == version:
            return entry.actor
    return ""


def versions(conn: Connection, automation_id: int) -> list[Version]:
    """Every version, the newest first."""
    rows = conn.execute(
        select(version_table)
        .where(version_table.c.automation_id == automation_id)
        .order_by(version_table.c.version.desc())
    )
    return [Version(row.version, parse(row.definition), row.created_at) for row in rows]


def definition_of(conn: Connection, automation_id: int, version: int) -> Definition:
    """One version's definition.

    Raises:
        UnknownAutomation: there is no such version.
    """
    found = conn.execute(
        select(version_table.c.definition).where(
            version_table.c.automation_id == automation_id, version_table.c.version == version
        )
    ).scalar_one_or_none()
    return parse(_existing(found, f"{automation_id}, version {version}"))


def _add_version(
    conn: Connection, automation_id: int, version: int, definition: Definition, now: datetime
) -> None:
    conn.execute(
        version_table.insert().values(
            automation_id=automation_id,
            version=version,
            definition=frozen(conn, definition).as_json(),
            created_at=now,
        )
    )


def _database_now(conn: Connection) -> datetime:
    found: datetime = conn.execute(select(func.clock_timestamp())).scalar_one()
    return found


def _query() -> Select[tuple[object, ...]]:
    return select(table, version_table.c.definition).join(
        version_table,
        (version_table.c.automation_id == table.c.id)
        & (version_table.c.version == table.c.version),
    )


def _read(conn: Connection, query: Select[tuple[object, ...]]) -> list[Automation]:
    return [
        Automation(
            id=row["id"],
            name=row["name"],
            state=State(row["state"]),
            version=row["version"],
            definition=parse(row["definition"]),
            live_since=row["live_since"],
            scanned_to=row["scanned_to"],
            created_by=row["created_by"],
            created_at=row["created_at"],
            updated_at=row["updated_at"],
        )
        for row in conn.execute(query).mappings()
    ]


def _by_key(conn: Connection, key: str) -> Automation | None:
    found = _read(conn, _query().where(table.c.idempotency_key == key))
    return found[0] if found else None


def _same(conn: Connection, old: Automation, definition: Definition) -> Automation:
    """``old``, if it began as ``definition``; its name may have been changed since."""
    began = definition_of(conn, old.id, 1)
    if spelled_out(conn, began) != spelled_out(conn, definition):
        raise KeyReused(
            "This idempotency key was used before for another automation.",
            hint="Use a new key for a new one; the same key only to repeat the same request.",
            field="idempotency_key",
        )
    return old


def _existing(found: T | None, key: object) -> T:
    if found is None:
        raise UnknownAutomation(key=key)
    return found


def _checked_name(name: str) -> str:
    text = name.strip()
    if not 0 < len(text) <= 200:
        raise InvalidInput("Give the automation a name of 1 to 200 characters.", field="name")
    return text


def count_by_state(conn: Connection) -> dict[State, int]:
    """How many automations are in each state."""
    rows = conn.execute(select(table.c.state, func.count()).group_by(table.c.state))
    return {State(state): n for state, n in rows.tuples()}
