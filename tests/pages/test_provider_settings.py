"""Settings, Sending: credentials go in and never out; connections are checked, tests are sent."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from segmind import clock
from segmind.channels.emulator.running import InThread, emulating
from segmind.consent import suppressions
from segmind.consent.addresses import address_key
from segmind.db.engine import Store
from segmind.workspace import audit, credentials
from tests.pages.conftest import Open, assert_well, texts

TWILIO = ("account_sid", "auth_token", "from", "base_url")


@pytest.fixture
def emulator() -> Iterator[InThread]:
    with emulating(seed=1) as running:
        yield running


def filled(app, emulator: InThread, **changes: str):  # type: ignore[no-untyped-def]
    for name in TWILIO:
        value = changes.get(name, emulator.environment[f"SEGMIND_TWILIO_{name.upper()}"])
        app.text_input(key=f"cred_twilio_{name}").set_value(value)
    return app


def test_credentials_are_stored_encrypted_checked_and_tried(
    ui: Store, open_page: Open, emulator: InThread
) -> None:
    app = open_page("settings", set_tab="Sending")
    filled(app, emulator)
    app.button(key="store_twilio").click().run()
    assert_well(app)
    assert "Credentials stored" in texts(app)
    secret = emulator.environment["SEGMIND_TWILIO_AUTH_TOKEN"]
    assert secret not in str(app)
    with ui.engine.connect() as conn:
        kept = credentials.load(conn, ui.settings.secret_key, "twilio")
    assert kept is not None
    assert kept["auth_token"] == secret

    app.button(key="check_twilio").click().run()
    assert "Connected to the Twilio account Rehearsal" in app.success[0].value

    app.text_input(key="trial_twilio_address").set_value("+49 151 1234-5678")
    app.button(key="trial_twilio_send").click().run()
    assert "twilio accepted the test message (SM" in app.success[0].value
    (taken,) = emulator.accepted()
    assert taken.address == "+4915112345678"
    with ui.engine.connect() as conn:
        entry = audit.recent(conn, limit=1)[0]
    assert entry.action == "provider.test"
    assert "12345678" not in str(entry.detail)


def test_wrong_credentials_and_addresses_are_told_in_words(
    ui: Store, open_page: Open, emulator: InThread
) -> None:
    app = open_page("settings", set_tab="Sending")
    filled(app, emulator, auth_token="wrong")
    app.button(key="store_twilio").click().run()
    app.button(key="check_twilio").click().run()
    assert "Twilio refuses the credentials: Authenticate" in app.error[0].value
    app.text_input(key="trial_twilio_address").set_value("0151 12345678")
    app.button(key="trial_twilio_send").click().run()
    assert "no address" in app.warning[0].value
    app.text_input(key="trial_twilio_address").set_value("+4915112345678")
    app.button(key="trial_twilio_send").click().run()
    assert "did not take it now" in app.error[0].value
    with ui.engine.begin() as conn:
        key = address_key(ui.settings.secret_key)
        suppressions.add(conn, key, "sms", "+4915112345678", "manual", "test", clock.now())
    app.button(key="trial_twilio_send").click().run()
    assert "must not be used" in app.warning[0].value
    assert emulator.accepted() == []


def test_what_no_provider_can_be_made_of_is_not_stored(ui: Store, open_page: Open) -> None:
    app = open_page("settings", set_tab="Sending")
    app.text_input(key="cred_twilio_account_sid").set_value("AC1")
    app.button(key="store_twilio").click().run()
    assert "credentials are missing" in app.warning[0].value
    app.text_input(key="cred_fcm_service_account").set_value("{}")
    app.button(key="store_fcm").click().run()
    assert "service account cannot be read" in app.warning[0].value
    with ui.engine.connect() as conn:
        assert credentials.stored(conn) == {}
