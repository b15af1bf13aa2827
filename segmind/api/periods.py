"""The period of an analytics request, and answers that several of its routes share."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

import polars as pl
from fastapi import Query
from pydantic import BaseModel, Field
from sqlalchemy import Connection

from segmind import clock
from segmind.analytics.definition import Definition
from segmind.analytics.period import Grain, InvalidPeriod, Period
from segmind.analytics.which import Which
from segmind.api.shapes import MOST_ID, DefinitionCard, Instant
from segmind.automations import automation as automations
from segmind.campaigns import campaign as campaigns
from segmind.consent.addresses import as_channel
from segmind.events.schema import Channel, Source
from segmind.workspace.product_settings import ProductSettings

Days = Annotated[
    int, Query(ge=1, le=1_000, description="So many calendar days up to now, today included.")
]
Since = Annotated[
    Instant | None, Query(description="Start (inclusive); goes with until, instead of days.")
]
Until = Annotated[Instant | None, Query(description="End (exclusive).")]
SourceKind = Literal["campaign", "automation", "single"]
SourceId = Annotated[int | None, Query(ge=0, le=MOST_ID, description="Only this one.")]
Compare = Annotated[bool, Query(description="Also of the period before, of the same length.")]
RuleKey = Annotated[
    str, Query(max_length=40, description="Attribution rule; GET /analytics/attribution lists them")
]
WindowDays = Annotated[
    int | None,
    Query(ge=1, le=90, description="Attribution window; default: the workspace's by channel."),
]
By = Annotated[Grain, Query(description="Length of a bucket, in the workspace's zone.")]


class PeriodOut(BaseModel):
    """``[since, until)``; buckets are calendar hours, days, weeks or months in ``zone``."""

    since: datetime
    until: datetime
    zone: str
    grain: Literal["hour", "day", "week", "month"]


class Answer(BaseModel):
    """What every answer says of itself."""

    period: PeriodOut
    definition: DefinitionCard
    incomplete: list[str] = Field(description="Event files that could not be read.")


def period_of(
    settings: ProductSettings,
    days: int,
    since: datetime | None,
    until: datetime | None,
    grain: Grain,
) -> Period:
    """The period that was asked for.

    Raises:
        InvalidPeriod: it ends before it starts, lies in the future, or has too many buckets.
    """
    now = clock.now()
    if since is None and until is None:
        return Period.last_days(days, now, settings.zone, grain)
    if since is None:
        raise InvalidPeriod("A period that is not the last days needs a start.", field="since")
    if since > now:
        raise InvalidPeriod("The period lies in the future.", field="since")
    return Period(since, until or now, settings.zone, grain)


def which_of(
    channel: str | None,
    source: SourceKind | None,
    source_id: int | None,
    customers: pl.Series | None = None,
) -> Which:
    """The messages that were asked about; ``customers``: to whom (ids of now)."""
    return Which(
        channel=as_channel(channel) if channel else None,
        source=Source[source.upper()] if source else None,
        source_id=source_id,
        customers=customers,
    )


def said(period: Period) -> PeriodOut:
    """The period as it is answered."""
    return PeriodOut(
        since=period.since, until=period.until, zone=period.zone.key, grain=period.grain
    )


def card(definition: Definition) -> DefinitionCard:
    """The definition as it is answered."""
    return DefinitionCard.model_validate(definition.as_json())


def channel_name(code: int | None) -> str | None:
    """``email``, ``sms``, ``push``."""
    return None if code is None else Channel(code).label


def rows(frame: pl.DataFrame) -> list[dict[str, Any]]:
    """The rows of a small frame, channels by name, buckets and days as local ISO 8601."""
    found = frame.to_dicts()
    for row in found:
        if "channel" in row:
            row["channel"] = channel_name(row["channel"])
        for name in ("bucket", "day", "month"):
            if name in row:
                row[name] = row[name].isoformat()
    return found


class Titles:
    """Names of campaigns and automations, read once."""

    def __init__(self, conn: Connection) -> None:
        self._names: Mapping[Source, Mapping[int, str]] = {
            Source.CAMPAIGN: campaigns.names(conn),
            Source.AUTOMATION: automations.names(conn),
        }

    def grouped(
        self, frame: pl.DataFrame, titles: Mapping[int, str] | None
    ) -> list[dict[str, Any]]:
        """The rows of figures by any dimension; ``titles``: of its first column, where it is of
        neither campaigns nor automations."""
        if titles is not None:
            title = [titles.get(number) for number in frame.to_series(0)]
            return rows(frame.with_columns(pl.Series("title", title, pl.String)))
        return self.named(frame) if "source_id" in frame.columns else rows(frame)

    def named(self, frame: pl.DataFrame) -> list[dict[str, Any]]:
        """The rows with ``source`` (campaign, automation, single), ``source_id`` and ``title``.

        Rows of variants are of campaigns, rows of steps of automations.
        """
        found = rows(frame)
        own = Source.CAMPAIGN if "variant" in frame.columns else Source.AUTOMATION
        for row in found:
            kind = row.pop("source_kind", own)
            source = Source(kind) if kind is not None else None
            row["source"] = source.name.lower() if source is not None else None
            known = self._names.get(source, {}) if source is not None else {}
            row["title"] = known.get(row["source_id"], "Single messages")
            if source in self._names and row["source_id"] not in known:
                row["title"] = f"{row['source']} {row['source_id']}"
        return found
