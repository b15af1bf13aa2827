"""The one gate: may this customer be written to now, and if not, why not.

It is asked twice. ``screen`` works on columns, when an audience is built; ``may_contact`` asks
PostgreSQL afresh for a batch, when messages are claimed. Both name the first reason in the order of
``Reason``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import polars as pl
from sqlalchemy import Connection, RowMapping, text

from segmind.consent import caps, quiet_hours, suppressions, zones
from segmind.consent.addresses import (
    COLUMN,
    address_hash,
    as_channel,
    is_valid,
    normal_form,
    normalise,
    validity,
)
from segmind.consent.purpose import Purpose
from segmind.consent.reasons import Reason, SuppressionReason
from segmind.events.schema import Channel
from segmind.workspace.product_settings import ProductSettings

#: What ``screen`` can tell from columns, in its order. Caps, holdouts and duplicates follow.
SCREEN_ORDER: Final = (
    Reason.NO_ADDRESS,
    Reason.INVALID_ADDRESS,
    Reason.NO_CONSENT,
    Reason.SUPPRESSED,
)


def screen(
    customers: pl.LazyFrame, channel: Channel | str | int, purpose: Purpose | str
) -> pl.LazyFrame:
    """``customers`` (``customers.facts.CUSTOMER_COLUMNS``) with two more columns.

    ``address``: the channel's address in its normal form, null if there is none. ``reason``: the
    first ``Reason`` of ``SCREEN_ORDER`` that holds, as its string; null for who may be written to.
    Marketing asks for a recorded yes; unknown is no. A suppressed address is never used.
    """
    which = as_channel(channel)
    asks_consent = Purpose(purpose) is Purpose.MARKETING
    checks = {
        Reason.NO_ADDRESS: pl.col("address").is_null(),
        Reason.INVALID_ADDRESS: ~validity(which, pl.col("address")),
        Reason.NO_CONSENT: pl.col(f"{which.label}_consent").ne_missing(1) & asks_consent,
        Reason.SUPPRESSED: pl.col(f"{which.label}_suppressed").fill_null(value=False),
    }
    reason = pl.coalesce(
        pl.when(checks[reason]).then(pl.lit(reason.value)) for reason in SCREEN_ORDER
    )
    return customers.with_columns(
        normal_form(which, pl.col(COLUMN[which])).alias("address")
    ).with_columns(reason.cast(pl.String).alias("reason"))


@dataclass(frozen=True, slots=True)
class ContactRequest:
    """Somebody to be written to: a customer, or with ``customer_id`` None a bare address."""

    customer_id: int | None
    channel: Channel
    address: str | None
    purpose: Purpose = Purpose.MARKETING


@dataclass(frozen=True, slots=True)
class Allowed:
    """Go. ``place`` is the contact that was reserved under the cap; give it back if not used."""

    place: caps.Place | None = None


@dataclass(frozen=True, slots=True)
class Blocked:
    """No, for good: the reason, and in words what is known besides."""

    reason: Reason
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Deferred:
    """Not now: ask again at ``until``."""

    until: datetime
    reason: Reason = Reason.QUIET_HOURS


Verdict = Allowed | Blocked | Deferred


def may_contact(
    conn: Connection,
    key: bytes,
    settings: ProductSettings,
    requests: Sequence[ContactRequest],
    now: datetime,
) -> list[Verdict]:
    """One verdict per request, in order, fresh from PostgreSQL.

    ``key`` is ``addresses.address_key(...)``. A marketing contact that is allowed is counted at
    once (the caller's transaction), so two callers together never exceed a cap. Merged customers
    are asked about under their present id; tests skip consent, caps and quiet hours.
    """
    people = _people(conn, [r.customer_id for r in requests if r.customer_id is not None])
    hashes = [address_hash(key, r.channel, r.address or "") for r in requests]
    suppressed = {
        which: suppressions.among(
            conn, which, [h for h, r in zip(hashes, requests, strict=True) if r.channel == which]
        )
        for which in {r.channel for r in requests}
    }
    openings: dict[tuple[Channel, tuple[str, ...]], datetime | None] = {}
    verdicts: list[Verdict] = []
    places: dict[int, caps.Place] = {}
    for n, (request, hashed) in enumerate(zip(requests, hashes, strict=True)):
        person = people.get(request.customer_id) if request.customer_id is not None else None
        verdict = (
            _standing(request, person)
            or _suppression(request, suppressed[request.channel].get(hashed))
            or _timing(request, person, settings, now, openings)
        )
        if verdict is None and request.purpose is Purpose.MARKETING and person is not None:
            day = caps.local_day(person["timezone"], now, settings.timezone)
            places[n] = caps.Place(person["id"], request.channel, day)
        verdicts.append(verdict or Allowed())
    limits = {which: settings.caps.get(which.label) for which in Channel}  # type: ignore[call-overload]
    granted = caps.reserve(conn, list(places.values()), limits)
    for (n, place), yes in zip(places.items(), granted, strict=True):
        verdicts[n] = Allowed(place) if yes else Blocked(Reason.FREQUENCY_CAP)
    return verdicts


def _people(conn: Connection, ids: Sequence[int]) -> dict[int, RowMapping]:
    rows = conn.execute(
        text("""
            SELECT given.id AS asked, c.id, c.timezone, c.country, c.phone, c.erased_at,
                   c.email_consent, c.sms_consent, c.push_consent
            FROM unnest(CAST(:ids AS bigint[])) AS given(id)
            LEFT JOIN customer_merge m ON m.from_id = given.id
            JOIN customer c ON c.id = COALESCE(m.into_id, given.id)
        """),
        {"ids": sorted(set(ids))},
    )
    return {row["asked"]: row for row in rows.mappings()}


def _standing(request: ContactRequest, person: RowMapping | None) -> Blocked | None:
    """What the customer and the address say by themselves."""
    if request.customer_id is not None and (person is None or person["erased_at"] is not None):
        return Blocked(Reason.ERASED)
    if normalise(request.channel, request.address) is None:
        return Blocked(Reason.NO_ADDRESS)
    if not is_valid(request.channel, request.address):
        return Blocked(Reason.INVALID_ADDRESS)
    if request.purpose is Purpose.MARKETING:
        consent = person[f"{request.channel.label}_consent"] if person is not None else None
        if consent != 1:
            return Blocked(Reason.NO_CONSENT, "refused" if consent == 0 else "never asked")
    return None


def _suppression(request: ContactRequest, found: suppressions.Suppression | None) -> Blocked | None:
    """An unsubscribed e-mail address or device still gets what the customer ordered; STOP by SMS
    stops everything, as the carriers have it."""
    if found is None:
        return None
    spared = (
        found.reason is SuppressionReason.UNSUBSCRIBED
        and request.channel is not Channel.SMS
        and request.purpose is not Purpose.MARKETING
    )
    return None if spared else Blocked(Reason.SUPPRESSED, found.reason.label)


def _timing(
    request: ContactRequest,
    person: RowMapping | None,
    settings: ProductSettings,
    now: datetime,
    openings: dict[tuple[Channel, tuple[str, ...]], datetime | None],
) -> Blocked | Deferred | None:
    hours = settings.quiet_hours.get(request.channel.label)  # type: ignore[call-overload]
    if hours is None or request.purpose is not Purpose.MARKETING:
        return None
    possible = (
        zones.candidates(person["timezone"], person["country"], person["phone"], settings.timezone)
        if person is not None
        else (settings.timezone,)
    )
    asked = (request.channel, possible)
    if asked not in openings:
        quiet = quiet_hours.window(hours.starts, hours.ends)
        openings[asked] = quiet_hours.next_opening(quiet, possible, now)
    opening = openings[asked]
    if opening is None:
        return Blocked(Reason.NEVER_OPEN)
    return None if opening <= now else Deferred(opening)
