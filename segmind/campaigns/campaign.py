"""A campaign as a draft: made, edited, found. What moves it on is in :mod:`campaigns.moves`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, exists, select
from sqlalchemy.dialects.postgresql import insert

from segmind.campaigns.lifecycle import EDITABLE, Status
from segmind.campaigns.tables import campaign as table
from segmind.campaigns.variant_test import VariantTest, parse
from segmind.channels.channel import Channel
from segmind.errors import Conflict, InvalidInput, NotFound
from segmind.messages.outbox import KeyReused
from segmind.segments.tables import segment
from segmind.workspace import audit, product_settings


class UnknownCampaign(NotFound):
    """There is no campaign {key}."""

    code = "unknown_campaign"
    hint = "It may have been removed; the list of campaigns shows what there is."


class InvalidCampaign(InvalidInput):
    """The campaign is not valid."""

    code = "invalid_campaign"


class NotEditable(Conflict):
    """A {status} campaign cannot be edited any more."""

    code = "not_editable"
    hint = "Take it back to draft first, or copy it."


@dataclass(frozen=True, slots=True)
class Campaign:
    """One campaign. ``content`` is the draft of what is written (JSON of the template language);
    ``template_version_id`` the version that never changes, set at the latest when it is launched.

    ``waterfall`` and ``audience_size`` are those of the launch; None before.

    With a ``variant_test`` the test is over at ``decide_at``; ``standing`` is what it had found by
    then (``campaigns.standing``), ``winner`` the variant that the rest of the audience is sent.
    """

    id: int
    name: str
    channel: Channel
    segment_id: int | None
    exclude_segment_ids: tuple[int, ...]
    content: dict[str, Any] | None
    template_version_id: int | None
    holdout_percent: float
    variant_test: VariantTest | None
    status: Status
    problem: str | None
    scheduled_at: datetime | None
    launched_at: datetime | None
    audience_as_of: datetime | None
    frozen_at: datetime | None
    decide_at: datetime | None
    standing: dict[str, Any] | None
    winner: str | None
    decided_at: datetime | None
    decided_by: str | None
    finished_at: datetime | None
    waterfall: dict[str, Any] | None
    audience_size: int | None
    rate_per_second: int | None
    created_by: str
    created_at: datetime
    updated_at: datetime

    @property
    def salt(self) -> str:
        """What makes the holdout of this campaign, and who sees which variant, its own."""
        return f"campaign:{self.id}"


def create(
    conn: Connection,
    *,
    name: str,
    channel: Channel | str,
    now: datetime,
    actor: str,
    segment_id: int | None = None,
    exclude_segment_ids: Sequence[int] = (),
    content: Mapping[str, Any] | None = None,
    template_version_id: int | None = None,
    holdout_percent: float | None = None,
    variant_test: Mapping[str, Any] | VariantTest | None = None,
    rate_per_second: int | None = None,
    idempotency_key: str | None = None,
) -> Campaign:
    """A new draft; with an ``idempotency_key`` that was used before, the campaign made then.

    ``holdout_percent`` None: the workspace's.

    Raises:
        InvalidCampaign, InvalidVariantTest: a value cannot be used; ``field`` names it.
        KeyReused: the campaign made with this key says, or by now says, something else.
    """
    asks_holdout = holdout_percent is not None
    if holdout_percent is None:
        holdout_percent = product_settings.load(conn).holdout_percent
    values = {
        "name": name,
        "channel": channel,
        "segment_id": segment_id,
        "exclude_segment_ids": list(exclude_segment_ids),
        "content": dict(content) if content is not None else None,
        "template_version_id": template_version_id,
        "holdout_percent": holdout_percent,
        "variant_test": variant_test,
        "rate_per_second": rate_per_second,
    }
    row = _checked(conn, values)
    made = conn.execute(
        insert(table)
        .values(
            **row,
            created_by=actor,
            created_at=now,
            updated_at=now,
            idempotency_key=idempotency_key,
        )
        .on_conflict_do_nothing(index_elements=["idempotency_key"])
        .returning(table.c.id)
    ).scalar_one_or_none()
    if made is None:
        if not asks_holdout:
            del row["holdout_percent"]
        return _made_before(conn, row, idempotency_key)
    audit.record(conn, actor, "campaign.create", f"campaign {made}", {"name": name})
    return get(conn, made)


def _made_before(conn: Connection, row: dict[str, Any], key: str | None) -> Campaign:
    """The campaign with this key, if ``row`` asks for the same."""
    known = conn.execute(select(table).where(table.c.idempotency_key == key)).mappings().one()
    if row["content"] is not None:
        del row["template_version_id"]  # is set when the campaign is scheduled
    stored = {**known, "holdout_percent": float(known["holdout_percent"])}
    if any(stored[field] != value for field, value in row.items()):
        raise KeyReused(
            "This idempotency key was used before for another campaign.",
            hint="Use a new key for a new campaign; the same key only to repeat the same request.",
            field="idempotency_key",
        )
    return _of(known)


def update(
    conn: Connection, campaign_id: int, changes: Mapping[str, Any], now: datetime, actor: str
) -> Campaign:
    """Change a draft. A missed campaign becomes a draft again.

    Changeable: name, channel, segment_id, exclude_segment_ids, content, template_version_id,
    holdout_percent, variant_test, rate_per_second. New content lets go of the version that was
    frozen before.

    Raises:
        UnknownCampaign, NotEditable, InvalidCampaign, InvalidVariantTest.
    """
    before = get(conn, campaign_id, lock=True)
    if before.status not in EDITABLE:
        raise NotEditable(status=str(before.status))
    row = _checked(conn, dict(changes))
    if row.get("content") is not None and "template_version_id" not in row:
        row["template_version_id"] = None
    if row.get("template_version_id") is not None and "content" not in row:
        row["content"] = None
    row |= {"status": Status.DRAFT.value, "problem": None, "updated_at": now}
    conn.execute(table.update().where(table.c.id == campaign_id).values(row))
    audit.record(
        conn, actor, "campaign.update", f"campaign {campaign_id}", {"fields": sorted(changes)}
    )
    return get(conn, campaign_id)


def copy(conn: Connection, campaign_id: int, now: datetime, actor: str) -> Campaign:
    """A new draft like this campaign, whatever became of it."""
    old = get(conn, campaign_id)
    return create(
        conn,
        name=f"{old.name} (copy)"[:200],
        channel=old.channel,
        now=now,
        actor=actor,
        segment_id=old.segment_id,
        exclude_segment_ids=old.exclude_segment_ids,
        content=old.content,
        template_version_id=old.template_version_id if old.content is None else None,
        holdout_percent=old.holdout_percent,
        variant_test=old.variant_test,
        rate_per_second=old.rate_per_second,
    )


def get(conn: Connection, campaign_id: int, *, lock: bool = False) -> Campaign:
    """The campaign; ``lock`` holds its row until the transaction ends.

    Raises:
        UnknownCampaign.
    """
    query = select(table).where(table.c.id == campaign_id)
    row = conn.execute(query.with_for_update() if lock else query).mappings().one_or_none()
    if row is None:
        raise UnknownCampaign(key=campaign_id)
    return _of(row)


def list_campaigns(
    conn: Connection, *, status: Status | None = None, limit: int = 200, before: int | None = None
) -> list[Campaign]:
    """The newest first. ``before``: the id of the last one seen."""
    query = select(table).order_by(table.c.id.desc()).limit(limit)
    if status is not None:
        query = query.where(table.c.status == status.value)
    if before is not None:
        query = query.where(table.c.id < before)
    return [_of(row) for row in conn.execute(query).mappings()]


def names(conn: Connection) -> dict[int, str]:
    """The names of all campaigns by id, for charts that know only ids."""
    return {row.id: row.name for row in conn.execute(select(table.c.id, table.c.name))}


def _of(row: RowMapping) -> Campaign:
    values = {name: row[name] for name in Campaign.__slots__}
    values["channel"] = Channel.of_code(row["channel"])
    values["exclude_segment_ids"] = tuple(row["exclude_segment_ids"] or ())
    values["holdout_percent"] = float(row["holdout_percent"])
    values["status"] = Status(row["status"])
    values["variant_test"] = parse(row["variant_test"]) if row["variant_test"] else None
    return Campaign(**values)


def _checked(conn: Connection, values: dict[str, Any]) -> dict[str, Any]:
    """The values as a row."""
    row: dict[str, Any] = {}
    for field, value in values.items():
        check = _CHECKS.get(field)
        if check is None:
            raise InvalidCampaign(f"A campaign has no {field} to set.", field=field)
        row[field] = check(value)
    for field in ("segment_id", "exclude_segment_ids"):
        given = row.get(field) or []
        for segment_id in given if isinstance(given, list) else [given]:
            if not conn.execute(select(exists().where(segment.c.id == segment_id))).scalar():
                raise InvalidCampaign(f"There is no segment {segment_id}.", field=field)
    return row


def _name(value: Any) -> str:
    text = value.strip() if isinstance(value, str) else ""
    if not 0 < len(text) <= 200:
        raise InvalidCampaign("Give the campaign a name of 1 to 200 characters.", field="name")
    return text


def _channel(value: Any) -> int:
    try:
        return Channel(value).code
    except ValueError:
        known = ", ".join(Channel)
        raise InvalidCampaign(f"The channel is one of {known}.", field="channel") from None


def _id(value: Any, field: str) -> int | None:
    if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
        raise InvalidCampaign("Give an id, a whole number.", field=field)
    return value


def _ids(value: Any) -> list[int]:
    if not isinstance(value, (list, tuple)):
        raise InvalidCampaign("Give a list of segment ids.", field="exclude_segment_ids")
    return sorted({i for v in value if (i := _id(v, "exclude_segment_ids")) is not None})


def _content(value: Any) -> dict[str, Any] | None:
    if value is not None and not isinstance(value, dict):
        raise InvalidCampaign("The content is a draft, an object.", field="content")
    return value


def _holdout(value: Any) -> float:
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 <= value <= 50:
        raise InvalidCampaign("The holdout is 0 to 50 percent.", field="holdout_percent")
    return round(float(value), 2)


def _rate(value: Any) -> int | None:
    if value is not None and (not isinstance(value, int) or not 1 <= value <= 10_000):
        raise InvalidCampaign("The rate is 1 to 10,000 a second.", field="rate_per_second")
    return value


def _test(value: Any) -> dict[str, Any] | None:
    return None if value is None else parse(value).as_json()


_CHECKS: dict[str, Any] = {
    "name": _name,
    "channel": _channel,
    "segment_id": lambda value: _id(value, "segment_id"),
    "exclude_segment_ids": _ids,
    "content": _content,
    "template_version_id": lambda value: _id(value, "template_version_id"),
    "holdout_percent": _holdout,
    "variant_test": _test,
    "rate_per_second": _rate,
}
