"""In which time zones a customer may be, and in which country and state, from what is known."""

from __future__ import annotations

from collections.abc import Collection
from functools import cache, lru_cache
from importlib.resources import files
from typing import NamedTuple
from zoneinfo import ZoneInfo, available_timezones

import phonenumbers
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE
from phonenumbers import timezone as phone_timezone
from phonenumbers.tzdata import TIMEZONE_DATA

from segmind.consent.states import state_of, state_of_area, zones_of_state

_UNKNOWN = "Etc/Unknown"


class Whereabouts(NamedTuple):
    """What a customer's row says of where they live; each part may be unknown.

    ``country``: ISO 3166 code or English name. ``phone``: E.164.
    """

    timezone: str | None = None
    country: str | None = None
    state: str | None = None
    postal_code: str | None = None
    phone: str | None = None


class Place(NamedTuple):
    """Every zone (IANA name, sorted) in which a customer may be, and whose law counts.

    ``country`` and ``state`` are codes; "" where unknown.
    """

    zones: tuple[str, ...]
    country: str = ""
    state: str = ""


def candidates(
    timezone: str | None, country: str | None, phone: str | None, default: str
) -> tuple[str, ...]:
    """Every zone (IANA name, sorted) in which the customer may be; see ``place_of``."""
    return place_of(Whereabouts(timezone, country, phone=phone), default).zones


def place_of(known: Whereabouts, default: str) -> Place:
    """Where the customer may be.

    A known zone is the answer. Else the zones of the state, told by its name or the post code.
    Else the country's zones, narrowed by those of the number's area code; where the two contradict
    each other, both count. Else ``default``, the workspace's.
    """
    phone = known.phone or ""
    asks_phone = phone and not (known.timezone and is_zone(known.timezone))
    by_phone = phone_zones(phone) if asks_phone else frozenset()
    area = phone[2:5] if phone.startswith("+1") else ""
    return _place(
        known.timezone, known.country, known.state, known.postal_code, by_phone, area, default
    )


@lru_cache(maxsize=65_536)
def _place(
    timezone: str | None,
    country: str | None,
    state: str | None,
    postal_code: str | None,
    by_phone: frozenset[str],
    area: str,
    default: str,
) -> Place:
    code = country_code(country) if country else ""
    its_state = (state_of(code, state, postal_code) or "") if code else ""
    by_state = zones_of_state(code, its_state) if its_state else frozenset()
    by_country = country_zones(code) if code else frozenset()
    if area and not its_state and code in ("", "US"):
        its_state = state_of_area(area) or ""
        code = "US" if its_state else code
    if timezone and is_zone(timezone):
        return Place((timezone,), code, its_state)
    found = by_state or (by_country & by_phone) or (by_country | by_phone)
    return Place(tuple(sorted(found)) or (default,), code, its_state)


@lru_cache(maxsize=2048)
def is_zone(name: str) -> bool:
    """Whether ``name`` is a zone of the time-zone database."""
    return name in _known_zones()


@lru_cache(maxsize=1024)
def country_zones(country: str) -> frozenset[str]:
    """The zones of a country, given by ISO 3166 code or English name; empty if unknown."""
    return _zones_by_code().get(country_code(country), frozenset())


def phone_zones(phone: str) -> frozenset[str]:
    """The zones of an E.164 number's area; empty if the number says nothing.

    Parsing a number costs 40 microseconds, so it is spared where it tells nothing more: in
    countries of one zone, and in North America, where the area code is all there is to know.
    """
    if not phone.startswith("+"):
        return frozenset()
    key = phone[1:5]
    if key[0:1] == "1":
        return _zones_of_prefix(key)
    for length in (1, 2, 3):
        if (zones := _only_zone(key[:length])) is not None:
            return zones
    return _parsed_zones(phone)


@lru_cache(maxsize=1024)
def _only_zone(calling_code: str) -> frozenset[str] | None:
    """The zone of a country that has only one; None for other prefixes."""
    zones = TIMEZONE_DATA.get(calling_code)
    if zones is None or len(zones) > 1 or not calling_code.isdigit():
        return None
    known = COUNTRY_CODE_TO_REGION_CODE.get(int(calling_code))
    return _zones_of_prefix(calling_code) if known else None


@lru_cache(maxsize=1024)
def _zones_of_prefix(prefix: str) -> frozenset[str]:
    for length in range(len(prefix), 0, -1):
        if (zones := TIMEZONE_DATA.get(prefix[:length])) is not None:
            return frozenset(zone for zone in zones if zone != _UNKNOWN and is_zone(zone))
    return frozenset()


@lru_cache(maxsize=65_536)
def _parsed_zones(phone: str) -> frozenset[str]:
    try:
        number = phonenumbers.parse(phone)
    except phonenumbers.NumberParseException:
        return frozenset()
    zones = phone_timezone.time_zones_for_number(number)
    return frozenset(zone for zone in zones if zone != _UNKNOWN and is_zone(zone))


@lru_cache(maxsize=1024)
def zone_info(name: str) -> ZoneInfo:
    """The zone of a name that ``place_of`` gave."""
    return ZoneInfo(name)


@lru_cache(maxsize=1024)
def country_code(country: str | None) -> str:
    """The ISO 3166 code of a code or English name; what is unknown stays, in capitals."""
    code = (country or "").strip().upper()
    return _codes_by_name().get(code, code)


def country_names(codes: Collection[str]) -> set[str]:
    """These codes and every name of the same countries, in capitals."""
    return set(codes) | {name for name, code in _codes_by_name().items() if code in codes}


@cache
def _known_zones() -> frozenset[str]:
    return frozenset(available_timezones())


@cache
def _zones_by_code() -> dict[str, frozenset[str]]:
    zones: dict[str, set[str]] = {}
    for line in _table("zone.tab"):
        code, _, zone = line.split("\t")[:3]
        zones.setdefault(code, set()).add(zone)
    return {code: frozenset(names) for code, names in zones.items()}


@cache
def _codes_by_name() -> dict[str, str]:
    rows = (line.split("\t")[:2] for line in _table("iso3166.tab"))
    named = {name.upper(): code for code, name in rows}
    return named | {
        "UNITED KINGDOM": "GB",
        "EIRE": "IE",
        "UK": "GB",
        "USA": "US",
        "UNITED STATES OF AMERICA": "US",
    }


def _table(name: str) -> list[str]:
    text = (files("tzdata.zoneinfo") / name).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]
