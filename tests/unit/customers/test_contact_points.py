"""What is kept of an address, and with which words the rest is refused."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segmind.customers import amounts, contact_points
from segmind.customers.calls import InvalidCall
from segmind.customers.contact_points import BadValue
from segmind.customers.traits import Refused, sort_traits

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("a@b.co", "a@b.co"),
        (" First.Last+tag@Sub.EXAMPLE.com ", "First.Last+tag@sub.example.com"),
        ("o'neil@example.org", "o'neil@example.org"),
        ("ü@exämple.de", "ü@exämple.de"),
    ],
)
def test_an_address_that_can_be_is_kept(written: str, kept: str) -> None:
    assert contact_points.email(written) == kept


@pytest.mark.parametrize(
    "written",
    [
        "nobody",
        "@b.co",
        "a@",
        "a@b",
        "a@b..co",
        "a@-b.co",
        "a b@c.co",
        "a@b@c.co",
        ".a@b.co",
        "a..b@c.co",
        "a@1.2.3.4",
        "a@b.co\nBcc: x@y.z",
        "x" * 65 + "@b.co",
        "a@" + "b" * 250 + ".co",
        "<a@b.co>",
    ],
)
def test_an_address_that_cannot_be_is_refused(written: str) -> None:
    with pytest.raises(BadValue, match="e-mail"):
        contact_points.email(written)


@given(st.text(max_size=40))
def test_no_text_breaks_the_checks(written: str) -> None:
    for check in (
        contact_points.email,
        lambda t: contact_points.phone(t, "US"),
        contact_points.language,
        contact_points.timezone,
        lambda t: contact_points.birthday(t, NOW.date()),
    ):
        try:
            check(written)
        except BadValue as refused:
            assert str(refused)


@pytest.mark.parametrize(
    ("written", "country", "kept"),
    [
        ("+1 (202) 555-0123", None, "+12025550123"),
        ("202-555-0123", "us", "+12025550123"),
        ("0170 1234567", "DE", "+491701234567"),
        ("+49 170 1234567", "US", "+491701234567"),
    ],
)
def test_a_number_becomes_e164(written: str, country: str | None, kept: str) -> None:
    assert contact_points.phone(written, country) == kept


@pytest.mark.parametrize("country", [None, "Germany", "XX", ""])
def test_a_national_number_without_a_known_country_is_never_guessed(country: str | None) -> None:
    with pytest.raises(BadValue, match="national number"):
        contact_points.phone("0170 1234567", country)


def test_the_country_that_was_known_before_serves_for_the_phone() -> None:
    given = sort_traits({"phone": "0170 1234567"}, "DE", NOW)
    assert given.columns == {"phone": "+491701234567"}
    own = sort_traits({"phone": "2025550123", "address": {"country": "us"}}, "DE", NOW)
    assert own.columns == {"phone": "+12025550123", "country": "US"}


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("email", 7.5, "is no text"),
        ("email", True, "is no text"),
        ("first_name", "", "is empty"),
        ("birthday", "2027-01-01", "nobody's birthday"),
        ("birthday", "31.12.1990", "is no date"),
        ("timezone", "Mars/Base", "is no time zone"),
        ("language", "englisch!", "is no language tag"),
        ("score", float("nan"), "is no number"),
        ("score", 2**60, "too large"),
        ("note", "x" * 2001, "longer than"),
        ("email_consent", 1, "keeps for itself"),
        ("x" * 101, 1, "has a name"),
        ("deep", [[[[[[1]]]]]], "nested"),
    ],
)
def test_a_bad_trait_is_refused_by_name_and_the_rest_goes_in(
    name: str, value: Any, reason: str
) -> None:
    given = sort_traits({name: value, "city": "Oslo", "plan": "pro"}, None, NOW)
    assert given.columns == {"city": "Oslo"}
    assert given.custom == {"plan": "pro"}
    (refused,) = given.refused
    assert isinstance(refused, Refused)
    assert refused.field == f"traits.{name}"
    assert reason in refused.reason


def test_null_clears_a_trait() -> None:
    given = sort_traits({"email": None, "plan": None}, None, NOW)
    assert given.columns == {"email": None}
    assert given.removed == ("plan",)


@given(
    total=st.integers(0, 10**9),
    weights=st.lists(st.decimals(0, 10**6, places=3), min_size=1, max_size=30),
)
def test_parts_always_add_up_and_stay_fair(total: int, weights: list[Decimal]) -> None:
    parts = amounts.shared_out(total, weights)
    assert sum(parts) == total
    whole = sum(weights)
    for part, weight in zip(parts, weights, strict=True):
        fair = total * weight / whole if whole else Decimal(total) / len(weights)
        assert abs(part - fair) < 1


@pytest.mark.parametrize(
    ("written", "currency", "minor"),
    [(19.99, "USD", 1999), ("0.005", "USD", 0), ("0.015", "USD", 2), (1500, "JPY", 1500),
     ("1.2345", "KWD", 1234), (0.1 + 0.2, "USD", 30)],
)  # fmt: skip
def test_money_is_counted_in_minor_units(written: Any, currency: str, minor: int) -> None:
    assert amounts.minor(amounts.amount(written, "price"), currency) == minor


@pytest.mark.parametrize("bad", [None, True, [], "1,5", "", "NaN", "Infinity", float("inf"), -1])
def test_what_is_no_amount_is_refused(bad: Any) -> None:
    with pytest.raises(InvalidCall) as refused:
        amounts.amount(bad, "properties.price")
    assert refused.value.field == "properties.price"
