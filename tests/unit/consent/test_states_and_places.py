"""States from names, post codes and area codes, and the zones that follow."""

from __future__ import annotations

import phonenumbers
import pytest
from phonenumbers import PhoneNumberFormat
from phonenumbers.timezone import time_zones_for_number

from segmind.consent import zones
from segmind.consent.states import STATES, state_of, state_of_area
from segmind.consent.zones import Whereabouts, is_zone, place_of


def test_every_zone_of_a_state_is_one() -> None:
    assert all(is_zone(z) for states in STATES.values() for _, its in states.values() for z in its)
    assert len(STATES["US"]) == 56


@pytest.mark.parametrize(
    ("country", "state", "code", "expected"),
    [
        ("US", "FL", None, "FL"),
        ("US", " florida ", None, "FL"),
        ("US", "US-FL", None, "FL"),
        ("US", "Atlantis", "33101-1234", "FL"),
        ("US", None, "06390", "CT"),
        ("US", None, "10001", "NY"),
        ("US", None, "96701", "HI"),
        ("US", None, "09012", None),  # the army's post
        ("US", None, "x", None),
        ("CA", None, "k1a 0b1", "ON"),
        ("CA", "Québec", "H2X 1Y4", "QC"),
        ("AU", None, "6000", "WA"),
        ("AU", None, "0800", "NT"),
        ("DE", "Bayern", "80331", None),
    ],
)
def test_a_state_is_told_by_name_or_post_code(
    country: str, state: str | None, code: str | None, expected: str | None
) -> None:
    assert state_of(country, state, code) == expected


def test_an_area_code_names_its_state() -> None:
    assert state_of_area("305") == "FL"
    assert state_of_area("212") == "NY"
    assert state_of_area("416") is None
    assert state_of_area("800") is None


def test_what_is_nearer_to_the_customer_decides() -> None:
    miami, utc = "+13055550123", "UTC"
    assert place_of(Whereabouts(phone=miami), utc) == (("America/New_York",), "US", "FL")
    moved = Whereabouts(country="US", state="CA", phone=miami)
    assert place_of(moved, utc) == (("America/Los_Angeles",), "US", "CA")
    split = Whereabouts(country="United States", postal_code="37201")
    assert place_of(split, utc) == (("America/Chicago", "America/New_York"), "US", "TN")
    told = Whereabouts(timezone="Europe/Paris", country="US", phone=miami)
    assert place_of(told, utc) == (("Europe/Paris",), "US", "FL")
    assert len(place_of(Whereabouts(country="US"), utc).zones) > 20
    assert place_of(Whereabouts(), "Asia/Tokyo") == (("Asia/Tokyo",), "", "")


def test_phone_zones_are_the_librarys_or_narrower_by_the_area_code() -> None:
    looked = 0
    for region in sorted(phonenumbers.SUPPORTED_REGIONS)[::4]:
        number = phonenumbers.example_number_for_type(region, phonenumbers.PhoneNumberType.MOBILE)
        if number is None:
            continue
        looked += 1
        written = phonenumbers.format_number(number, PhoneNumberFormat.E164)
        known = {zone for zone in time_zones_for_number(number) if is_zone(zone)}
        mine = zones.phone_zones(written)
        assert mine == known or (written.startswith("+1") and mine < known), region
    assert looked > 40
