"""A segment's size by day and its change within a week."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from segmind.segments.course import Course
from segmind.segments.day_files import DayFile
from segmind.segments.sizes import Size

NOW = datetime(2026, 11, 26, 15, 7, tzinfo=UTC)
ZONE = ZoneInfo("UTC")


def kept(day: date, size: int, rule: str = "present") -> DayFile:
    begins = datetime.combine(day, time(), UTC)
    return DayFile(1, 1, day, "a/b", 1, "", begins, size, rule, "filled", None, 0)


def newest(size: int, as_of: datetime = NOW) -> Size:
    return Size(1, as_of, size, 0, 0, {}, "present")


def days_back(*sizes: tuple[int, int]) -> list[DayFile]:
    return [kept(NOW.date() - timedelta(days=back), size) for back, size in sizes]


def test_a_change_is_told_against_the_day_a_week_before_and_no_later_one() -> None:
    course = Course.of(days_back((14, 50), (7, 100), (1, 120), (0, 140)), newest(147), ZONE)
    assert (course.since, course.then) == (date(2026, 11, 19), 100)
    assert course.change == 47
    assert round(course.growth or 0, 4) == 0.47


def test_sizes_are_those_of_the_days_without_a_gap() -> None:
    course = Course.of(days_back((4, 50), (2, 100), (1, 120), (0, 140)), newest(147), ZONE)
    assert course.sizes == (100, 120, 147)


def test_without_that_day_no_change_is_told() -> None:
    course = Course.of(days_back((8, 100), (3, 120)), newest(147), ZONE)
    assert (course.then, course.change, course.growth) == (None, None, None)


def test_days_of_another_rule_are_not_compared() -> None:
    week_ago = NOW.date() - timedelta(days=7)
    course = Course.of([kept(week_ago, 9_000, "old"), *days_back((1, 90))], newest(95), ZONE)
    assert course.change is None
    assert course.sizes == (90, 95)


def test_an_empty_segment_grows_by_a_number_and_by_no_share() -> None:
    course = Course.of(days_back((7, 0)), newest(5), ZONE)
    assert (course.change, course.growth) == (5, None)


def test_a_day_is_one_of_the_workspace() -> None:
    late = datetime(2026, 11, 26, 23, 30, tzinfo=UTC)
    course = Course.of(days_back((6, 100)), newest(110, late), ZoneInfo("Asia/Tokyo"))
    assert (course.since, course.change) == (date(2026, 11, 20), 10)
