"""In which time zones a customer may be, from what is known of them."""

from __future__ import annotations

from functools import cache, lru_cache
from importlib.resources import files
from zoneinfo import ZoneInfo, available_timezones

import phonenumbers
from phonenumbers import timezone as phone_timezone

_UNKNOWN = "Etc/Unknown"


def candidates(
    timezone: str | None, country: str | None, phone: str | None, default: str
) -> tuple[str, ...]:
    """Every zone (IANA name, sorted) in which the customer may be.

    A known zone is the answer. Else the country's zones, narrowed by those of the number's area
    code; where the two contradict each other, both count. Else ``default``, the workspace's.
    """
    if timezone and is_zone(timezone):
        return (timezone,)
    by_country = country_zones(country) if country else frozenset()
    by_phone = phone_zones(phone) if phone else frozenset()
    found = (by_country & by_phone) or (by_country | by_phone)
    return tuple(sorted(found)) or (default,)


@lru_cache(maxsize=2048)
def is_zone(name: str) -> bool:
    """Whether ``name`` is a zone of the time-zone database."""
    return name in _known_zones()


@lru_cache(maxsize=1024)
def country_zones(country: str) -> frozenset[str]:
    """The zones of a country, given by ISO 3166 code or English name; empty if unknown."""
    code = country.strip().upper()
    return _zones_by_code().get(_codes_by_name().get(code, code), frozenset())


@lru_cache(maxsize=65_536)
def phone_zones(phone: str) -> frozenset[str]:
    """The zones of an E.164 number's area; empty if the number says nothing."""
    try:
        number = phonenumbers.parse(phone)
    except phonenumbers.NumberParseException:
        return frozenset()
    zones = phone_timezone.time_zones_for_number(number)
    return frozenset(zone for zone in zones if zone != _UNKNOWN and is_zone(zone))


@lru_cache(maxsize=1024)
def zone_info(name: str) -> ZoneInfo:
    """The zone of a name that ``candidates`` gave."""
    return ZoneInfo(name)


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
