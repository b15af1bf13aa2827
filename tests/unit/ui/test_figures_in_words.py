"""Numbers, money and times as a person reads them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from segmind.ui import figures

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("minor", "currency", "said"),
    [
        (123456, "USD", "$1,234.56"),
        (-50, "EUR", "−€0.50"),
        (1200, "JPY", "¥1,200"),
        (1500, "KWD", "1.500 KWD"),
        (None, "USD", figures.DASH),
    ],
)
def test_money_has_its_currencys_decimals(minor: int | None, currency: str, said: str) -> None:
    assert figures.money(minor, currency) == said


def test_compact_money_keeps_three_digits() -> None:
    assert figures.money(61_000_000, "USD", compact=True) == "$610K"
    assert figures.money(1_234_567_89, "USD", compact=True) == "$1.2M"


@pytest.mark.parametrize(
    ("gap", "said"),
    [
        (timedelta(seconds=1), "just now"),
        (timedelta(minutes=4), "4 min ago"),
        (timedelta(hours=3), "3 h ago"),
        (timedelta(days=12), "12 days ago"),
        (timedelta(hours=-2), "in 2 h"),
    ],
)
def test_an_instant_is_told_by_its_distance(gap: timedelta, said: str) -> None:
    assert figures.ago(NOW - gap, NOW) == said


def test_a_share_of_nothing_is_a_dash() -> None:
    assert figures.share(0, 0) == figures.DASH
    assert figures.share(1, 8) == "12.5%"


def test_masks_show_no_whole_address() -> None:
    assert figures.mask_email("mara.keller@example.com") == "m…@example.com"
    assert figures.mask_phone("+15005550142") == "+1 ••• 0142"
    assert figures.mask_name("Mara", "Keller") == "Mara K."
    assert figures.mask_name(None, None) == figures.DASH
