from __future__ import annotations

from datetime import UTC, datetime

import pytest

from segmind.workspace import currency
from segmind.workspace.product_settings import InvalidSetting, ProductSettings, _validated


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"timezone": "../../etc/passwd"}, "timezone"),
        ({"currency": "usd"}, "currency"),
        ({"currency": "XXX"}, "currency"),
        ({"quiet_hours": {"sms": {"start": "25:00", "end": "09:00"}}}, "quiet_hours.sms.start"),
        ({"quiet_hours": {"pigeon": {"start": "21:00", "end": "09:00"}}}, "quiet_hours.pigeon"),
        ({"caps": {"sms": {"per_day": 0, "per_week": 3}}}, "caps.sms.per_day"),
        ({"caps": {"sms": {"per_day": 1}}}, "caps.sms.per_week"),
        ({"holdout_percent": 51}, "holdout_percent"),
        ({"holdout_percent": float("nan")}, "holdout_percent"),
        ({"attribution_window_days": 0}, "attribution_window_days"),
        ({"public_url": "javascript:alert(1)"}, "public_url"),
        ({"public_url": "https://user:pw@shop.example"}, "public_url"),
        ({"public_url": "https://shop.example:99999"}, "public_url"),
        ({"email_from": "shop@example.com\nBcc: all@example.com"}, "email_from"),
        ({"email_from_name": "Shop\r\nBcc: all@example.com"}, "email_from_name"),
        ({"sms_sender": "+0"}, "sms_sender"),
        ({"clock_frozen_at": "2026-01-01T00:00:00"}, "clock_frozen_at"),
        ({"in_doubt_policy": "guess"}, "in_doubt_policy"),
        ({"shop_name": "  "}, "shop_name"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_wrong_value_is_refused_and_its_field_named(
    changes: dict[str, object], field: str
) -> None:
    with pytest.raises(InvalidSetting) as caught:
        _validated(changes)
    assert caught.value.field == field
    assert caught.value.message


def test_the_defaults_are_valid_and_survive_json() -> None:
    defaults = ProductSettings()
    assert ProductSettings.model_validate(defaults.model_dump(mode="json")) == defaults


def test_a_frozen_instant_is_kept_in_utc() -> None:
    settings = _validated({"clock_frozen_at": "2019-11-30T23:59:59+02:00"})
    assert settings.clock_frozen_at == datetime(2019, 11, 30, 21, 59, 59, tzinfo=UTC)
    assert settings.clock_frozen_at.tzinfo is UTC


def test_currencies_know_their_decimals() -> None:
    assert [currency.decimals(code) for code in ("USD", "JPY", "KWD")] == [2, 0, 3]
    assert {"EUR", "JPY", "KWD"} <= currency.CODES
