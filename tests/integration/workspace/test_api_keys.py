from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from segmind.db.engine import Store
from segmind.errors import InvalidInput, NotFound
from segmind.settings import from_environment
from segmind.workspace import access, api_keys, audit, members
from segmind.workspace.access import Visit
from segmind.workspace.api_keys import Scope
from segmind.workspace.tables import api_key

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
LOCAL = Visit("127.0.0.1", "localhost:8631")


def test_a_key_is_known_by_its_secret_which_is_not_kept(store: Store) -> None:
    with store.engine.begin() as conn:
        key, secret = api_keys.create(conn, "Shop", ["events:write"], actor="ann", now=NOW)
        assert secret.startswith(f"sgm_live_{key.id}_")
        row = conn.execute(select(api_key)).one()
        kept = " ".join(str(value) for value in row)
        assert secret.split("_", 3)[3] not in kept
        found = api_keys.check(conn, secret, NOW)
        assert found is not None
        assert found.allows(Scope.EVENTS_WRITE)
        assert not found.allows(Scope.SEGMENTS_READ)
        assert api_keys.list_keys(conn)[0].last_used_at == NOW
        assert secret not in str(audit.recent(conn))


@pytest.mark.parametrize("tail", ["", "x", "_", "\0", "é", "x" * 500])
def test_anything_but_the_very_key_is_refused(store: Store, tail: str) -> None:
    with store.engine.begin() as conn:
        key, secret = api_keys.create(conn, "Shop", ["admin"], actor="ann", now=NOW)
        for wrong in (tail, f"sgm_live_{tail}", f"sgm_live_{key.id}_{tail}", secret[:-1] + tail):
            assert api_keys.check(conn, wrong, NOW) is None
        assert api_keys.check(conn, secret, NOW) is not None


def test_a_revoked_or_expired_key_is_refused(store: Store) -> None:
    soon = NOW + timedelta(days=1)
    with store.engine.begin() as conn:
        key, secret = api_keys.create(
            conn, "Shop", [Scope.ADMIN], actor="ann", now=NOW, expires_at=soon
        )
        assert api_keys.check(conn, secret, NOW) is not None
        assert api_keys.check(conn, secret, soon) is None
        assert api_keys.any_usable(conn, NOW)
        assert not api_keys.any_usable(conn, soon)
        api_keys.revoke(conn, key.id, actor="ann", now=NOW)
        assert api_keys.check(conn, secret, NOW) is None
        with pytest.raises(NotFound):
            api_keys.revoke(conn, "unknown", actor="ann", now=NOW)


@pytest.mark.parametrize(
    ("name", "scopes", "field"),
    [("", ["admin"], "name"), ("Shop", [], "scopes"), ("Shop", ["everything"], "scopes")],
)
def test_a_key_without_name_or_known_scope_is_refused(
    store: Store, name: str, scopes: list[str], field: str
) -> None:
    with store.engine.begin() as conn, pytest.raises(InvalidInput) as caught:
        api_keys.create(conn, name, scopes, actor="ann", now=NOW)
    assert caught.value.field == field


def test_a_new_workspace_is_open_on_its_own_machine_only(store: Store) -> None:
    elsewhere = from_environment(
        {"SEGMIND_HOST": "0.0.0.0", "SEGMIND_HOME": str(store.settings.home)}
    )
    with store.engine.begin() as conn:
        assert access.is_open(conn, store.settings, LOCAL)
        assert access.api_is_open(conn, store.settings, LOCAL, NOW)
        assert not access.is_open(conn, elsewhere, LOCAL)
        assert not access.is_open(conn, store.settings, Visit("10.0.0.9", "localhost"))
        assert not access.is_open(conn, store.settings, Visit("127.0.0.1", "evil.example"))


def test_the_first_key_closes_the_api_and_the_first_member_closes_all(store: Store) -> None:
    with store.engine.begin() as conn:
        api_keys.create(conn, "Shop", ["admin"], actor="ann", now=NOW)
        assert access.is_open(conn, store.settings, LOCAL)
        assert not access.api_is_open(conn, store.settings, LOCAL, NOW)
        members.create_first(
            conn, email="ann@example.com", name="", password="a good password", now=NOW
        )
        assert not access.is_open(conn, store.settings, LOCAL)
