"""What an e-mail address, a phone number, a country and so on must look like to be kept."""

from __future__ import annotations

import re
import zoneinfo
from datetime import date
from functools import cache

import phonenumbers

_LOCAL = re.compile(r"[^\s@\"(),:;<>\[\]\\\x00-\x1f\x7f]{1,64}")
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*")
_OLDEST = date(1890, 1, 1)


class BadValue(ValueError):
    """A value that is not kept; its text is the reason."""


def email(value: str) -> str:
    """The address with its domain in lower case; the part before the @ stays as written.

    Checks the form (one @, dots, lengths, a domain that DNS could hold), not that it exists.
    """
    address = value.strip()
    local, at, domain = address.rpartition("@")
    if not at:
        raise BadValue("is no e-mail address: it has no @")
    if len(address) > 254:
        raise BadValue("is no e-mail address: it is longer than 254 characters")
    if not _LOCAL.fullmatch(local) or local[0] == "." or local[-1] == "." or ".." in local:
        raise BadValue("is no e-mail address: the part before the @ is malformed")
    labels = _ascii_domain(domain).split(".")
    if len(labels) < 2 or not all(_LABEL.fullmatch(label) for label in labels):
        raise BadValue("is no e-mail address: the domain is malformed")
    if labels[-1].isdigit():
        raise BadValue("is no e-mail address: the domain is malformed")
    return f"{local}@{domain.lower()}"


def _ascii_domain(domain: str) -> str:
    try:
        return domain.lower().encode("idna").decode("ascii")
    except UnicodeError:
        raise BadValue("is no e-mail address: the domain is malformed") from None


def phone(value: str, country: str | None) -> str:
    """The number in E.164; a national one needs ``country`` (ISO 3166 alpha-2), never guessed."""
    number = value.strip()
    region = country.upper() if country and is_region(country) else None
    if not number.startswith("+") and region is None:
        raise BadValue("is a national number: write it with + and country code, or give a country")
    try:
        parsed = phonenumbers.parse(number, region)
    except phonenumbers.NumberParseException:
        raise BadValue("is no phone number") from None
    if not phonenumbers.is_possible_number(parsed):
        raise BadValue("is no phone number: it has too few or too many digits for its country")
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


def is_region(country: str) -> bool:
    """Whether this is a two-letter country code that has phone numbers."""
    return country.upper() in phonenumbers.SUPPORTED_REGIONS


def country(value: str) -> str:
    """A two-letter code in capitals; a country's name stays as written."""
    name = value.strip()
    return name.upper() if len(name) == 2 and name.isascii() else name


def language(value: str) -> str:
    """A language tag such as ``de`` or ``pt-BR``."""
    tag = value.strip().replace("_", "-")
    if not _LANGUAGE.fullmatch(tag):
        raise BadValue("is no language tag such as en or pt-BR")
    return tag


def timezone(value: str) -> str:
    """An IANA time zone such as ``Europe/Berlin``."""
    name = value.strip()
    if name not in _zones():
        raise BadValue("is no time zone such as Europe/Berlin")
    return name


@cache
def _zones() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())


def birthday(value: str, today: date) -> date:
    """A day (ISO 8601; a time after it is dropped) between 1890 and ``today``."""
    try:
        day = date.fromisoformat(value.strip()[:10])
    except ValueError:
        raise BadValue("is no date such as 1990-12-31") from None
    if not _OLDEST <= day <= today:
        raise BadValue("is a date that nobody's birthday can be")
    return day
