"""The one gate: may this customer be written to now, and if not, why not.

It is asked twice. ``screen`` works on columns, when an audience is built; ``may_contact`` asks
PostgreSQL afresh for a batch, when messages are claimed. Both name the first reason in the order of
``Reason``.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, NamedTuple

import polars as pl
from sqlalchemy import Connection, text

from segmind.consent import caps, suppressions, zones
from segmind.consent.addresses import (
    COLUMN,
    address_hash,
    as_channel,
    is_valid_form,
    normal_form,
    normalise,
    validity,
)
from segmind.consent.hours import week_for
from segmind.consent.purpose import Purpose
from segmind.consent.quiet_hours import opening
from segmind.consent.reasons import Reason, SuppressionReason
from segmind.consent.zones import Place, Whereabouts
from segmind.db.literals import literal
from segmind.events.schema import Channel
from segmind.experiments.holdouts import GLOBAL_SALT, in_holdout
from segmind.workspace.product_settings import ProductSettings

#: What ``screen`` can tell from columns, in its order. Caps, holdouts and duplicates follow.
SCREEN_ORDER: Final = (
    Reason.NO_ADDRESS,
    Reason.INVALID_ADDRESS,
    Reason.NO_CONSENT,
    Reason.SUPPRESSED,
)


def screen(
    customers: pl.LazyFrame,
    channel: Channel | str | int,
    purpose: Purpose | str,
    unasked_countries: Collection[str] = (),
) -> pl.LazyFrame:
    """``customers`` (``customers.facts.CUSTOMER_COLUMNS``) with two more columns.

    ``address``: the channel's address in its normal form, null if there is none. ``reason``: the
    first ``Reason`` of ``SCREEN_ORDER`` that holds, as its string; null for who may be written to.
    Marketing asks for a recorded yes; unknown is no, except for e-mail into
    ``unasked_countries`` (codes; "*": all). A suppressed address is never used.
    """
    which = as_channel(channel)
    asks_consent = Purpose(purpose) is Purpose.MARKETING
    checks = {
        Reason.NO_ADDRESS: pl.col("address").is_null(),
        Reason.INVALID_ADDRESS: ~validity(which, pl.col("address")),
        Reason.NO_CONSENT: ~_has_consent(which, unasked_countries) & asks_consent,
        Reason.SUPPRESSED: pl.col(f"{which.label}_suppressed").fill_null(value=False),
    }
    reason = pl.coalesce(
        pl.when(checks[reason]).then(pl.lit(reason.value)) for reason in SCREEN_ORDER
    )
    return customers.with_columns(
        normal_form(which, pl.col(COLUMN[which])).alias("address")
    ).with_columns(reason.cast(pl.String).alias("reason"))


def _has_consent(which: Channel, unasked_countries: Collection[str]) -> pl.Expr:
    consent = pl.col(f"{which.label}_consent")
    said_yes = consent.eq_missing(1)
    if which is not Channel.EMAIL or not unasked_countries:
        return said_yes
    if "*" in unasked_countries:
        return consent.ne_missing(0)
    names = sorted(zones.country_names(unasked_countries))
    lives_there = pl.col("country").str.strip_chars().str.to_uppercase().is_in(names)
    return said_yes | (consent.is_null() & lives_there.fill_null(value=False))


class ContactRequest(NamedTuple):
    """Somebody to be written to: a customer, or with ``customer_id`` None a bare address.

    ``hashed``: the address's hash, for who knows it; None: it is made.
    """

    customer_id: int | None
    channel: Channel
    address: str | None
    purpose: Purpose = Purpose.MARKETING
    hashed: bytes | None = None


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
    hashes = [r.hashed or address_hash(key, r.channel, r.address or "") for r in requests]
    suppressed = _suppressed(conn, requests, hashes)
    today: dict[str | None, date] = {}
    timings: _Timings = {}
    verdicts: list[Verdict] = []
    places: dict[int, caps.Place] = {}
    for n, request in enumerate(requests):
        person = people.get(request.customer_id) if request.customer_id is not None else None
        verdict: Verdict | None = _standing(request, person, settings)
        if verdict is None and (found := suppressed.get((request.channel, hashes[n]))) is not None:
            verdict = _suppression(request, found)
        if verdict is None and request.purpose is Purpose.MARKETING:
            verdict = _global_holdout(person, settings) or _timing(
                request, person, settings, now, timings
            )
            if verdict is None and person is not None:
                zone = person.known.timezone
                if zone not in today:
                    today[zone] = caps.local_day(zone, now, settings.timezone)
                places[n] = caps.Place(person.id, request.channel, today[zone])
        verdicts.append(verdict or _GO)
    limits = {which: settings.caps.get(which.label) for which in Channel}  # type: ignore[call-overload]
    granted = caps.reserve(conn, list(places.values()), limits, now)
    for (n, place), yes in zip(places.items(), granted, strict=True):
        verdicts[n] = Allowed(place) if yes else Blocked(Reason.FREQUENCY_CAP)
    return verdicts


def _suppressed(
    conn: Connection, requests: Sequence[ContactRequest], hashes: Sequence[bytes]
) -> dict[tuple[Channel, bytes], suppressions.Suppression]:
    """The suppressed among the hashes, by channel and hash: nearly always nobody."""
    by_channel: dict[Channel, list[bytes]] = {}
    for request, hashed in zip(requests, hashes, strict=True):
        by_channel.setdefault(request.channel, []).append(hashed)
    return {
        (which, hashed): found
        for which, several in by_channel.items()
        for hashed, found in suppressions.among(conn, which, several).items()
    }


class _Person(NamedTuple):
    """What the gate needs to know of a customer. ``consents`` are by the channel's code."""

    id: int
    is_erased: bool
    consents: tuple[int | None, ...]
    known: Whereabouts


def _people(conn: Connection, ids: Sequence[int]) -> dict[int, _Person]:
    rows = conn.execute(
        text("""
            SELECT given.id, c.id, c.erased_at IS NOT NULL,
                   c.email_consent, c.sms_consent, c.push_consent, c.timezone, c.country,
                   COALESCE(c.traits->>'state', c.traits->>'region', c.traits->>'province'),
                   COALESCE(c.traits->>'postal_code', c.traits->>'zip', c.traits->>'postcode'),
                   c.phone
            FROM unnest(CAST(:ids AS bigint[])) AS given(id)
            LEFT JOIN customer_merge m ON m.from_id = given.id
            JOIN customer c ON c.id = COALESCE(m.into_id, given.id)
        """),
        {"ids": literal(sorted(set(ids)))},
    )
    return {
        given: _Person(who, is_erased, (None, email, sms, push), Whereabouts(*where))
        for given, who, is_erased, email, sms, push, *where in rows.all()
    }


def _standing(
    request: ContactRequest, person: _Person | None, settings: ProductSettings
) -> Blocked | None:
    """What the customer and the address say by themselves."""
    if request.customer_id is not None and (person is None or person.is_erased):
        return _ERASED
    normal = normalise(request.channel, request.address)
    if normal is None:
        return _NO_ADDRESS
    if not is_valid_form(request.channel, normal):
        return _INVALID_ADDRESS
    if request.purpose is Purpose.MARKETING:
        consent = person.consents[request.channel] if person is not None else None
        if consent is None and person is not None and _needs_no_yes(request, person, settings):
            return None
        if consent != 1:
            return Blocked(Reason.NO_CONSENT, "refused" if consent == 0 else "never asked")
    return None


def _needs_no_yes(request: ContactRequest, person: _Person, settings: ProductSettings) -> bool:
    """E-mail to who was never asked, where the shop says that the law allows it."""
    countries = settings.email_unasked_countries
    if request.channel is not Channel.EMAIL or not countries:
        return False
    return "*" in countries or zones.country_code(person.known.country) in countries


def _suppression(request: ContactRequest, found: suppressions.Suppression) -> Blocked | None:
    """An unsubscribed e-mail address or device still gets what the customer ordered; STOP by SMS
    stops everything, as the carriers have it."""
    spared = (
        found.reason is SuppressionReason.UNSUBSCRIBED
        and request.channel is not Channel.SMS
        and request.purpose is not Purpose.MARKETING
    )
    return None if spared else Blocked(Reason.SUPPRESSED, found.reason.label)


def _global_holdout(person: _Person | None, settings: ProductSettings) -> Blocked | None:
    """Of marketing alone: who is held out still gets what he ordered."""
    if person is None:
        return None
    percent = settings.global_holdout_percent
    held = percent > 0 and in_holdout(person.id, GLOBAL_SALT, percent)
    return Blocked(Reason.GLOBAL_HOLDOUT) if held else None


#: What the clock says to each place on each channel, of one batch.
_Timings = dict[tuple[Channel, Place], Blocked | Deferred | None]


def _timing(
    request: ContactRequest,
    person: _Person | None,
    settings: ProductSettings,
    now: datetime,
    known: _Timings,
) -> Blocked | Deferred | None:
    where = person.known if person is not None else Whereabouts()
    place = zones.place_of(where, settings.timezone)
    asked = (request.channel, place)
    if asked not in known:
        week = week_for(settings, request.channel, place)
        found = opening(week, place.zones, now)
        known[asked] = (
            Blocked(Reason.NEVER_OPEN)
            if found is None
            else None
            if found.opens <= now
            else Deferred(found.opens)
        )
    return known[asked]


_GO: Final = Allowed()
_ERASED: Final = Blocked(Reason.ERASED)
_NO_ADDRESS: Final = Blocked(Reason.NO_ADDRESS)
_INVALID_ADDRESS: Final = Blocked(Reason.INVALID_ADDRESS)
