"""Nothing is sent for real unless credentials say so."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from segmind.channels.channel import Channel
from segmind.channels.registry import build
from segmind.errors import NotFound
from segmind.settings import Settings, from_environment

TWILIO = {"account_sid": "AC1", "auth_token": "t", "from": "+15005550006"}
SENDGRID = {"api_key": "SG.x", "from": "shop@example.com"}


def settings(tmp_path: Path, environ: Mapping[str, str] | None = None) -> Settings:
    return from_environment({"SEGMIND_HOME": str(tmp_path), **(environ or {})})


def test_without_credentials_every_channel_goes_to_the_sandbox(tmp_path: Path) -> None:
    registry = build(settings(tmp_path))
    for channel in Channel:
        assert registry.for_channel(channel).name == "sandbox"
        assert registry.for_channel(channel).channel is channel
        assert not registry.is_real(channel)
    assert registry.named("sandbox").name == "sandbox"


def test_credentials_choose_the_vendor_of_their_channel_only(tmp_path: Path) -> None:
    registry = build(settings(tmp_path), {"twilio": TWILIO})
    assert registry.for_channel(Channel.SMS).name == "twilio"
    assert registry.is_real(Channel.SMS)
    assert registry.for_channel(Channel.EMAIL).name == "sandbox"
    assert registry.named("twilio") is registry.for_channel(Channel.SMS)
    assert registry.named("sandbox").name == "sandbox"


def test_the_environment_serves_where_the_workspace_says_nothing(tmp_path: Path) -> None:
    environ = {f"SEGMIND_SENDGRID_{k.upper()}": v for k, v in SENDGRID.items()}
    assert build(settings(tmp_path, environ)).for_channel(Channel.EMAIL).name == "sendgrid"


def test_half_the_credentials_are_none(tmp_path: Path) -> None:
    registry = build(settings(tmp_path), {"twilio": {**TWILIO, "auth_token": ""}, "fcm": {}})
    assert registry.for_channel(Channel.SMS).name == "sandbox"
    assert registry.for_channel(Channel.PUSH).name == "sandbox"


def test_an_unknown_provider_is_said(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        build(settings(tmp_path)).named("carrier-pigeon")


def test_every_channel_has_its_code_and_field() -> None:
    assert [c.code for c in Channel] == [1, 2, 3]
    assert [Channel.of_code(c.code) for c in Channel] == list(Channel)
    assert [c.address_field for c in Channel] == ["email", "phone", "push_token"]
    with pytest.raises(ValueError, match="9"):
        Channel.of_code(9)
