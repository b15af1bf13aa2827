"""Quiet hours in every zone around every change of clocks, and caps under many campaigns at once.

By default some zones and one year; ``-m slow`` takes all zones, 2024 to 2030.
"""

from __future__ import annotations

import random
import sys
import threading
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from sqlalchemy import text

from segmind.consent import gate
from segmind.consent.addresses import address_key
from segmind.consent.gate import Allowed, ContactRequest, Deferred
from segmind.consent.hours import week_for
from segmind.consent.quiet_hours import Week, opening
from segmind.consent.zones import Place
from segmind.db.engine import Store
from segmind.events.schema import Channel
from segmind.workspace.product_settings import Cap, ProductSettings

KEY = address_key(b"k" * 32)
SEED = 20260302
ZONES = sorted(available_timezones() - {"localtime", "Factory"})
SOME = random.Random(SEED).sample(ZONES, 24)
SOME += ["Australia/Lord_Howe", "Africa/Casablanca", "America/Santiago", "Antarctica/Troll"]
NIGHTS = (("20:00", "09:00"), ("22:00", "02:30"), ("01:30", "02:15"), ("00:00", "00:30"))


def changes(zone: ZoneInfo, first: int, last: int) -> Iterator[datetime]:
    """The instants at which the zone's clocks change, to the second, by looking every six hours."""
    at, end = datetime(first, 1, 1, tzinfo=UTC), datetime(last, 12, 31, tzinfo=UTC)
    step = timedelta(hours=6)
    while at < end:
        low, high = at, at + step
        before = low.astimezone(zone).utcoffset()
        if high.astimezone(zone).utcoffset() != before:
            while high - low > timedelta(seconds=1):
                middle = low + timedelta(seconds=int((high - low).total_seconds()) // 2)
                if middle.astimezone(zone).utcoffset() == before:
                    low = middle
                else:
                    high = middle
            yield high
        at += step


def is_night(at: datetime, zone: ZoneInfo, night: tuple[str, str]) -> bool:
    """By the wall clock alone, as a person would say it."""
    wall = at.astimezone(zone).time()
    start, end = time.fromisoformat(night[0]), time.fromisoformat(night[1])
    return start <= wall < end if start < end else wall >= start or wall < end


def violations(names: list[str], first: int, last: int) -> tuple[int, int]:
    """(openings looked at, those at night or later than need be)."""
    looked = wrong = 0
    for name in names:
        zone = ZoneInfo(name)
        for edge in changes(zone, first, last):
            for night in NIGHTS:
                week = Week.outside(*night)
                for minutes in range(-200, 201, 40):
                    now = edge + timedelta(minutes=minutes)
                    found = opening(week, (name,), now)
                    assert found is not None
                    looked += 1
                    last_open = found.closes - timedelta(seconds=1)
                    wrong += is_night(found.opens, zone, night) or is_night(last_open, zone, night)
                    wrong += not is_night(found.closes, zone, night)
                    if found.opens > now:
                        before = found.opens - timedelta(seconds=1)
                        wrong += not is_night(before, zone, night)
                        wrong += not is_night(now, zone, night)
    return looked, wrong


def test_around_changes_of_clocks_nobody_is_written_to_at_night() -> None:
    looked, wrong = violations(SOME, 2026, 2026)
    assert looked > 500
    assert wrong == 0


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_in_all_zones_until_2030_nobody_is_written_to_at_night() -> None:
    looked, wrong = violations(ZONES, 2024, 2030)
    # Shown by -s, with the seed of the rest.
    sys.stdout.write(f"{len(ZONES)} zones, {looked:,} openings, {wrong} violations, seed {SEED}\n")
    assert looked > 50_000
    assert wrong == 0


def test_law_narrows_the_shops_own_hours_by_state_and_weekday() -> None:
    settings = ProductSettings()
    florida = Place(("America/New_York",), "US", "FL")
    texas = Place(("America/Chicago",), "US", "TX")
    rhode = Place(("America/New_York",), "US", "RI")
    sunday = datetime(2026, 3, 1, 15, 30, tzinfo=UTC)  # 10:30 in New York

    def opens(place: Place, at: datetime) -> datetime:
        found = opening(week_for(settings, Channel.SMS, place), place.zones, at)
        assert found is not None
        return found.opens

    assert opens(florida, sunday) == datetime(2026, 3, 1, 17, tzinfo=UTC)  # noon
    assert opens(texas, sunday) == datetime(2026, 3, 1, 18, tzinfo=UTC)
    monday_at_six = datetime(2026, 3, 2, 23, tzinfo=UTC)  # 18:00 in New York
    assert opens(florida, monday_at_six) == monday_at_six
    assert opens(rhode, monday_at_six) == datetime(2026, 3, 3, 14, tzinfo=UTC)
    anywhere = Place(("Europe/Berlin",), "DE", "")
    assert opens(anywhere, sunday) == sunday
    assert week_for(settings, Channel.EMAIL, florida) == Week.outside("00:00", "00:00")


def people(store: Store, count: int) -> dict[int, str]:
    """Customers all over the world, each with a yes and a zone."""
    names = random.Random(SEED).choices(ZONES, k=count)
    with store.engine.begin() as conn:
        rows = conn.execute(
            text("""
                INSERT INTO customer (email, phone, sms_consent, timezone)
                SELECT 'c' || n || '@example.com', '+4915112345' || lpad(n::text, 3, '0'), 1, z
                FROM unnest(CAST(:names AS text[])) WITH ORDINALITY AS given(z, n)
                RETURNING id, timezone
            """),
            {"names": names},
        )
        return {row.id: row.timezone for row in rows}


def campaigns_at_once(store: Store, count: int, days: int, campaigns: int) -> None:
    """Every campaign asks for everybody every few hours; the grants are judged by themselves."""
    settings = ProductSettings(caps={"sms": Cap(per_day=2, per_week=5)}, place_hours={})
    zones = people(store, count)
    granted: list[tuple[int, datetime]] = []
    start = datetime(2026, 3, 27, tzinfo=UTC)  # over Europe's change of clocks

    def campaign(number: int) -> None:
        order = list(zones)
        random.Random(number).shuffle(order)
        for hour in range(0, days * 24, 5):
            now = start + timedelta(hours=hour, minutes=7 * number)
            asked = [ContactRequest(i, Channel.SMS, "+4915112345678") for i in order]
            with store.engine.begin() as conn:
                verdicts = gate.may_contact(conn, KEY, settings, asked, now)
            for who, verdict in zip(order, verdicts, strict=True):
                if isinstance(verdict, Allowed):
                    granted.append((who, now))
                elif isinstance(verdict, Deferred):
                    assert not is_night(verdict.until, ZoneInfo(zones[who]), ("20:00", "09:00"))

    threads = [threading.Thread(target=campaign, args=(n,)) for n in range(campaigns)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert granted
    by_day: defaultdict[int, Counter[date]] = defaultdict(Counter)
    for who, at in granted:
        zone = ZoneInfo(zones[who])
        assert not is_night(at, zone, ("20:00", "09:00"))
        by_day[who][at.astimezone(zone).date()] += 1
    for counted in by_day.values():
        assert max(counted.values()) <= 2
        for day in counted:
            assert sum(counted[day - timedelta(days=n)] for n in range(7)) <= 5
    assert max(sum(counted.values()) for counted in by_day.values()) >= min(5, 2 * (days - 1))


def test_eight_campaigns_at_once_never_exceed_a_cap_nor_wake_anybody(store: Store) -> None:
    campaigns_at_once(store, count=30, days=3, campaigns=8)


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_eight_long_campaigns_at_once_never_exceed_a_cap_nor_wake_anybody(store: Store) -> None:
    campaigns_at_once(store, count=600, days=12, campaigns=8)


def test_hours_must_lie_between_two_messages_where_the_shop_says_so(store: Store) -> None:
    (who,) = people(store, 1)
    settings = ProductSettings(
        quiet_hours={}, place_hours={}, caps={"sms": Cap(per_day=9, per_week=9, gap_hours=16)}
    )
    start = datetime(2026, 3, 2, 1, tzinfo=UTC)
    sent = []
    for hour in range(0, 50, 2):
        with store.engine.begin() as conn:
            asked = [ContactRequest(who, Channel.SMS, "+4915112345678")]
            verdict = gate.may_contact(conn, KEY, settings, asked, start + timedelta(hours=hour))
        if isinstance(verdict[0], Allowed):
            sent.append(hour)
    assert sent == [0, 16, 32, 48]
