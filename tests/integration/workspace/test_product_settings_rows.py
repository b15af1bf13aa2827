from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import insert, select

from segmind import clock
from segmind.db.engine import Store
from segmind.workspace import audit, product_clock, product_settings
from segmind.workspace.product_settings import InvalidSetting, ProductSettings
from segmind.workspace.tables import setting

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


def test_settings_are_the_defaults_until_somebody_changes_them(store: Store) -> None:
    with store.engine.begin() as conn:
        assert product_settings.load(conn) == ProductSettings()
        changes = {"timezone": "Europe/Berlin", "caps": {"sms": {"per_day": 2, "per_week": 4}}}
        after = product_settings.save(conn, changes, "ann@example.com", NOW)
        assert product_settings.load(conn) == after
        assert after.timezone == "Europe/Berlin"
        assert set(after.caps) == {"sms"}
        entry = audit.recent(conn)[0]
    assert entry.action == "settings.update"
    assert entry.detail is not None
    assert entry.detail["timezone"] == {"before": "UTC", "after": "Europe/Berlin"}


def test_a_refused_change_stores_nothing(store: Store) -> None:
    with store.engine.begin() as conn:
        with pytest.raises(InvalidSetting):
            product_settings.save(conn, {"shop_name": "New", "timezone": "Nowhere"}, "ann", NOW)
        assert conn.execute(select(setting)).all() == []


def test_a_setting_put_back_to_its_default_is_forgotten(store: Store) -> None:
    with store.engine.begin() as conn:
        product_settings.save(conn, {"holdout_percent": 10}, "ann", NOW)
        product_settings.save(conn, {"holdout_percent": 5}, "ann", NOW)
        assert conn.execute(select(setting)).all() == []


def test_rows_of_a_newer_version_do_not_stop_an_older_one(store: Store) -> None:
    with store.engine.begin() as conn:
        conn.execute(insert(setting).values(key="from_the_future", value=1))
        assert product_settings.load(conn) == ProductSettings()


def test_the_product_clock_follows_the_setting_and_survives_the_database(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(product_clock, "SECONDS_KEPT", 0.0)
    frozen = datetime(2019, 11, 30, 23, 59, 59, tzinfo=UTC)
    try:
        product_clock.follow(store)
        assert abs((clock.now() - clock.wall()).total_seconds()) < 5
        with store.engine.begin() as conn:
            product_settings.save(conn, {"clock_frozen_at": frozen}, "ann", NOW)
        assert clock.now() == frozen
        with store.engine.begin() as conn:
            conn.exec_driver_sql("ALTER TABLE setting RENAME TO setting_gone")
        assert clock.now() == frozen
    finally:
        clock.use(None)
