"""Quiet hours over zones and changes of clocks."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segmind.consent import zones
from segmind.consent.quiet_hours import Week, next_opening
from tests.trying import examples

window = Week.outside

NIGHT = window("21:00", "09:00")
ZONES = [
    "UTC", "Europe/Berlin", "America/New_York", "America/Los_Angeles", "Australia/Lord_Howe",
    "Asia/Kathmandu", "America/St_Johns", "Pacific/Apia", "Africa/Casablanca", "Europe/Dublin",
    "America/Havana", "Asia/Beirut", "America/Santiago", "Antarctica/Troll", "Asia/Tehran",
]  # fmt: skip
start_of_2024 = datetime(2024, 1, 1, tzinfo=UTC)
instants = st.integers(0, 7 * 365 * 86_400).map(lambda s: start_of_2024 + timedelta(seconds=s))
walls = st.builds(time, st.integers(0, 23), st.sampled_from([0, 15, 30, 45]))
some_zones = st.lists(st.sampled_from(ZONES), min_size=1, max_size=3, unique=True)


def quiet_anywhere(quiet: Week, names: list[str], at: datetime) -> bool:
    return any(quiet.is_quiet(at, ZoneInfo(name)) for name in names)


@settings(max_examples=examples(150), deadline=None)
@given(instants, walls, walls, some_zones)
def test_the_opening_is_open_everywhere_and_nothing_before_it_is(
    now: datetime, start: time, end: time, names: list[str]
) -> None:
    quiet = Week.outside(start, end)
    opening = next_opening(quiet, names, now)
    if opening is None:
        probes = (now + timedelta(minutes=15 * n) for n in range(96 * 3))
        assert all(quiet_anywhere(quiet, names, at) for at in probes)
        return
    assert opening >= now
    assert not quiet_anywhere(quiet, names, opening)
    if opening > now:
        assert quiet_anywhere(quiet, names, opening - timedelta(seconds=1))
        step = (opening - now) / 50
        assert all(quiet_anywhere(quiet, names, now + step * n) for n in range(50))


@pytest.mark.parametrize("name", ZONES)
def test_around_every_change_of_clocks_nobody_is_woken(name: str) -> None:
    zone = ZoneInfo(name)
    for edge in changes(zone):
        for quiet in (NIGHT, window("22:00", "02:30"), window("01:30", "02:15")):
            for minutes in range(-240, 241, 20):
                now = edge + timedelta(minutes=minutes)
                opening = next_opening(quiet, [name], now)
                assert opening is not None
                assert not quiet.is_quiet(opening, zone)
                if opening > now:
                    assert quiet.is_quiet(opening - timedelta(seconds=1), zone)


def changes(zone: ZoneInfo) -> list[datetime]:
    hours = (datetime(2025, 1, 1, tzinfo=UTC) + timedelta(hours=n) for n in range(365 * 24))
    found, before = [], None
    for at in hours:
        offset = at.astimezone(zone).utcoffset()
        if before is not None and offset != before:
            found.append(at)
        before = offset
    return found


def test_the_night_ends_at_nine_by_the_customers_clock() -> None:
    now = datetime(2026, 7, 1, 3, 0, tzinfo=UTC)
    assert next_opening(NIGHT, ["Europe/Berlin"], now) == datetime(2026, 7, 1, 7, 0, tzinfo=UTC)
    assert next_opening(NIGHT, ["UTC"], datetime(2026, 7, 1, 9, 0, tzinfo=UTC)) is not None
    assert next_opening(NIGHT, ["UTC"], now.replace(hour=12)) == now.replace(hour=12)


def test_several_possible_zones_must_all_be_open() -> None:
    now = datetime(2026, 1, 5, 14, 30, tzinfo=UTC)  # 09:30 in New York, 06:30 in Los Angeles
    both = ["America/New_York", "America/Los_Angeles"]
    assert next_opening(NIGHT, both, now) == datetime(2026, 1, 5, 17, 0, tzinfo=UTC)


def test_zones_whose_days_never_meet_have_no_opening() -> None:
    narrow = window("12:00", "10:00")  # open from 10 to 12
    now = datetime(2026, 1, 5, tzinfo=UTC)
    assert next_opening(narrow, ["UTC", "Asia/Tokyo"], now) is None


def test_equal_ends_mean_no_quiet_hours() -> None:
    now = datetime(2026, 1, 5, 3, tzinfo=UTC)
    assert next_opening(window("08:00", "08:00"), ["UTC"], now) == now


def test_a_customers_zones_come_from_what_is_known() -> None:
    assert zones.candidates("Europe/Paris", "US", None, "UTC") == ("Europe/Paris",)
    assert zones.candidates("Mars/Olympus", "DE", None, "UTC") == (
        "Europe/Berlin",
        "Europe/Busingen",
    )
    assert zones.candidates(None, "United Kingdom", None, "UTC") == ("Europe/London",)
    assert zones.candidates(None, "US", "+14155550123", "UTC") == ("America/Los_Angeles",)
    assert zones.candidates(None, None, "+14155550123", "UTC") == ("America/Los_Angeles",)
    assert zones.candidates(None, None, None, "Asia/Tokyo") == ("Asia/Tokyo",)
    assert zones.candidates(None, "FR", "+14155550123", "UTC") == (
        "America/Los_Angeles",
        "Europe/Paris",
    )
