from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import select, update

from segmind.db.engine import Store
from segmind.errors import InvalidInput
from segmind.workspace import audit, credentials
from segmind.workspace.credentials import CredentialUnreadable
from segmind.workspace.tables import credential

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
KEY = b"k" * 64


def test_credentials_come_back_and_are_not_readable_at_rest(store: Store) -> None:
    values = {"account_sid": "AC1", "auth_token": "very-secret", "from": " "}
    with store.engine.begin() as conn:
        credentials.save(conn, KEY, "twilio", values, actor="ann", now=NOW)
        sealed = conn.execute(select(credential.c.sealed)).scalar_one()
        assert b"very-secret" not in bytes(sealed)
        expected = {"account_sid": "AC1", "auth_token": "very-secret"}
        assert credentials.load(conn, KEY, "twilio") == expected
        assert credentials.load_all(conn, KEY) == {"twilio": expected}
        assert credentials.stored(conn) == {"twilio": NOW}
        assert "very-secret" not in str(audit.recent(conn))
        credentials.remove(conn, "twilio", actor="ann")
        assert credentials.load(conn, KEY, "twilio") is None


def test_another_key_or_another_row_cannot_open_them(store: Store) -> None:
    with store.engine.begin() as conn:
        credentials.save(conn, KEY, "twilio", {"auth_token": "x"}, actor="ann", now=NOW)
        with pytest.raises(CredentialUnreadable):
            credentials.load(conn, b"o" * 64, "twilio")
        conn.execute(update(credential).values(provider="sendgrid"))
        with pytest.raises(CredentialUnreadable):
            credentials.load(conn, KEY, "sendgrid")
        conn.execute(update(credential).values(sealed=b"\x01short"))
        with pytest.raises(CredentialUnreadable):
            credentials.load(conn, KEY, "sendgrid")


def test_empty_credentials_are_refused(store: Store) -> None:
    with store.engine.begin() as conn, pytest.raises(InvalidInput):
        credentials.save(conn, KEY, "twilio", {"auth_token": "  "}, actor="ann", now=NOW)
