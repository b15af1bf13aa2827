"""Erasing while a campaign is being launched leaves no address behind and stops no launch."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from segmind.campaigns import launch as launching
from segmind.campaigns.lifecycle import Status
from segmind.consent.addresses import address_key
from segmind.customers import erasure
from segmind.messages.erasure import forgetting
from tests.integration.campaigns.conftest import Desk


@pytest.mark.parametrize("portions", [0, 1, 2])
def test_an_erasure_between_portions_leaves_no_address(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, portions: int
) -> None:
    desk.customers(9)
    campaign = desk.campaign()
    monkeypatch.setattr(launching, "PORTION", 4)
    taken = launching._take
    calls = 0

    def take(*given: object) -> bool:
        nonlocal calls
        more = taken(*given)  # type: ignore[arg-type]
        if calls == portions:
            key = address_key(desk.store.settings.secret_key)
            with desk.store.engine.begin() as conn:
                for each in conn.execute(text("SELECT min(id) FROM customer UNION SELECT max(id) "
                                              "FROM customer")).scalars().all():  # fmt: skip
                    erasure.erase(conn, each, desk.now, [forgetting(key, desk.now)])
        calls += 1
        return more

    monkeypatch.setattr(launching, "_take", take)
    assert desk.launch(campaign) is Status.SENDING
    rows = desk.rows("SELECT customer_id, address FROM message ORDER BY customer_id")
    assert len(rows) == 9
    for table in ("message", "campaign_recipient", "customer"):
        found = desk.rows(f"SELECT t::text FROM {table} t WHERE t::text ~ 'c[19]@example'")
        assert found == [], table
    assert sum("@example" in str(row.address) for row in rows) == 7
